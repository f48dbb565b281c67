"""Thresholds of a story on what the service itself says meanwhile: PromQL, log counts, states of alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.clauses.model import Judgement, Need, held, still_open, violated
from harness.clauses.readings import points_in, unrecorded, window_of
from harness.clauses.timeline import alert_instants, unconfirmed
from harness.clauses.values import INSTANTS, at_path, instant_of
from harness.contract import Campaign
from harness.contract.thresholds import Threshold
from harness.evidence.records import LogLine, RuleState, Unmet
from harness.evidence.store import Evidence

__all__ = ["event_time", "event_time_at", "judge_alert", "judge_log", "judge_promql"]


def judge_promql(cell: str, item: Threshold, evidence: Evidence) -> Judgement:
    """Every value of every series that answers, at each evaluation in the window, is allowed."""
    series, over = points_in(evidence, cell, item.about, item.during)
    points = sorted(point for points in series for point in points)
    for t, value in points:
        if not item.admits(value):
            return violated(f"it was {value:.4g}", hop="metric", at=t)
    if over and points:
        values = [value for _, value in points]
        return held(f"between {min(values):.4g} and {max(values):.4g} in {len(points)} evaluations")
    missing = unrecorded(evidence, cell, item.about)
    return missing or still_open("it returned nothing" if over else "the phase is not over")


# --- log counts ------------------------------------------------------------------------------------


def event_time_at(campaign: Campaign, stream: str) -> str | None:
    """The field in which lines of ``stream`` carry the instant of their event, else the first declared instant."""
    plane = campaign.contract.logs
    if plane is None or stream not in plane.streams:
        return None
    if plane.event_time is not None:
        return plane.event_time
    fields = {**plane.envelope, **plane.streams[stream].fields}
    return next((name for name, rule in fields.items() if rule.type in INSTANTS), None)


def event_time(fields: Mapping[str, Any], path: str) -> float | None:
    """Epoch seconds of the event, None where the field holds no instant."""
    return instant_of(at_path(fields, path))


def judge_log(campaign: Campaign, cell: str, item: Threshold, evidence: Evidence) -> Judgement:
    """The number of lines whose event lies in the window. A stream that never held a line proves nothing.

    Where a stream may hold lines that are not in its format, those are no events: they do not count.
    """
    begin, end, _ = window_of(evidence, cell, item.during)
    times = sorted(_times(campaign, cell, item, evidence))
    found = [t for t in times if begin is not None and begin <= t <= end]
    message = f"{len(found)} line{'s' if len(found) != 1 else ''} of {item.about}"
    if item.operator[0] == "<" and not item.admits(len(found)):
        return violated(message, at=found[-1] if found else None)
    if item.operator[0] == ">" and item.admits(len(found)):
        return held(message)
    unmet = next((u for u in evidence.of(Unmet, cell) if u.need == str(Need("lines", item.about))), None)
    if unmet or not evidence.completed(cell):
        return still_open(f"{unmet.need} was not recorded: {unmet.reason}" if unmet else "the story is not over")
    if not any(_counted(campaign, cell, item, evidence)):
        return still_open(f"{item.about} never held a line: its silence proves nothing")
    return held(message) if item.admits(len(found)) else violated(message, hop="log")


def _times(campaign: Campaign, cell: str, item: Threshold, evidence: Evidence) -> Iterator[float]:
    path = event_time_at(campaign, item.about)
    for line in _counted(campaign, cell, item, evidence):
        fields = line.fields or {}
        if all(str(at_path(fields, k)) == v for k, v in item.where.items()):
            yield (event_time(fields, path) if path else None) or line.t


def _counted(campaign: Campaign, cell: str, item: Threshold, evidence: Evidence) -> Iterator[LogLine]:
    plane = campaign.contract.logs
    stream = plane.streams.get(item.about) if plane else None
    mixed = stream is not None and stream.other_lines == "allowed"
    for line in evidence.of(LogLine, cell):
        if line.stream == item.about and not (mixed and line.fields is None):
            yield line


# --- alerts ----------------------------------------------------------------------------------------


def judge_alert(cell: str, item: Threshold, evidence: Evidence) -> Judgement:
    """quiet: it does not fire; pending: it becomes pending and does not fire; firing: it fires, in the window."""
    begin, end, over = window_of(evidence, cell, item.during)
    seen = {
        state: [t for t in alert_instants(evidence, cell, item.about, state) if begin is not None and begin <= t <= end]
        for state in ("pending", "firing")
    }
    if seen["firing"]:
        at = seen["firing"][0]
        return held("it fired", at=at) if item.state == "firing" else violated("it fired", hop="expression", at=at)
    states = [state for state in evidence.of(RuleState, cell) if state.alert == item.about]
    if any(state.health == "err" for state in states):
        return still_open("the rule was not armed: its evaluation failed")
    if not states or not over:
        return still_open("its rule was not seen" if over else "the phase is not over")
    if item.state == "quiet" or (item.state == "pending" and seen["pending"]):
        return held("it was pending, and did not fire" if seen["pending"] else "it was evaluated, and did not fire")
    found = unconfirmed(evidence, cell, item.during)
    return found or violated("it was only pending" if seen["pending"] else "it stayed inactive", hop="rule state")
