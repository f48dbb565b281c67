"""How a campaign ends, told as events: the same for a campaign that has just run and for its bundle, years later."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.clauses.attached import Reach, planes_to_prove
from harness.clauses.fitness import unfit
from harness.clauses.limit import searched
from harness.clauses.measuring import measured
from harness.clauses.model import Clause
from harness.clauses.objectives import good_request
from harness.clauses.verdicts import EXIT_HELD, EXIT_INCONCLUSIVE, ClauseVerdict, exit_code, judge_campaign
from harness.contract import Campaign
from harness.core.events import CellEnded, ClauseJudged, Event, LimitFound, LoadMeasured, LoadStep, PlannedClause
from harness.evidence.store import Evidence

__all__ = ["Conclusion", "conclude", "conclude_search", "planned"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What closed evidence says: how each planned cell ended, its load, each verdict, and what they add up to."""

    cells: tuple[CellEnded, ...]
    loads: tuple[LoadMeasured, ...]
    judged: tuple[ClauseJudged, ...]
    counts: dict[str, int]
    exit_code: int
    found: tuple[LoadStep | LimitFound, ...] = ()

    def events(self) -> Iterator[Event]:
        """The events to tell, in order."""
        yield from self.cells
        yield from self.loads
        yield from self.found
        yield from self.judged


def planned(clauses: Iterable[Clause]) -> tuple[PlannedClause, ...]:
    """The clauses as reporters need them."""
    return tuple(PlannedClause(clause.id, clause.statement, str(clause.source)) for clause in clauses)


def conclude(
    campaign: Campaign,
    clauses: Sequence[Clause],
    evidence: Evidence,
    ended_t: float,
    played_again: Collection[str] = (),
    reach: Reach | None = None,
) -> Conclusion:
    """Judge ``clauses`` on closed evidence, as of the instant ``ended_t`` (epoch seconds).

    ``played_again`` are the cells whose evidence is that of a second attempt; ``reach`` is what could be seen of a
    system that ran already (None: the harness started everything, and every plane with a clause must have one that
    holds).
    """
    today = datetime.fromtimestamp(ended_t, UTC).date()
    limit_s = campaign.contract.budgets.lateness_p99
    verdicts = judge_campaign(clauses, evidence, campaign.waivers, today, limit_s)
    return Conclusion(
        cells=tuple(_cells(evidence, limit_s)),
        loads=tuple(_loads(campaign, evidence)),
        judged=tuple(
            _judged(item, ended_t, reach.command if reach else "harness gate", played_again) for item in verdicts
        ),
        counts=dict(Counter(str(item.verdict) for item in verdicts)),
        exit_code=exit_code(verdicts, planes_to_prove(clauses, reach) if reach else {c.plane for c in clauses}),
    )


def conclude_search(campaign: Campaign, clauses: Sequence[Clause], evidence: Evidence) -> Conclusion:
    """What a search for the limit says: no clause gets a verdict, because it goes on until something breaks.

    The exit code is 0 where a rate was found, 4 where none was or the search was cut short.
    """
    found = tuple(event for cell in evidence.planned for event in searched(campaign, clauses, evidence, cell))
    limits = [event for event in found if isinstance(event, LimitFound)]
    proved = bool(limits) and all(limit.rate_per_s and not limit.cut_short for limit in limits)
    return Conclusion(
        cells=tuple(_cells(evidence, math.inf)),
        loads=tuple(_loads(campaign, evidence)),
        judged=(),
        counts={},
        exit_code=EXIT_HELD if proved else EXIT_INCONCLUSIVE,
        found=found,
    )


def _cells(evidence: Evidence, lateness_limit_s: float) -> Iterator[CellEnded]:
    for name in evidence.planned:
        finished = evidence.finished(name)
        if finished is None or evidence.started(name) is None:
            continue
        reasons = unfit(evidence, name, lateness_limit_s)
        told = "; ".join(reason for reason in (finished.reason, *reasons) if reason)
        yield CellEnded(finished.t, name, evidence.production_s(name, finished.t), not reasons, told)


def _loads(campaign: Campaign, evidence: Evidence) -> Iterator[LoadMeasured]:
    for scenario in campaign.scenarios:
        start = evidence.started(scenario.name)
        if scenario.name in evidence.planned and start is not None:
            yield from measured(campaign, evidence, scenario, good_request(scenario, start.speed))


def _judged(item: ClauseVerdict, t: float, command: str, played_again: Collection[str]) -> ClauseJudged:
    clause, attempt = item.clause, 2 if item.clause.scope in played_again else 1
    done = item.verdict in {"held", "waived", "not applicable"}
    reproduce = "" if done else f"{command} --clause {shlex.quote(clause.id)}"
    slack_s = None if item.slack_s is None else round(item.slack_s, 3)
    source = str(clause.source)
    return ClauseJudged(t, clause.id, item.verdict, item.message, item.details, source, reproduce, attempt, slack_s)
