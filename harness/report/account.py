"""What the events of a campaign add up to: the common ground of all reports that are written at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from harness.core.events import (
    VERDICTS,
    CampaignEnded,
    CampaignFailed,
    CampaignPlanned,
    CampaignSpent,
    CampaignStarted,
    CellEnded,
    ClauseJudged,
    ComponentEnded,
    ComponentReady,
    Event,
    HopSeen,
    LimitFound,
    LoadMeasured,
    LoadStep,
    Note,
    PhaseEnded,
    PhaseStarted,
    PlannedClause,
)

__all__ = ["Account", "CellAccount", "Link", "place_of"]

_OfCell = PhaseStarted | PhaseEnded | HopSeen | CellEnded | LoadMeasured | LoadStep | LimitFound
_MARKS: Final = frozenset({"fault", "healed"})
_CAUSAL: Final = ("metric", "log", "health", "pending", "firing", "alertmanager", "inhibited", "receiver", "resolved")


@dataclass(frozen=True, slots=True)
class Link:
    """A hop in its chain: ``latency_s`` after ``since``, the hop before it; ``None`` where the chain begins."""

    hop: HopSeen
    latency_s: float | None
    since: str


@dataclass(slots=True)
class CellAccount:
    """What was told of one cell."""

    name: str
    attempt: int = 1
    """Above 1 the story was played again, and this is the account of the last time."""
    started: list[PhaseStarted] = field(default_factory=list)
    ended: dict[str, PhaseEnded] = field(default_factory=dict)
    hops: list[HopSeen] = field(default_factory=list)
    loads: list[LoadMeasured] = field(default_factory=list)
    steps: list[LoadStep] = field(default_factory=list)
    limit: LimitFound | None = None
    end: CellEnded | None = None

    def chain(self) -> list[Link]:
        """All hops in order of production time.

        They are told as they are noticed, which is not always the order in which they happened: the
        latency of a hop counts from the nearest cause about the same thing that turned out to be before it.
        """
        ordered = sorted(self.hops, key=lambda hop: hop.production_s)
        return [_link(hop, ordered[:index]) for index, hop in enumerate(ordered)]


def _link(hop: HopSeen, earlier: list[HopSeen]) -> Link:
    own = Link(hop, hop.latency_s, hop.since)
    if hop.wall or hop.latency_s is None:
        return own
    begun_s = _begun_s(hop, hop.latency_s, earlier)
    led = [other for other in earlier if _may_lead(other, hop) and other.production_s > begun_s]
    if not led:
        return own
    before = max(led, key=_rank)
    return Link(hop, hop.production_s - before.production_s, before.hop)


def _begun_s(hop: HopSeen, latency_s: float, earlier: list[HopSeen]) -> float:
    """When the episode began that ``hop`` belongs to: hops of one before it do not lead to this one."""
    if hop.since.partition(" ")[0] in _MARKS:
        return hop.production_s - latency_s
    return max((other.production_s for other in earlier if other.hop in _MARKS), default=float("-inf"))


def _may_lead(before: HopSeen, hop: HopSeen) -> bool:
    return before.about == hop.about and before.hop not in _MARKS and _rank(before) < _rank(hop)


def _rank(hop: HopSeen) -> int:
    return _CAUSAL.index(hop.hop) if hop.hop in _CAUSAL else len(_CAUSAL)


@dataclass(slots=True)
class Account:
    """Everything that was told so far."""

    started: CampaignStarted | None = None
    ended: CampaignEnded | None = None
    failed: CampaignFailed | None = None
    planned_cost: CampaignPlanned | None = None
    """The plan of the first attempt."""
    spent: list[CampaignSpent] = field(default_factory=list)
    ready: dict[tuple[str, str], ComponentReady] = field(default_factory=dict)
    """Each part by cell and name; of one that started more than once, the last time."""
    deaths: list[ComponentEnded] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)
    cells: dict[str, CellAccount] = field(default_factory=dict)
    first_attempts: dict[str, CellAccount] = field(default_factory=dict)
    """Of stories that were played again, what was told the first time."""
    judged: dict[str, ClauseJudged] = field(default_factory=dict)
    """The last verdict on each clause."""

    def handle(self, event: Event) -> None:
        """Take one event into account."""
        match event:
            case CampaignStarted():
                self.started = event
                self.cells = {name: CellAccount(name) for name in event.scenarios}
            case CampaignPlanned():
                self.planned_cost = self.planned_cost or event
            case CampaignSpent():
                self.spent.append(event)
            case ComponentReady():
                self.ready[event.cell, event.component] = event
            case ComponentEnded() if not event.expected:
                self.deaths.append(event)
            case Note(level="warning"):
                self.warnings.append(event)
            case PhaseStarted() | PhaseEnded() | HopSeen() | CellEnded() | LoadMeasured() | LoadStep() | LimitFound():
                self._in_cell(event)
            case ClauseJudged():
                self.judged[event.clause] = event
            case CampaignFailed():
                self.failed = event
            case CampaignEnded():
                self.ended = event

    def _in_cell(self, event: _OfCell) -> None:
        cell = self.cells.setdefault(event.cell, CellAccount(event.cell))
        match event:
            case PhaseStarted():
                if any(begun.phase == event.phase for begun in cell.started):
                    self.first_attempts.setdefault(event.cell, cell)
                    cell = self.cells[event.cell] = CellAccount(event.cell, cell.attempt + 1)
                cell.started.append(event)
            case PhaseEnded():
                cell.ended[event.phase] = event
            case HopSeen():
                cell.hops.append(event)
            case LoadMeasured():
                cell.loads.append(event)
            case LoadStep():
                cell.steps.append(event)
            case LimitFound():
                cell.limit = event
            case CellEnded():
                cell.end = event

    @property
    def components(self) -> list[ComponentReady]:
        """The parts that were ready, in the order in which they first were."""
        return list(self.ready.values())

    @property
    def bundle(self) -> str:
        """Folder of the evidence, or the empty string before it is known."""
        if self.ended is not None:
            return self.ended.bundle
        return self.started.bundle if self.started is not None else ""

    @property
    def planned(self) -> dict[str, PlannedClause]:
        """The selected clauses by id, in the order in which they are reported."""
        return {clause.id: clause for clause in self.started.clauses} if self.started is not None else {}

    def clauses(self) -> Iterator[tuple[PlannedClause, ClauseJudged | None]]:
        """Every clause with its verdict; ``None`` where none was given."""
        planned = self.planned
        for name, clause in planned.items():
            yield clause, self.judged.get(name)
        for name, verdict in self.judged.items():
            if name not in planned:
                yield PlannedClause(name, "", verdict.source), verdict

    def counts(self) -> dict[str, int]:
        """How many clauses got which verdict, in the order of the vocabulary; only those that occurred."""
        told = [verdict.verdict for verdict in self.judged.values()]
        return {name: told.count(name) for name in VERDICTS if name in told}


def place_of(clause: str) -> tuple[str, str, str]:
    """Scope, plane and the rest of a clause id."""
    scope, _, rest = clause.partition("::")
    plane, _, name = rest.partition("::")
    return scope, plane, name
