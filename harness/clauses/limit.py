"""The highest rate that a subject bears: which rate comes next, what broke at each, which is the limit. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.clauses.fitness import generator_unfit, unfit
from harness.clauses.model import Clause
from harness.clauses.slicing import OFFERED, Step, steps_of
from harness.clauses.telemetry import telemetry
from harness.contract import Campaign
from harness.core.errors import ConfigError
from harness.core.events import LimitFound, LoadStep
from harness.evidence.figures import figures
from harness.evidence.records import Reading, Request
from harness.evidence.store import Evidence

__all__ = ["Search", "load_steps", "next_rate", "searched"]

_CULPRITS = {"load": "service", "metrics": "metrics", "logs": "logs"}
"""Who is to blame for a clause of a plane: the service itself, its metrics, or its logs."""
_FEWEST = 1 / 64
"""So far below the first rate nothing is tried any more."""


@dataclass(frozen=True, slots=True)
class Search:
    """Rates are per production second. It doubles from ``first_per_s`` until something breaks, then bisects.

    It ends after ``steps`` steps, or when the lowest rate that broke something is within ``resolution`` of the highest
    that did not, or when ``most_per_s`` held.
    """

    first_per_s: float
    steps: int = 10
    most_per_s: float = math.inf
    resolution: float = 0.1

    @classmethod
    def of(cls, fields: Mapping[str, float]) -> Search:
        """The search that a request describes."""
        known = {name: value for name, value in fields.items() if name != "steps"}
        return cls(**known, steps=int(fields["steps"]))

    def __post_init__(self) -> None:
        if not (0 < self.first_per_s < math.inf and self.first_per_s <= self.most_per_s):
            raise ConfigError("the first rate must be above 0 and at most the highest", remedy="give another --rate")
        if not 1 <= self.steps <= 100:
            raise ConfigError(f"a search takes 1 to 100 steps, not {self.steps}", remedy="give another --steps")


def next_rate(search: Search, tried: Sequence[tuple[float, bool]]) -> float | None:
    """The rate to try after ``tried`` (rate, and whether all held), None where the search is over."""
    if len(tried) >= search.steps:
        return None
    if not tried:
        return search.first_per_s
    good, bad = _bounds(tried)
    if math.isinf(bad):
        return None if good >= search.most_per_s else _rounded(min(2 * good, search.most_per_s))
    if not good:
        return None if bad / 2 < search.first_per_s * _FEWEST else _rounded(bad / 2)
    middle = _rounded(math.sqrt(good * bad))
    return middle if bad > good * (1 + search.resolution) and good < middle < bad else None


def _bounds(tried: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """The highest rate that held below the lowest that did not: 0 and infinity where there is none."""
    bad = min((rate for rate, held in tried if not held), default=math.inf)
    return max((rate for rate, held in tried if held and rate < bad), default=0.0), bad


def _rounded(rate: float) -> float:
    return float(f"{rate:.4g}")


def load_steps(campaign: Campaign, clauses: Sequence[Clause], evidence: Evidence, cell: str) -> list[LoadStep]:
    """What happened at each rate: ``clauses`` judged on the evidence of the step alone."""
    own = [clause for clause in clauses if clause.scope == cell and clause.plane in _CULPRITS]
    return [_judged(campaign, own, step, cell) for step in steps_of(evidence, cell)]


def _judged(campaign: Campaign, clauses: Sequence[Clause], step: Step, cell: str) -> LoadStep:
    limit_s = campaign.contract.budgets.lateness_p99
    broke = list(_broken(clauses, step, cell, limit_s))
    start, end = step.evidence.started(cell), step.evidence.finished(cell)
    assert start is not None
    assert end is not None
    rows = [row for row in step.evidence.of(Request, cell) if not row.warm_up]
    found = figures(rows)
    factor = start.speed if campaign.profile.clock == "scaled" else 1.0
    return LoadStep(
        t=end.t,
        cell=cell,
        step=step.number,
        rate_per_s=step.rate_per_s,
        held=not broke,
        broke=tuple(dict.fromkeys(who for who, _ in broke)),
        reasons=tuple(f"{who}: {why}" for who, why in broke),
        sent=found.sent,
        failed=found.unexpected,
        dropped=found.dropped,
        throughput_per_s=found.throughput_per_s / start.speed,
        response_p95_s=found.response.p95_s * factor if found.response else None,
        lateness_p99_s=found.lateness.p99_s if found.lateness else None,
        telemetry=telemetry(campaign, step.evidence, cell),
    )


def _broken(clauses: Sequence[Clause], step: Step, cell: str, limit_s: float) -> Iterator[tuple[str, str]]:
    """Who broke and why: the generator first, for what it could not offer says nothing of the others."""
    own = tuple(generator_unfit(step.evidence, cell, limit_s))
    yield from (("generator", reason) for reason in own)
    for wanted in ("service", "metrics", "logs"):
        for clause in clauses:
            if _CULPRITS[clause.plane] != wanted:
                continue
            judgement = clause.judge(step.evidence)
            if judgement.verdict != "held":
                yield wanted, f"{clause.id.partition('::')[2]}: {judgement.message}"
    yield from (("stack", reason) for reason in unfit(step.evidence, cell, limit_s) if reason not in own)
    if not step.settled:
        yield "service", "what was sent did not come to an end"


def searched(
    campaign: Campaign, clauses: Sequence[Clause], evidence: Evidence, cell: str
) -> Iterator[LoadStep | LimitFound]:
    """Each step, and what all of them say together."""
    steps = load_steps(campaign, clauses, evidence, cell)
    yield from steps
    good, bad = _bounds([(step.rate_per_s, step.held) for step in steps])
    broken = next((step for step in steps if step.rate_per_s == bad and not step.held), None)
    finished = evidence.finished(cell)
    yield LimitFound(
        t=finished.t if finished else evidence.horizon(cell),
        cell=cell,
        rate_per_s=good or None,
        broken_at_per_s=None if math.isinf(bad) else bad,
        broke_first=broken.broke[0] if broken else "",
        reason=broken.reasons[0] if broken else "",
        steps=len(steps),
        cut_short=_cut_short(evidence, cell, len(steps)),
    )


def _cut_short(evidence: Evidence, cell: str, steps: int) -> str:
    """Why the search ended before its time, with the rate that was offered then."""
    finished = evidence.finished(cell)
    if finished is None or finished.completed:
        return ""
    offered = [item.value for item in evidence.of(Reading, cell) if item.name == OFFERED]
    rate = f" at {offered[-1]:g}/s" if len(offered) > steps else ""
    return f"{finished.reason}{rate}"
