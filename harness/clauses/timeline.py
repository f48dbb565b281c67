"""Instants of one alert in one cell: when its cause was recorded, when it was pending, fired, paged, resolved.

All instants are wall times in epoch seconds, read from evidence alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.contract.campaign import Scenario
from harness.contract.files import Phase
from harness.evidence.records import FaultAction, Notification, Request, Series
from harness.evidence.store import Evidence

__all__ = [
    "Cause",
    "alert_instants",
    "cause_of",
    "failed_fault",
    "healing_of",
    "mentions",
    "notices",
    "trigger_phase",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """The instant from which an alert's windows are counted, and what happened then."""

    t: float
    what: str


def trigger_phase(scenario: Scenario, alert: str) -> Phase | None:
    """The phase that is to make ``alert`` fire: the first that waits for it, else the first with a fault."""
    for phase in scenario.phases:
        words = (phase.until or "").split()
        if words[:1] == [alert] and words[1:] != ["resolved"]:
            return phase
    return next((phase for phase in scenario.phases if phase.fault), None)


def cause_of(evidence: Evidence, cell: str, phase: str) -> Cause | None:
    """First faulty event recorded in ``phase``: a request that failed, else the confirmation of the fault."""
    failed = [r.end_t for r in evidence.of(Request, cell) if r.phase == phase and _failed(r) and r.end_t]
    if failed:
        return Cause(min(failed), f"first failed request in {phase}")
    confirmed = [f.t for f in _faults(evidence, cell, phase) if f.action == "confirm"]
    return Cause(min(confirmed), f"fault confirmed in {phase}") if confirmed else None


def failed_fault(evidence: Evidence, cell: str, phase: str) -> FaultAction | None:
    """The fault of ``phase`` that could not be confirmed, if any."""
    return next((fault for fault in _faults(evidence, cell, phase) if fault.action == "failed"), None)


def healing_of(evidence: Evidence, cell: str) -> Cause | None:
    """Last faulty event after everything was healed: the last failed request, or the last healing."""
    faults = evidence.of(FaultAction, cell)
    injected = {fault.fault: fault.t for fault in faults if fault.action == "inject"}
    healed = {fault.fault: fault.t for fault in faults if fault.action == "healed"}
    if not injected or any(healed.get(name, 0.0) < t for name, t in injected.items()):
        return None
    last = max(healed.values())
    failed = [r.end_t for r in evidence.of(Request, cell) if _failed(r) and r.end_t and r.end_t > last]
    return Cause(max(failed), "last failed request") if failed else Cause(last, "fault healed")


def _failed(request: Request) -> bool:
    return not request.expected and not request.dropped and request.sent_t is not None


def _faults(evidence: Evidence, cell: str, phase: str) -> Iterator[FaultAction]:
    return (fault for fault in evidence.of(FaultAction, cell) if fault.phase == phase)


def alert_instants(evidence: Evidence, cell: str, alert: str, state: str) -> Sequence[float]:
    """Instants of the rule evaluations at which ``alert`` was in ``state`` (pending or firing), in order."""
    points = [
        t
        for series in evidence.of(Series, cell)
        if series.query == "ALERTS"
        and series.labels.get("alertname") == alert
        and series.labels.get("alertstate") == state
        for t, value in series.points
        if value == 1
    ]
    return sorted(points)


def notices(evidence: Evidence, cell: str, alert: str, status: str) -> list[Notification]:
    """Notifications about ``alert`` with ``status`` (firing or resolved), in order of arrival."""
    found = [n for n in evidence.of(Notification, cell) if _about(n, alert, status)]
    return sorted(found, key=lambda notice: notice.t)


def _about(notice: Notification, alert: str, status: str) -> bool:
    if notice.alerts:
        return any(
            item.get("labels", {}).get("alertname") == alert and item.get("status", notice.status) == status
            for item in notice.alerts
        )
    return notice.status == status and mentions(notice, alert)


def mentions(notice: Notification, alert: str) -> bool:
    """Whether a notice names ``alert``, as a word of its title or text or in its structured alerts."""
    if notice.alerts:
        return any(item.get("labels", {}).get("alertname") == alert for item in notice.alerts)
    word = re.compile(rf"(?<![\w]){re.escape(alert)}(?![\w])")
    return bool(word.search(notice.title) or word.search(notice.text) or word.search(notice.group_key))
