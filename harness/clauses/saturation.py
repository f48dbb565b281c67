"""Over-saturation: more in flight and slower, window after window, is a load that the service cannot keep up with.

A phase is cut into twelve windows of equal length; the first two, in which queues fill from empty, are left out. Of
each of the others two figures are taken: the mean number of requests in flight, and the median response time of those
that were intended in it. The phase is saturated where both rise, each by a one-sided Mann-Kendall test at 1 %, and both
have grown by half from the first three windows to the last three. What this errs by is in docs/reference/thresholds.md.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from harness.clauses.model import Judgement, held, inconclusive, still_open, violated
from harness.contract.campaign import Scenario
from harness.contract.thresholds import Threshold
from harness.evidence.figures import MEASURES
from harness.evidence.records import Request
from harness.evidence.store import Evidence

__all__ = ["FEWEST", "Trend", "judge_saturation", "mann_kendall_z", "phase_trend", "trend"]

_WINDOWS: Final = 12
_FILLING: Final = 2
_ENDS: Final = 3
_Z: Final = 2.326
"""The 99th percentile of the normal distribution."""
_GROWTH: Final = 1.5
FEWEST: Final = 50
"""So few requests show no trend."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Windows of a phase: requests in flight and median response (wall seconds) at its ends, and the test's scores."""

    in_flight: tuple[float, float]
    response_s: tuple[float, float]
    z: tuple[float, float]

    @property
    def saturated(self) -> bool:
        """Whether both rise, surely and by enough."""
        grown = all(last >= _GROWTH * first for first, last in (self.in_flight, self.response_s))
        return grown and min(self.z) > _Z


def trend(rows: Sequence[Request], since: float, until: float) -> Trend | None:
    """The trend of ``rows``, all of one phase that lasted from ``since`` to ``until`` (epoch seconds).

    None where there are too few to tell, or a window has none.
    """
    timed = [row for row in rows if MEASURES["response"](row) is not None]
    if len(timed) < FEWEST or until <= since:
        return None
    width = (until - since) / _WINDOWS
    medians = _medians(timed, since, width)[_FILLING:]
    flying = _in_flight(timed, since, width)[_FILLING:]
    if any(math.isnan(value) for value in medians):
        return None
    return Trend(_at_ends(flying), _at_ends(medians), (mann_kendall_z(flying), mann_kendall_z(medians)))


def _medians(rows: Sequence[Request], since: float, width: float) -> list[float]:
    values: list[list[float]] = [[] for _ in range(_WINDOWS)]
    for row in rows:
        values[min(_WINDOWS - 1, max(0, int((row.intended_t - since) / width)))].append(row.end_t - row.intended_t)  # type: ignore[operator]
    return [statistics.median(window) if window else math.nan for window in values]


def _in_flight(rows: Sequence[Request], since: float, width: float) -> list[float]:
    """Mean over each window: the seconds that requests spent in it, by its length."""
    spent = [0.0] * _WINDOWS
    for row in rows:
        begin, end = row.intended_t, row.end_t or since
        n = max(0, int((begin - since) / width))
        while n < _WINDOWS and (left := since + n * width) < end:
            spent[n] += max(0.0, min(end, left + width) - max(begin, left))
            n += 1
    return [seconds / width for seconds in spent]


def _at_ends(values: Sequence[float]) -> tuple[float, float]:
    return statistics.fmean(values[:_ENDS]), statistics.fmean(values[-_ENDS:])


def mann_kendall_z(values: Sequence[float]) -> float:
    """Score of the Mann-Kendall trend test, ties and continuity corrected: above 0 where ``values`` rise."""
    n = len(values)
    score = sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))
    ties = sum(t * (t - 1) * (2 * t + 5) for t in Counter(values).values())
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    return (score - math.copysign(1, score)) / math.sqrt(variance) if score and variance > 0 else 0.0


def phase_trend(evidence: Evidence, cell: str, phase: str) -> Trend | None:
    """The trend of a phase that is over; None where too little was sent, or users in a closed loop sent it."""
    since, until = evidence.phase(cell, phase)
    rows = [row for row in evidence.of(Request, cell) if row.phase == phase and not row.warm_up]
    if since is None or until is None or any(row.loop == "closed" for row in rows):
        return None
    return trend(rows, since, until)


def judge_saturation(scenario: Scenario, item: Threshold, evidence: Evidence) -> Judgement:
    """No phase with load is saturated; one of which that cannot be told leaves it undecided."""
    if not evidence.completed(scenario.name):
        return still_open("requests may be in flight")
    names = [phase.name for phase in scenario.phases if phase.load and item.during in {None, phase.name}]
    trends = {name: phase_trend(evidence, scenario.name, name) for name in names}
    for name, found in trends.items():
        if found is not None and found.saturated:
            return violated(f"{name} is saturated: {_told(found)}")
    unknown = [name for name, found in trends.items() if found is None]
    if unknown:
        return inconclusive(f"{unknown[0]}: fewer than {FEWEST} requests, gaps between them, or a closed loop")
    return held("; ".join(f"{name}: {_told(found)}" for name, found in trends.items() if found))


def _told(found: Trend) -> str:
    (first, last), (fast, slow) = found.in_flight, found.response_s
    scores = f"z {found.z[0]:.1f} and {found.z[1]:.1f}"
    return f"in flight {first:.3g} to {last:.3g}, response {fast:.3g} to {slow:.3g} s wall ({scores})"
