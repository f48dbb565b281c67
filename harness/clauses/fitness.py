"""Was the cell fit to be judged? A generator or a stack that misbehaved makes its verdicts invalid.

Only conduct outside injected faults counts. Sources: the counters that Prometheus, Alertmanager and
Filebeat keep of their own conduct, the gaps between samples, and the generator's ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.evidence.records import FaultAction, Reading, Request
from harness.evidence.store import Evidence

__all__ = ["COUNTERS", "lateness_p99_s", "unfit", "widest_gaps"]

_SCRAPE_GAP: Final = "scrape_gap_s"
_EVALUATION_GAP: Final = "evaluation_gap_s"
_UP_ZERO: Final = "up_zero_while_answered"
_CLOCK_STEP: Final = "clock_step_s"
_GAP_LIMIT = 3
"""A gap above this many intervals makes a cell unfit; below it, the gap stands for the interval."""
_AFTER_FAULT_S = 2.0
"""Wall seconds after healing in which a gap may still end that a fault began."""

COUNTERS: Final[dict[str, str]] = {
    "prometheus_rule_group_iterations_missed_total": "Prometheus missed rule evaluations",
    "prometheus_notifications_dropped_total": "Prometheus dropped notifications",
    "prometheus_notifications_errors_total": "Prometheus could not deliver alerts to Alertmanager",
    "alertmanager_notification_requests_failed_total": "Alertmanager could not deliver to a receiver",
    "filebeat_events_dropped": "Filebeat dropped events",
}


def widest_gaps(evidence: Evidence, cell: str) -> tuple[float, float]:
    """Widest gap between scrapes and between evaluations, in production seconds; 0 where none was measured.

    A gap that a fault made is the fault's doing, and none of the monitoring's.
    """
    start = evidence.started(cell)
    speed = start.speed if start else 1.0
    return _widest(evidence, cell, _SCRAPE_GAP) * speed, _widest(evidence, cell, _EVALUATION_GAP) * speed


def _widest(evidence: Evidence, cell: str, name: str) -> float:
    gaps = (r.value for r in evidence.of(Reading, cell) if r.name == name and not _in_fault(evidence, r))
    return max(gaps, default=0.0)


def _in_fault(evidence: Evidence, reading: Reading) -> bool:
    """Whether a reading was taken while some fault lasted, or right after it was healed."""
    since: dict[str, float] = {}
    for fault in evidence.of(FaultAction, reading.cell):
        if fault.action == "inject":
            since[fault.fault] = fault.t
        elif fault.action == "healed":
            begun = since.pop(fault.fault, fault.t)
            if begun <= reading.t <= fault.t + _AFTER_FAULT_S:
                return True
    return any(begun <= reading.t for begun in since.values())


def lateness_p99_s(evidence: Evidence, cell: str) -> float:
    """99th percentile of the wall seconds between intended and actual sending; 0 where nothing was sent."""
    late = sorted(r.sent_t - r.intended_t for r in evidence.of(Request, cell) if r.sent_t is not None)
    return late[min(len(late) - 1, int(0.99 * len(late)))] if late else 0.0


def unfit(evidence: Evidence, cell: str, lateness_limit_s: float) -> tuple[str, ...]:
    """Reasons why verdicts of ``cell`` are invalid; none for a fit cell."""
    return (*_gaps(evidence, cell), *_counters(evidence, cell), *_generator(evidence, cell, lateness_limit_s))


def _gaps(evidence: Evidence, cell: str) -> Iterator[str]:
    start = evidence.started(cell)
    if start is None:
        return
    limits = {_SCRAPE_GAP: _GAP_LIMIT * start.scrape_s, _EVALUATION_GAP: _GAP_LIMIT * start.evaluation_s}
    for reading in evidence.of(Reading, cell):
        if reading.name == _CLOCK_STEP and reading.value:
            yield f"the machine's clock was set by {reading.value:g} s"
        elif reading.name in limits and reading.value > limits[reading.name] and not _in_fault(evidence, reading):
            what = "not scraped" if reading.name == _SCRAPE_GAP else "not evaluated"
            yield f"{reading.component} was {what} for {reading.value:g} s wall, over {_GAP_LIMIT} intervals"
        elif reading.name == _UP_ZERO and reading.value and not _in_fault(evidence, reading):
            yield f"{reading.component} was down for Prometheus though it answered a probe beside it"


def _counters(evidence: Evidence, cell: str) -> Iterator[str]:
    if any(fault.kind != "hook" for fault in evidence.of(FaultAction, cell)):
        return
    first: dict[tuple[str, str], float] = {}
    last: dict[tuple[str, str], float] = {}
    for reading in evidence.of(Reading, cell):
        if reading.name in COUNTERS:
            first.setdefault((reading.component, reading.name), reading.value)
            last[reading.component, reading.name] = reading.value
    for key, value in last.items():
        growth = value - first[key]
        if growth > 0:
            yield f"{COUNTERS[key[1]]} ({key[0]}: {key[1]} grew by {growth:g})"


def _generator(evidence: Evidence, cell: str, limit_s: float) -> Iterator[str]:
    dropped = sum(1 for request in evidence.of(Request, cell) if request.dropped)
    if dropped:
        yield f"the generator could not send {dropped} of its planned requests"
    late = lateness_p99_s(evidence, cell)
    if late > limit_s:
        yield f"the generator sent late: p99 {late * 1000:.1f} ms wall, the contract allows {limit_s * 1000:.0f} ms"
