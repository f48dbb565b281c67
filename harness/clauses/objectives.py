"""Which requests a threshold is about, what is known of each by when, and whether it met its objectives.

What a threshold asks is looked up once and made a function, because it is then asked of 100,000 rows.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import NamedTuple

from harness.contract.campaign import Scenario
from harness.contract.thresholds import Threshold
from harness.evidence.figures import MEASURES, Good
from harness.evidence.records import Request
from harness.evidence.store import Evidence

__all__ = ["Sample", "good_request", "in_unit", "overdue_by", "phase_end", "rows_of", "sampling"]

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SINCE_SENT = frozenset({"service"})
_AGEING = frozenset({"response", "service", "first token"})
"""Times of which a lower bound is known while the request is still under way."""
_OBJECTIVES = frozenset({"response", "service", "first token", "inter-token", "widest gap"})


class Sample(NamedTuple):
    """What is known of one request from ``t`` on: a value in wall seconds, or whether it met what is asked."""

    t: float
    value: float
    good: bool


def rows_of(evidence: Evidence, cell: str, item: Threshold) -> list[Request]:
    """The requests that a threshold is about, without those of warm-ups."""
    return list(filter(_meant(item), evidence.of(Request, cell)))


def _meant(item: Threshold) -> Good:
    """Whether a threshold is about a request; what it looks at is looked up once, not for each of 100,000 rows."""
    phase, kind = item.during, item.kind
    if phase is None and kind is None:
        return lambda row: not row.warm_up
    return lambda row: (phase is None or row.phase == phase) and (kind is None or row.kind == kind) and not row.warm_up


def phase_end(evidence: Evidence, cell: str, item: Threshold) -> float:
    """When the threshold's phase ended (epoch seconds); infinity where it has none, or goes on."""
    end = evidence.phase(cell, item.during)[1] if item.during else None
    return math.inf if end is None else end


def good_request(scenario: Scenario, speed: float) -> Good:
    """Whether a request met every objective: it ended as its kind declares, and each time limit that is set for it."""
    times = [item for item in scenario.thresholds if item.subject == "time" and item.about in _OBJECTIVES]
    objectives = [(_meant(item), MEASURES[item.about], _admitting(item, speed)) for item in times]

    def good(row: Request) -> bool:
        if not row.expected:
            return False
        for meant, measure, admits in objectives:
            if meant(row) and (value := measure(row)) is not None and not admits(value):
                return False
        return True

    return good


def _admitting(item: Threshold, speed: float) -> Callable[[float], bool]:
    """Whether wall seconds are allowed; as ``Threshold.admits`` of the same in the unit of its limit."""
    compare, limit, factor = _COMPARE[item.operator], item.limit, 1.0 if item.wall else speed
    return lambda value_s: compare(value_s * factor, limit)


def in_unit(value_s: float, item: Threshold, speed: float) -> float:
    """Wall seconds in the unit of the limit."""
    return value_s if item.wall else value_s * speed


def sampling(item: Threshold, speed: float) -> Callable[[Request, float], Sample | None]:
    """What is known by the end of a phase of a request's time: itself, or a bound that breaks the limit already."""
    measure, admits = MEASURES[item.about], _admitting(item, speed)
    is_upper, since_sent = item.operator[0] == "<", item.about in _SINCE_SENT

    def sample(row: Request, end: float) -> Sample | None:
        value, known_t = measure(row), row.end_t if row.end_t is not None else row.intended_t
        if value is not None and known_t <= end:
            return Sample(known_t, value, admits(value))
        since = row.sent_t if since_sent else row.intended_t
        if item.about not in _AGEING or since is None or (value is None and known_t <= end):
            return None
        age = min(end - since, value if value is not None else math.inf)
        return Sample(end, age, False) if is_upper and not admits(age) else None

    return sample


def overdue_by(scenario: Scenario, speed: float) -> Callable[[Request, float], bool]:
    """Whether a request that outlived its phase had broken an objective by the phase's end."""
    times = [item for item in scenario.thresholds if item.subject == "time" and item.about in _AGEING]
    objectives = [(_meant(item), sampling(item, speed)) for item in times]

    def overdue(row: Request, end: float) -> bool:
        samples = (sample(row, end) for meant, sample in objectives if meant(row))
        return any(found is not None and not found.good for found in samples)

    return overdue
