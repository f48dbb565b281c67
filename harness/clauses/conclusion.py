"""How a campaign ends, told as events: the same for a campaign that has just run and for its bundle, years later."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.clauses.fitness import unfit
from harness.clauses.model import Clause
from harness.clauses.verdicts import ClauseVerdict, exit_code, judge_campaign
from harness.contract import Campaign
from harness.core.events import CellEnded, ClauseJudged, Event, PlannedClause
from harness.evidence.store import Evidence

__all__ = ["Conclusion", "conclude", "planned"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What closed evidence says: how each planned cell ended, each verdict, and what they add up to."""

    cells: tuple[CellEnded, ...]
    judged: tuple[ClauseJudged, ...]
    counts: dict[str, int]
    exit_code: int

    def events(self) -> Iterator[Event]:
        """The events to tell, in order."""
        yield from self.cells
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
) -> Conclusion:
    """Judge ``clauses`` on closed evidence, as of the instant ``ended_t`` (epoch seconds).

    ``played_again`` are the cells whose evidence is that of a second attempt.
    """
    today = datetime.fromtimestamp(ended_t, UTC).date()
    limit_s = campaign.contract.budgets.lateness_p99
    verdicts = judge_campaign(clauses, evidence, campaign.waivers, today, limit_s)
    return Conclusion(
        cells=tuple(_cells(evidence, limit_s)),
        judged=tuple(_judged(item, ended_t, 2 if item.clause.scope in played_again else 1) for item in verdicts),
        counts=dict(Counter(str(item.verdict) for item in verdicts)),
        exit_code=exit_code(verdicts, {clause.plane for clause in clauses}),
    )


def _cells(evidence: Evidence, lateness_limit_s: float) -> Iterator[CellEnded]:
    for name in evidence.planned:
        finished = evidence.finished(name)
        if finished is None or evidence.started(name) is None:
            continue
        reasons = unfit(evidence, name, lateness_limit_s)
        told = "; ".join(reason for reason in (finished.reason, *reasons) if reason)
        yield CellEnded(finished.t, name, evidence.production_s(name, finished.t), not reasons, told)


def _judged(item: ClauseVerdict, t: float, attempt: int) -> ClauseJudged:
    clause = item.clause
    reproduce = f"harness gate --clause {shlex.quote(clause.id)}" if item.verdict not in {"held", "waived"} else ""
    return ClauseJudged(t, clause.id, item.verdict, item.message, item.details, str(clause.source), reproduce, attempt)
