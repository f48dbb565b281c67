"""Was the cell fit to be judged? A generator or a stack that misbehaved makes its verdicts invalid.

Only conduct outside injected faults counts. Sources: the counters that Prometheus, Alertmanager and
Filebeat keep of their own conduct, the gaps between samples, and the generator's ledger.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from harness.clauses.cutting import fault_stretches
from harness.evidence.records import ComponentState, FaultAction, Reading, Request
from harness.evidence.store import Evidence

__all__ = [
    "COUNTED_HERE",
    "COUNTERS",
    "GAP_LIMIT",
    "generator_unfit",
    "lateness_p99_s",
    "timed_out",
    "unfit",
    "widest_gaps",
]

_SCRAPE_GAP: Final = "scrape_gap_s"
_EVALUATION_GAP: Final = "evaluation_gap_s"
_UP_ZERO: Final = "up_zero_while_answered"
_TIMED_OUT: Final = "scrape_timed_out_s"
_CLOCK_STEP: Final = "clock_step_s"
_OVERSLEPT: Final = "overslept_s"
COUNTED_HERE: Final = frozenset({_UP_ZERO, _CLOCK_STEP})
"""What the harness itself counts, from zero at the beginning of the story."""
_OVERSLEPT_LIMIT_S: Final = 0.5
"""A machine that wakes the harness this late had no time for the subject either."""
_PROCESSOR_WAIT: Final = "processor_wait_s"
_PROCESSOR_WAIT_LIMIT_S: Final = 1.0
"""A subject that waits this long between two readings, two seconds apart, answers late whatever it does."""
GAP_LIMIT: Final = 3
"""A gap above this many intervals makes a cell unfit; below it, the gap stands for the interval."""
_POLL_S = 2.0
"""Wall seconds between two readings of a counter: what it tells may have happened so much earlier."""
_CUTS: Final = frozenset({"signal", "link"})
"""Kinds of faults that cut the monitoring as well; a hook changes what the subject does, and nothing else."""
_ANY: Final = frozenset({"hook", "signal", "link"})
_PROMETHEUS: Final = frozenset({_SCRAPE_GAP, _EVALUATION_GAP, "prometheus_rule_group_iterations_missed_total"})
_SENDING: Final = frozenset({"prometheus_notifications_dropped_total", "prometheus_notifications_errors_total"})
_DELIVERING: Final = frozenset({"alertmanager_notification_requests_failed_total"})
_EXPLAINS: Final[Mapping[str, frozenset[str]]] = {
    "scrape": frozenset({_SCRAPE_GAP, _UP_ZERO, _TIMED_OUT}),
    "prometheus": _PROMETHEUS | _SENDING,
    # its groups are loaded anew
    "rules": frozenset({_EVALUATION_GAP, "prometheus_rule_group_iterations_missed_total"}),
    "alertmanager": _SENDING | _DELIVERING | {_UP_ZERO, _TIMED_OUT},
    # what cannot be shipped now is shipped later: nothing may be dropped
    "filebeat": frozenset(),
    "elasticsearch": frozenset(),
}
"""What the cut of a hop can do to a reading, and no more is excused; of a kind of integration it is ``_DELIVERING``."""

COUNTERS: Final[dict[str, str]] = {
    "prometheus_rule_group_iterations_missed_total": "Prometheus missed rule evaluations",
    "prometheus_notifications_dropped_total": "Prometheus dropped notifications",
    "prometheus_notifications_errors_total": "Prometheus could not deliver alerts to Alertmanager",
    "alertmanager_notification_requests_failed_total": "Alertmanager could not deliver to a receiver",
    "filebeat_events_dropped": "Filebeat dropped events",
}


def widest_gaps(evidence: Evidence, cell: str, until: float = math.inf) -> tuple[float, float]:
    """Widest gap between scrapes and between evaluations that ended by ``until``, in production seconds; 0 for none.

    A gap that a fault made by cutting the monitoring is the fault's doing. One above the limit counts as the limit:
    outside faults it makes the cell unfit anyway.
    """
    start = evidence.started(cell)
    if start is None:
        return 0.0, 0.0
    scrape_s = _widest(evidence, cell, _SCRAPE_GAP, GAP_LIMIT * start.scrape_s, until)
    evaluation_s = _widest(evidence, cell, _EVALUATION_GAP, GAP_LIMIT * start.evaluation_s, until)
    return scrape_s * start.speed, evaluation_s * start.speed


def _widest(evidence: Evidence, cell: str, name: str, limit_s: float, until: float) -> float:
    readings = (r for r in evidence.of(Reading, cell) if r.name == name and r.t <= until)
    gaps = (min(r.value, limit_s) for r in readings if not _in_fault(evidence, r, r.value, _CUTS))
    return max(gaps, default=0.0)


def _in_fault(evidence: Evidence, reading: Reading, back_s: float, kinds: frozenset[str]) -> bool:
    """Whether a fault of ``kinds``, or an explaining cut, lasted within ``back_s`` before a reading, or just had."""
    start = evidence.started(reading.cell)
    after_s = start.scrape_s + start.evaluation_s if start else 0.0
    lasted = fault_stretches(evidence, reading.cell, lambda fault: _explains(fault, reading, kinds))
    return any(each.begun_t <= reading.t and reading.t - back_s <= each.ended_t + after_s for each in lasted)


def _explains(fault: FaultAction, reading: Reading, kinds: frozenset[str]) -> bool:
    if fault.kind != "cut":
        return fault.kind in kinds
    return reading.name in _EXPLAINS.get(fault.fault.removeprefix("cut "), _DELIVERING)


def lateness_p99_s(evidence: Evidence, cell: str) -> float:
    """99th percentile (nearest rank) of the wall seconds between intended and actual sending; 0 for none sent."""
    late = sorted(r.sent_t - r.intended_t for r in evidence.of(Request, cell) if r.sent_t is not None)
    return late[math.ceil(0.99 * len(late)) - 1] if late else 0.0


def unfit(evidence: Evidence, cell: str, lateness_limit_s: float) -> tuple[str, ...]:
    """Reasons why verdicts of ``cell`` are invalid; none for a fit cell."""
    return (
        *_gaps(evidence, cell),
        *_timed_out(evidence, cell),
        *_starved(evidence, cell),
        *_counters(evidence, cell),
        *generator_unfit(evidence, cell, lateness_limit_s),
    )


def _gaps(evidence: Evidence, cell: str) -> Iterator[str]:
    start = evidence.started(cell)
    if start is None:
        return
    limits = {_SCRAPE_GAP: GAP_LIMIT * start.scrape_s, _EVALUATION_GAP: GAP_LIMIT * start.evaluation_s}
    for reading in evidence.of(Reading, cell):
        limit_s = limits.get(reading.name, math.inf)
        if reading.value > limit_s and not _in_fault(evidence, reading, reading.value, _ANY):
            what = "not scraped" if reading.name == _SCRAPE_GAP else "not evaluated"
            yield f"{reading.component} was {what} for {reading.value:g} s wall, over {GAP_LIMIT} intervals"
        if reading.name == _OVERSLEPT and reading.value > _OVERSLEPT_LIMIT_S:
            yield f"the machine stood still for {reading.value:g} s: something else took its processors"


def timed_out(evidence: Evidence, cell: str) -> frozenset[tuple[str, float]]:
    """Target and instant of scrapes that ran out of time which production would have given them: they tell nothing."""
    start = evidence.started(cell)
    if start is None or start.speed <= 1:
        return frozenset()
    return frozenset(
        (reading.component, reading.t) for reading in evidence.of(Reading, cell) if reading.name == _TIMED_OUT
    )


def _timed_out(evidence: Evidence, cell: str) -> Iterator[str]:
    """One line for each target with its first scrape that ran out of time which production would have given it.

    Such a scrape makes series stale and lets pending alerts begin anew: what follows is about the compressed time. Only
    targets count whose series the story's own promises read.
    """
    start = evidence.started(cell)
    if start is None or start.speed <= 1:
        return
    read = tuple(f"{job} " for job in start.jobs_read) or ("",)
    first: dict[str, float] = {}
    for reading in evidence.of(Reading, cell):
        if reading.name != _TIMED_OUT or not reading.component.startswith(read):
            continue
        if not _in_fault(evidence, reading, reading.value, _ANY):
            first.setdefault(reading.component, reading.value)
    for target, length_s in first.items():
        told = f"a scrape of {target} ran out of time after {length_s:g} s, which is more at the speed of production"
        yield f"{told}: give the story a lower speed, unless its metrics hang"


def _starved(evidence: Evidence, cell: str) -> Iterator[str]:
    """One line for each instance that was kept waiting, with the longest time; readings only ever grow."""
    waited = {r.component: r.value for r in evidence.of(Reading, cell) if r.name == _PROCESSOR_WAIT}
    for instance, longest_s in waited.items():
        if longest_s > _PROCESSOR_WAIT_LIMIT_S:
            yield f"{instance} waited {longest_s:g} s within two seconds for a processor that others had"


def _counters(evidence: Evidence, cell: str) -> Iterator[str]:
    for (component, name), growth in _growths(evidence, cell).items():
        if name == _CLOCK_STEP:
            yield f"the machine's clock was set by {growth:g} s"
        elif name == _UP_ZERO:
            yield f"{component} was down for Prometheus though it answered a probe beside it"
        else:
            yield f"{COUNTERS[name]} ({component}: {name} grew by {growth:g})"


def _growths(evidence: Evidence, cell: str) -> dict[tuple[str, str], float]:
    """By component and name, by how much a counter of misconduct grew outside faults."""
    before: dict[tuple[str, str], float] = {}
    grown: dict[tuple[str, str], float] = defaultdict(float)
    for reading in evidence.of(Reading, cell):
        key = reading.component, reading.name
        if reading.name not in {*COUNTERS, *COUNTED_HERE}:
            continue
        # components count from their own start, before the story's; the harness counts from zero
        last = before.get(key, reading.value if reading.name in COUNTERS else 0.0)
        before[key] = reading.value
        growth = reading.value - last if reading.value >= last else reading.value
        if growth > 0 and not _excused(evidence, reading):
            grown[key] += growth
    return grown


def _excused(evidence: Evidence, reading: Reading) -> bool:
    if reading.name == _CLOCK_STEP:
        return False
    if reading.name == _UP_ZERO:
        return _in_fault(evidence, reading, 0.0, _ANY)
    return _in_fault(evidence, reading, _POLL_S, _CUTS) or _explained_by_a_death(evidence, reading)


def _explained_by_a_death(evidence: Evidence, reading: Reading) -> bool:
    """Whether a part is dead whose absence the counter tells of: open clauses name it, what was decided stands."""
    return any(
        reading.name in _EXPLAINS.get(state.component, frozenset()) and reading.t >= state.t - _POLL_S
        for state in evidence.of(ComponentState, reading.cell)
        if state.action == "exited" and not state.expected
    )


def generator_unfit(evidence: Evidence, cell: str, limit_s: float) -> Iterator[str]:
    """Reasons why the load of ``cell`` was not the one that was planned."""
    dropped = sum(1 for request in evidence.of(Request, cell) if request.dropped)
    if dropped:
        yield f"the generator could not send {dropped} of its planned requests"
    late = lateness_p99_s(evidence, cell)
    if late > limit_s:
        yield f"the generator sent late: p99 {late * 1000:.1f} ms wall, the contract allows {limit_s * 1000:.0f} ms"
