"""The event vocabulary: everything a campaign tells the outside world, typed and versioned.

A campaign appends events to ``events.ndjson`` in its bundle; fronts and reporters read that file and
know nothing else; ``harness.core.event_lines`` writes and reads its lines. Adding a field with a default
keeps the version; any other change raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = [
    "EVENT_TYPES",
    "SCHEMA_VERSION",
    "VERDICTS",
    "CampaignEnded",
    "CampaignFailed",
    "CampaignPlanned",
    "CampaignSpent",
    "CampaignStarted",
    "CellEnded",
    "CellHeld",
    "ClauseJudged",
    "ComponentEnded",
    "ComponentReady",
    "Event",
    "EventSink",
    "HopSeen",
    "LimitFound",
    "LoadMeasured",
    "LoadStep",
    "Note",
    "PhaseEnded",
    "PhaseStarted",
    "PlannedClause",
    "StoryPlan",
    "Verdict",
]

SCHEMA_VERSION: Final = 1

Verdict = Literal["held", "violated", "inconclusive", "invalid", "not applicable", "waived", "waived but held"]
VERDICTS: Final[tuple[Verdict, ...]] = (
    "held",
    "violated",
    "inconclusive",
    "invalid",
    "not applicable",
    "waived",
    "waived but held",
)


@dataclass(frozen=True, slots=True)
class PlannedClause:
    """A selected clause as reporters need it: its id, its words, and where it is promised."""

    id: str
    statement: str
    source: str


@dataclass(frozen=True, slots=True)
class CampaignStarted:
    """First event: what will be proved. ``t`` is epoch seconds, ``bundle`` the folder of the evidence."""

    t: float
    campaign: str
    bundle: str
    speed: float
    backend: str
    scenarios: tuple[str, ...]
    clauses: tuple[PlannedClause, ...]
    replayed: bool = False
    schema: int = SCHEMA_VERSION
    because: str = ""
    """Why this backend was chosen."""


@dataclass(frozen=True, slots=True)
class StoryPlan:
    """What a story is expected to take: its windows last ``wall_s`` at its ``speed``; CPU of everything in its cell.

    ``expected_s`` is the wall time from its start to its end, by what it took here before; 0 where it is not known.
    """

    cell: str
    speed: float
    wall_s: float
    cpu_s: float
    expected_s: float = 0.0

    @property
    def length_s(self) -> float:
        """How long it occupies its share of the machine, in wall seconds."""
        return self.expected_s or self.wall_s


@dataclass(frozen=True, slots=True)
class CampaignPlanned:
    """What the selected stories will cost, on so many ``cores``.

    ``shared_cpu_s`` is what the parts that all stories share cost besides; ``budget_s`` is the wall time that the
    campaign allows itself, if it names one.
    """

    t: float
    stories: tuple[StoryPlan, ...]
    shared_cpu_s: float
    cores: int
    budget_s: float | None = None


@dataclass(frozen=True, slots=True)
class CampaignSpent:
    """What one attempt did cost: CPU seconds by part, as the kernel counted them, and the most memory held at once.

    ``peak_bytes`` is proportional (PSS), as sampled; 0 where the machine does not tell.
    """

    t: float
    attempt: int
    cpu_s: dict[str, float]
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Note:
    """A line for people: what is going on, or a warning that changes no verdict."""

    t: float
    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class ComponentReady:
    """A part of the stack or of the subject answers; ``took_s`` is wall time since its start."""

    t: float
    cell: str
    component: str
    took_s: float
    url: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class ComponentEnded:
    """A part ended. ``expected`` is false where nobody asked it to; ``tail`` holds its last log lines."""

    t: float
    cell: str
    component: str
    expected: bool
    exit_code: int | None
    tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase of a story began at production second ``production_s`` of its cell."""

    t: float
    cell: str
    phase: str
    production_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """A phase ended, and why (its length, its condition, or its bound)."""

    t: float
    cell: str
    phase: str
    production_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class HopSeen:
    """One hop of the causal chain from fault to recovery was observed.

    ``hop`` is one of fault, metric, log, health, pending, firing, alertmanager, inhibited, receiver, silent,
    resolved, healed; ``about`` names the fault, alert, stream or endpoint. ``latency_s`` is production
    time since ``since``, the hop it is measured from; ``wall`` marks latencies of the real world.
    """

    t: float
    cell: str
    hop: str
    about: str
    production_s: float
    latency_s: float | None = None
    since: str = ""
    wall: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CellHeld:
    """``--hold`` keeps a failing cell alive: its URLs and queries to paste."""

    t: float
    cell: str
    urls: dict[str, str]
    queries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CellEnded:
    """A story is over; ``fit`` is false where generator or stack made its verdicts invalid."""

    t: float
    cell: str
    production_s: float
    fit: bool
    reason: str


@dataclass(frozen=True, slots=True)
class LoadMeasured:
    """Figures of the load of a phase (empty: the whole story), for one kind of request (empty: all).

    ``spreads`` maps response, service, first token, inter-token and widest gap to count, p50_s, p90_s, p95_s, p99_s
    and max_s, in seconds of ``clock``; ``lateness`` is in wall seconds always. Rates are per production second.
    ``good`` requests met every objective of the story. ``generator_cpu_ratio`` is the share of one processor that the
    generator used, all its cells together; ``loop`` says who decided when a request is sent: the schedule (open), or
    users that wait for answers (closed), whose figures say nothing of those who would have come meanwhile.
    """

    t: float
    cell: str
    phase: str
    kind: str
    loop: Literal["open", "closed", "both"]
    clock: Literal["production", "wall"]
    intended: int
    sent: int
    dropped: int
    ended: int
    aborted: int
    lost: int
    unexpected: int
    good: int
    throughput_per_s: float
    goodput_per_s: float
    work_per_s: float
    spreads: dict[str, dict[str, float]]
    generator_cpu_ratio: float | None = None
    saturated: bool | None = None
    """Whether requests in flight and response times both rose in a phase; None where that cannot be told."""


@dataclass(frozen=True, slots=True)
class LoadStep:
    """One rate of a search for the limit: what was sent, what broke (service, metrics, logs, stack, generator) and why.

    Rates are per production second, ``response_p95_s`` is in seconds of the subject's clock; lateness and everything in
    ``telemetry`` that ends in ``_s`` is in wall seconds.
    """

    t: float
    cell: str
    step: int
    rate_per_s: float
    held: bool
    broke: tuple[str, ...]
    reasons: tuple[str, ...]
    sent: int
    failed: int
    dropped: int
    throughput_per_s: float
    response_p95_s: float | None
    lateness_p99_s: float | None
    telemetry: dict[str, float]


@dataclass(frozen=True, slots=True)
class LimitFound:
    """What a search says: the highest rate at which all held, the lowest that broke something, and what broke first.

    None where there was no such rate. ``cut_short`` says why the search could not go on.
    """

    t: float
    cell: str
    rate_per_s: float | None
    broken_at_per_s: float | None
    broke_first: str
    reason: str
    steps: int
    cut_short: str = ""


@dataclass(frozen=True, slots=True)
class ClauseJudged:
    """The verdict on one clause; ``details`` are further lines for a person, ``reproduce`` a command."""

    t: float
    clause: str
    verdict: Verdict
    message: str
    details: tuple[str, ...] = ()
    source: str = ""
    reproduce: str = ""
    attempt: int = 1
    slack_s: float | None = None
    """Wall seconds between what was seen and the nearest bound of the clause; ``None`` where it has no bound."""


@dataclass(frozen=True, slots=True)
class CampaignFailed:
    """The campaign ended without verdicts (exit code 2): a configuration or harness error."""

    t: float
    error: str
    refused: bool = False
    """Whether what is written was refused before anything else was done: there is no evidence."""


@dataclass(frozen=True, slots=True)
class CampaignEnded:
    """Last event: how many clauses got which verdict, the exit code and where the bundle lies."""

    t: float
    duration_s: float
    counts: dict[str, int]
    exit_code: int
    bundle: str
    cancelled: bool = False


Event = (
    CampaignStarted
    | CampaignPlanned
    | CampaignSpent
    | Note
    | ComponentReady
    | ComponentEnded
    | PhaseStarted
    | PhaseEnded
    | HopSeen
    | CellHeld
    | CellEnded
    | LoadMeasured
    | LoadStep
    | LimitFound
    | ClauseJudged
    | CampaignFailed
    | CampaignEnded
)
EventSink = Callable[[Event], None]

EVENT_TYPES: Final[dict[str, type[Any]]] = {
    "campaign_started": CampaignStarted,
    "campaign_planned": CampaignPlanned,
    "campaign_spent": CampaignSpent,
    "note": Note,
    "component_ready": ComponentReady,
    "component_ended": ComponentEnded,
    "phase_started": PhaseStarted,
    "phase_ended": PhaseEnded,
    "hop_seen": HopSeen,
    "cell_held": CellHeld,
    "cell_ended": CellEnded,
    "load_measured": LoadMeasured,
    "load_step": LoadStep,
    "limit_found": LimitFound,
    "clause_judged": ClauseJudged,
    "campaign_failed": CampaignFailed,
    "campaign_ended": CampaignEnded,
}
