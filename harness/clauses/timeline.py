"""Instants of one alert in one cell: when its cause was recorded, when it was pending, fired, paged, resolved.

All instants are wall times in epoch seconds, read from evidence alone. What happened before the cell's story
began is none of its business.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.clauses.model import Judgement, inconclusive
from harness.contract.campaign import Scenario
from harness.contract.files import Phase
from harness.evidence.records import FaultAction, Notification, Request, Series
from harness.evidence.store import Evidence

__all__ = [
    "Cause",
    "alert_instants",
    "cause_of",
    "confirmations",
    "episode_of",
    "failed_fault",
    "healing_of",
    "injections",
    "mentions",
    "notices",
    "trigger_phase",
    "unconfirmed",
    "unhealed_fault",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """The instant from which an alert's windows are counted, and what happened then."""

    t: float
    what: str
    earliest: float
    """The earliest instant that it may still turn out to be, once everything is recorded."""
    may_be_later: bool = False
    """Whether an event that is still to be recorded, and later than ``t``, may take its place."""
    acts_from: float = math.inf
    """When it may have had its effect already, where that is before ``t``: a fault acts before it is confirmed."""


def trigger_phase(scenario: Scenario, alert: str) -> Phase | None:
    """The phase that is to make ``alert`` fire: the first that waits for it, else the first with a fault.

    A phase that goes on with load and faults of the one before it is part of that one.
    """
    phases = scenario.phases
    for index, phase in enumerate(phases):
        words = (phase.until or "").split()
        if words[:1] == [alert] and words[1:] != ["resolved"]:
            while index and phases[index].disturbances and _same(phases[index - 1], phases[index]):
                index -= 1
            return phases[index]
    return next((phase for phase in phases if phase.disturbances), None)


def _same(one: Phase, other: Phase) -> bool:
    return one.disturbances == other.disturbances and one.load == other.load


def episode_of(scenario: Scenario, trigger: Phase) -> tuple[str, ...]:
    """Names of the phases from ``trigger`` to the last before faults end: none is healed before they are over."""
    names: list[str] = []
    for phase in scenario.phases[scenario.phases.index(trigger) :]:
        if names and not phase.disturbances:
            break
        names.append(phase.name)
        if not phase.disturbances:
            break
    return tuple(names)


def cause_of(evidence: Evidence, cell: str, phase: str, sign: Cause, until: float) -> Cause:
    """First faulty event recorded in ``phase``: a request that failed by ``until``, else ``sign``.

    ``sign`` is the first sign of the fault. Where the fault shows in no request, it alone counts; what fails later is
    not the cause of what was seen at ``until``.
    """
    known = max(evidence.horizon(cell), evidence.phase(cell, phase)[0] or -math.inf)
    ends = (r.end_t for r in evidence.of(Request, cell) if r.phase == phase and _failed(r) and r.end_t)
    first = min(ends, default=math.inf)
    if first <= until:
        return Cause(first, f"first failed request in {phase}", min(first, known))
    return replace(sign, earliest=min(sign.t, known), may_be_later=known < until)


def confirmations(evidence: Evidence, cell: str, phase: str) -> dict[str, float]:
    """When each fault of ``phase`` was confirmed."""
    return {fault.fault: fault.t for fault in _faults(evidence, cell, phase) if fault.action == "confirm"}


def injections(evidence: Evidence, cell: str, phase: str) -> dict[str, float]:
    """When each fault of ``phase`` was injected, at the first attempt."""
    found: dict[str, float] = {}
    for fault in _faults(evidence, cell, phase):
        if fault.action == "inject":
            found.setdefault(fault.fault, fault.t)
    return found


def failed_fault(evidence: Evidence, cell: str, phase: str) -> FaultAction | None:
    """The fault of ``phase`` that could not be injected or confirmed, if any."""
    faults = list(_faults(evidence, cell, phase))
    confirmed = {fault.fault for fault in faults if fault.action == "confirm"}
    return next((fault for fault in faults if fault.action == "failed" and fault.fault not in confirmed), None)


def unconfirmed(evidence: Evidence, cell: str, phase: str | None) -> Judgement | None:
    """The judgement on what a phase was to show while its fault could not be confirmed, if that is so."""
    failed = failed_fault(evidence, cell, phase) if phase else None
    if failed is None:
        return None
    return inconclusive(f"because the fault {failed.fault} was not confirmed: {failed.detail}")


def unhealed_fault(evidence: Evidence, cell: str, phases: Sequence[str]) -> FaultAction | None:
    """The fault of ``phases`` that was confirmed, but whose healing was not, if any."""
    for phase in phases:
        confirmed: set[str] = set()
        for fault in _faults(evidence, cell, phase):
            if fault.action == "confirm":
                confirmed.add(fault.fault)
            elif fault.action == "failed" and fault.fault in confirmed:
                return fault
    return None


def healing_of(evidence: Evidence, cell: str, phases: Sequence[str], within_s: float) -> Cause | None:
    """Last faulty event of the episode ``phases``: its last healing, or the end of a request sent before that.

    A request counts that ends within ``within_s`` (wall) of the healing, whether or not it fails: it lived under the
    fault, and one that the fault made slow is counted as slow when it ends. ``None`` while the episode lasts.
    """
    end = evidence.phase(cell, phases[-1])[1]
    faults = [fault for phase in phases for fault in _faults(evidence, cell, phase)]
    injected = {(fault.phase, fault.fault) for fault in faults if fault.action == "inject"}
    healed = {(fault.phase, fault.fault): fault.t for fault in faults if fault.action == "healed"}
    if end is None or injected - set(healed):
        return None
    last = max([end, *healed.values()])
    ends = [r.end_t for r in evidence.of(Request, cell) if _sent(r) and (r.sent_t or 0.0) <= last and r.end_t]
    late = [t for t in ends if last < t <= last + within_s]
    unsure = evidence.horizon(cell) < last + within_s
    if late:
        return Cause(max(late), "end of the last request from before healing", max(late), unsure)
    return Cause(last, "fault healed" if healed else f"end of {phases[-1]}", last, unsure)


def _sent(request: Request) -> bool:
    return not request.dropped and request.sent_t is not None


def _failed(request: Request) -> bool:
    return _sent(request) and not request.expected


def _faults(evidence: Evidence, cell: str, phase: str) -> Iterator[FaultAction]:
    return (fault for fault in evidence.of(FaultAction, cell) if fault.phase == phase)


def alert_instants(evidence: Evidence, cell: str, alert: str, state: str) -> Sequence[float]:
    """Instants of the rule evaluations at which ``alert`` was in ``state`` (pending or firing), in order."""
    start = evidence.started(cell)
    points = [
        t
        for series in evidence.of(Series, cell)
        if series.query == "ALERTS"
        and series.labels.get("alertname") == alert
        and series.labels.get("alertstate") == state
        for t, value in series.points
        if value == 1 and start is not None and t >= start.t
    ]
    return sorted(points)


def notices(evidence: Evidence, cell: str, alert: str, status: str) -> list[Notification]:
    """Notifications about ``alert`` with ``status`` (firing or resolved), in order of arrival."""
    start = evidence.started(cell)
    if start is None:
        return []
    found = [n for n in evidence.of(Notification, cell) if n.t >= start.t and _about(n, alert, status)]
    return sorted(found, key=lambda notice: notice.t)


def _about(notice: Notification, alert: str, status: str) -> bool:
    if notice.alerts:
        return any(
            (item.get("labels") or {}).get("alertname") == alert and item.get("status", notice.status) == status
            for item in notice.alerts
        )
    return notice.status == status and mentions(notice, alert)


def mentions(notice: Notification, alert: str) -> bool:
    """Whether a notice names ``alert``, as a word of its title or text or in its structured alerts."""
    if notice.alerts:
        return any((item.get("labels") or {}).get("alertname") == alert for item in notice.alerts)
    word = re.compile(rf"(?<![\w]){re.escape(alert)}(?![\w])")
    return bool(word.search(notice.title) or word.search(notice.text) or word.search(notice.group_key))
