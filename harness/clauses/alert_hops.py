"""Which hop of the chain is the first that is missing: scrape, expression, rule state, transport, route, receiver."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clauses.production import AlertFacts
from harness.clauses.readings import values_of
from harness.clauses.scrapes import refusals
from harness.clauses.timeline import alert_instants
from harness.evidence.records import AlertSnapshot, RuleState, Series
from harness.evidence.store import Evidence

__all__ = ["expression_hop", "notification_hop"]

Finding = tuple[str, tuple[str, ...]]


def expression_hop(facts: AlertFacts, evidence: Evidence, cell: str) -> Finding:
    """Why an alert did not fire: the rule, its expression, or its waiting time."""
    name = facts.rule.name
    states = [state for state in evidence.of(RuleState, cell) if state.alert == name]
    if not states:
        return "rule", ("Prometheus has not loaded the rule",)
    broken = [state for state in states if state.health == "err"]
    if broken:
        return "rule", (f"its evaluation failed: {broken[-1].last_error}",)
    pending = alert_instants(evidence, cell, name, "pending")
    if pending:
        return "rule state", (f"it was pending at {len(pending)} evaluations, but not for as long as `for` demands",)
    never = _never_scraped(evidence, cell)
    if never and not _points(facts, evidence, cell):
        return "scrape", (f"every scrape of {', '.join(never)} failed", *refusals(evidence, cell))
    unrecorded = _unrecorded(facts, evidence, cell)
    if unrecorded:
        return "recording rule", unrecorded
    return "expression", _values(facts, evidence, cell)


def _unrecorded(facts: AlertFacts, evidence: Evidence, cell: str) -> tuple[str, ...]:
    """The first recording of the alert's chain that never recorded anything, and where it is written."""
    for each in facts.recordings:
        rule = each.rule
        if not values_of(evidence, cell, rule.name):
            return (f"{rule.name} was never recorded", f"recording: {rule.location}: {rule.expression.strip()}")
    return ()


def _points(facts: AlertFacts, evidence: Evidence, cell: str) -> Sequence[tuple[float, float]]:
    comparison = facts.rule.query.comparison
    return values_of(evidence, cell, comparison.left) if comparison else ()


def _never_scraped(evidence: Evidence, cell: str) -> tuple[str, ...]:
    """Targets whose scrapes were all recorded as failed."""
    ups: dict[str, float] = {}
    for series in evidence.of(Series, cell):
        if series.query == "up":
            name = f"{series.labels.get('job', '')} {series.labels.get('instance', '')}"
            ups[name] = max([ups.get(name, 0.0), *(value for _, value in series.points)])
    return tuple(name for name, up in ups.items() if not up)


def _values(facts: AlertFacts, evidence: Evidence, cell: str) -> tuple[str, ...]:
    comparison = facts.rule.query.comparison
    if comparison is None:
        return ("the expression returned nothing at any evaluation",)
    points = _points(facts, evidence, cell)
    if not points:
        return (f"{comparison.left} returned no series at any evaluation",)
    low, high = min(v for _, v in points), max(v for _, v in points)
    wanted = f"{comparison.operator} {comparison.threshold:g}"
    return (f"{comparison.left} ranged from {low:g} to {high:g}; it was to be {wanted}",)


def notification_hop(facts: AlertFacts, evidence: Evidence, cell: str, receiver: str) -> Finding:
    """Why a firing alert did not reach its receiver: transport, inhibition, route or delivery."""
    snapshots = [s for s in evidence.of(AlertSnapshot, cell) if s.labels.get("alertname") == facts.rule.name]
    if not snapshots:
        return "Prometheus to Alertmanager", ("Alertmanager never held the alert",)
    last = snapshots[-1]
    if last.inhibited_by:
        return "inhibition", (f"it is inhibited by {', '.join(last.inhibited_by)}",)
    if last.silenced_by:
        return "inhibition", (f"it is silenced by {', '.join(last.silenced_by)}",)
    if last.receivers and receiver not in last.receivers:
        return "route", (f"Alertmanager routes it to {', '.join(last.receivers)}",)
    return "receiver", ("Alertmanager holds the alert and routes it there, but no delivery arrived",)
