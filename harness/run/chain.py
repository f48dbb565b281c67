"""The causal chain of a story, hop by hop, read from evidence: fault → metric → log → health → … → resolved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.clauses.endpoints import state_of
from harness.clauses.production import AlertFacts
from harness.clauses.readings import values_of
from harness.clauses.timeline import alert_instants, notices
from harness.contract import Campaign
from harness.core.events import HopSeen
from harness.evidence.records import AlertSnapshot, Document, FaultAction, HttpAnswer, Silence
from harness.evidence.store import Evidence

__all__ = ["chain"]

_COMPARE = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
Seen = tuple[str, str, float, str]


def chain(
    campaign: Campaign, evidence: Evidence, cell: str, alerts: Sequence[AlertFacts], streams: Sequence[str]
) -> list[HopSeen]:
    """Every hop seen so far, in order of time, each with its latency from the hop before it."""
    if evidence.started(cell) is None:
        return []
    seen = [
        *_faults(evidence, cell),
        *_silences(evidence, cell),
        *_logs(evidence, cell, streams),
        *_health(campaign, evidence, cell),
    ]
    for facts in alerts:
        seen += _alert(evidence, cell, facts)
    seen.sort(key=lambda item: item[2])
    return list(_with_latency(evidence, cell, seen))


def _with_latency(evidence: Evidence, cell: str, seen: Sequence[Seen]) -> Iterator[HopSeen]:
    last: dict[str, tuple[float, str]] = {}
    fault: tuple[float, str] | None = None
    for hop, about, t, detail in seen:
        if hop in {"fault", "healed"}:
            fault = (t, f"{hop} {about}")
            before = None
        else:
            before = last.get(about, fault) if hop != "metric" else fault
            if before and fault and before[0] < fault[0]:
                before = fault
        latency = evidence.production_s(cell, t) - evidence.production_s(cell, before[0]) if before else None
        yield HopSeen(
            t, cell, hop, about, evidence.production_s(cell, t), latency, before[1] if before else "", detail=detail
        )
        last[about] = (t, hop)


def _faults(evidence: Evidence, cell: str) -> Iterator[Seen]:
    for fault in evidence.of(FaultAction, cell):
        if fault.action == "inject":
            yield "fault", fault.fault, fault.t, fault.detail
        elif fault.action == "healed":
            yield "healed", fault.fault, fault.t, ""


def _silences(evidence: Evidence, cell: str) -> Iterator[Seen]:
    for silence in evidence.of(Silence, cell):
        yield "silent", silence.alert, silence.t, f"the dead man's switch behind {silence.receiver} gave the alarm"


def _first_fault(evidence: Evidence, cell: str) -> float | None:
    return next((fault.t for fault in evidence.of(FaultAction, cell) if fault.action == "inject"), None)


def _logs(evidence: Evidence, cell: str, streams: Sequence[str]) -> Iterator[Seen]:
    fault = _first_fault(evidence, cell)
    if fault is None:
        return
    for stream in streams:
        found = [doc.t for doc in evidence.of(Document, cell) if doc.stream == stream and doc.t >= fault]
        if found:
            yield "log", stream, min(found), "first document after the fault was searchable"


def _health(campaign: Campaign, evidence: Evidence, cell: str) -> Iterator[Seen]:
    for name, states in campaign.contract.health.items():
        last: str | None = None
        for answer in evidence.of(HttpAnswer, cell):
            if answer.endpoint != states.endpoint or not answer.status:
                continue
            state = state_of(answer, states)
            if last is not None and state != last:
                yield "health", name, answer.t, f"{last} → {state}"
            last = state


def _alert(evidence: Evidence, cell: str, facts: AlertFacts) -> Iterator[Seen]:
    name = facts.rule.name
    comparison = facts.rule.query.comparison
    if comparison:
        points = values_of(evidence, cell, comparison.left)
        crossed = [p for p in points if _COMPARE[comparison.operator](p[1], comparison.threshold)]
        if crossed:
            yield "metric", name, crossed[0][0], f"{crossed[0][1]:g} {comparison.operator} {comparison.threshold:g}"
    for state in ("pending", "firing"):
        instants = alert_instants(evidence, cell, name, state)
        if instants:
            yield state, name, instants[0], ""
    yield from _told(evidence, cell, name)


def _told(evidence: Evidence, cell: str, name: str) -> Iterator[Seen]:
    snapshots = [item for item in evidence.of(AlertSnapshot, cell) if item.labels.get("alertname") == name]
    if snapshots:
        yield "alertmanager", name, snapshots[0].t, ""
    inhibited = [item for item in snapshots if item.inhibited_by]
    if inhibited:
        yield "inhibited", name, inhibited[0].t, ""
    for hop, status in (("receiver", "firing"), ("resolved", "resolved")):
        found = notices(evidence, cell, name, status)
        if found:
            yield hop, name, found[0].t, f"{found[0].receiver} by {found[0].integration}"
