"""Was the cell fit to be judged? A generator or a stack that misbehaved makes its verdicts invalid.

Only conduct outside injected faults counts. Sources: the counters that Prometheus, Alertmanager and
Filebeat keep of their own conduct, the gaps between samples, and the generator's ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.evidence.records import FaultAction, Reading, Request
from harness.evidence.store import Evidence

__all__ = ["COUNTERS", "EVALUATION_GAP", "SCRAPE_GAP", "lateness_p99_s", "unfit", "widest_gaps"]

SCRAPE_GAP: Final = "scrape_gap_s"
EVALUATION_GAP: Final = "evaluation_gap_s"
_GAP_LIMIT = 3
"""A gap above this many intervals makes a cell unfit; below it, the gap stands for the interval."""

COUNTERS: Final[dict[str, str]] = {
    "prometheus_rule_group_iterations_missed_total": "Prometheus missed rule evaluations",
    "prometheus_notifications_dropped_total": "Prometheus dropped notifications",
    "prometheus_notifications_errors_total": "Prometheus could not deliver alerts to Alertmanager",
    "alertmanager_notification_requests_failed_total": "Alertmanager could not deliver to a receiver",
    "filebeat_events_dropped": "Filebeat dropped events",
    "clock_step_s": "the machine's clock was set",
    "up_zero_while_answered": "a target was down for Prometheus while a probe beside it was answered",
}


def widest_gaps(evidence: Evidence, cell: str) -> tuple[float, float]:
    """Widest gap between scrapes and between evaluations, in production seconds; 0 where none was measured."""
    start = evidence.started(cell)
    speed = start.speed if start else 1.0
    return _widest(evidence, cell, SCRAPE_GAP) * speed, _widest(evidence, cell, EVALUATION_GAP) * speed


def _widest(evidence: Evidence, cell: str, name: str) -> float:
    return max((r.value for r in evidence.of(Reading, cell) if r.name == name), default=0.0)


def lateness_p99_s(evidence: Evidence, cell: str) -> float:
    """99th percentile of the wall seconds between intended and actual sending; 0 where nothing was sent."""
    late = sorted(r.sent_t - r.intended_t for r in evidence.of(Request, cell) if r.sent_t is not None)
    return late[min(len(late) - 1, int(0.99 * len(late)))] if late else 0.0


def unfit(evidence: Evidence, cell: str, lateness_limit_s: float) -> tuple[str, ...]:
    """Reasons why verdicts of ``cell`` are invalid; none for a fit cell."""
    return (*_gaps(evidence, cell), *_counters(evidence, cell), *_generator(evidence, cell, lateness_limit_s))


def _gaps(evidence: Evidence, cell: str) -> Iterator[str]:
    start = evidence.started(cell)
    if start is None or any(fault.action == "inject" for fault in _monitoring_faults(evidence, cell)):
        return
    pairs = ((SCRAPE_GAP, start.scrape_s, "scrapes"), (EVALUATION_GAP, start.evaluation_s, "rule evaluations"))
    for name, interval_s, what in pairs:
        gap = _widest(evidence, cell, name)
        if interval_s and gap > _GAP_LIMIT * interval_s:
            yield f"{gap:.3f} s wall passed between two {what}, the interval is {interval_s:.3f} s"


def _monitoring_faults(evidence: Evidence, cell: str) -> Iterator[FaultAction]:
    return (fault for fault in evidence.of(FaultAction, cell) if fault.fault.startswith(("link", "signal")))


def _counters(evidence: Evidence, cell: str) -> Iterator[str]:
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
