"""The same story in virtual time: what a campaign recorded, run again through the original rules at speed 1.

The ledger says when each request failed. Where a story promises that a counter counts just these, that counter
is rebuilt at production scrape intervals and the untouched rules are evaluated on it. Compressed time was right
if both give the same production instants, within a scrape and an evaluation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.promql import Selector, parse
from harness.clauses.counting import demand, requests_meant
from harness.clauses.production import read_production
from harness.clauses.timeline import alert_instants
from harness.contract import Campaign, load_campaign
from harness.contract.campaign import Scenario
from harness.contract.expectations import ExpectMetric
from harness.core.errors import HarnessError, Location
from harness.evidence.bundle import read_evidence, read_manifest
from harness.evidence.store import Evidence
from harness.virtual.behaviour import behaviour, spans
from harness.virtual.classes import inputs_of
from harness.virtual.design import Examined
from harness.virtual.families import Catalogue
from harness.virtual.inputs import Input, notation
from harness.virtual.promtool import Experiment, Promtool
from harness.virtual.reasons import NotGeneratedError
from harness.virtual.subjects import examined_alerts, recordings_of, rule_set

__all__ = ["AlertTimes", "Retold", "virtual_timeline"]


@dataclass(frozen=True, slots=True)
class AlertTimes:
    """Production seconds of the story: first evaluation at which the alert was pending, firing, and no more firing."""

    pending_s: float | None = None
    firing_s: float | None = None
    resolved_s: float | None = None


@dataclass(frozen=True, slots=True)
class Retold:
    """One alert of one story, as it was live and as it is in virtual time; they may differ by ``tolerance_s``."""

    cell: str
    alert: str
    live: AlertTimes
    virtual: AlertTimes
    tolerance_s: float

    @property
    def differences_s(self) -> tuple[float, ...]:
        """Virtual minus live for each instant that both have."""
        pairs = [(getattr(self.virtual, name), getattr(self.live, name)) for name in _INSTANTS]
        return tuple(virtual - live for virtual, live in pairs if virtual is not None and live is not None)

    @property
    def agrees(self) -> bool:
        """Whether both have the same instants, within the tolerance."""
        both = all((getattr(self.virtual, name) is None) == (getattr(self.live, name) is None) for name in _INSTANTS)
        return both and all(abs(difference) <= self.tolerance_s for difference in self.differences_s)


_INSTANTS = ("pending_s", "firing_s", "resolved_s")


def virtual_timeline(bundle: Path, promtool: Path) -> tuple[Retold, ...]:
    """Every alert of the bundle's stories whose counters the ledger accounts for, live and in virtual time.

    Raises ``HarnessError`` when the bundle cannot be read or no alert of it can be retold.
    """
    campaign, evidence = _campaign(bundle), read_evidence(bundle)
    retold = [
        item
        for scenario in campaign.scenarios
        if evidence.completed(scenario.name)
        for item in _story(campaign, evidence, scenario, Promtool(promtool))
    ]
    if not retold:
        raise HarnessError(
            "no alert of this bundle can be retold: its stories tie no counter of an alert to their requests",
            location=Location(str(bundle)),
            remedy="expect 'metric NAME: {counts: one per failed request}' in a story that ran to its end",
        )
    return tuple(retold)


def _campaign(bundle: Path) -> Campaign:
    inputs = bundle / "inputs"
    named = read_manifest(bundle).get("file")
    found = [inputs / named] if named else sorted(inputs.rglob("campaign.yaml"))
    if not found or not found[0].is_file():
        raise HarnessError("the bundle holds no campaign file", location=Location(str(inputs)))
    return load_campaign([found[0]])


def _story(campaign: Campaign, evidence: Evidence, scenario: Scenario, promtool: Promtool) -> Iterator[Retold]:
    production = read_production(campaign)
    catalogue, recordings = Catalogue(campaign, production), recordings_of(production)
    counted = _counted(evidence, scenario)
    length_s = evidence.production_s(scenario.name, evidence.horizon(scenario.name))
    for examined in examined_alerts(campaign, production):
        try:
            inputs = inputs_of(examined.rule, recordings, catalogue)
        except NotGeneratedError:
            continue
        events = {each: found for each in inputs if (found := _events(each, examined, counted)) is not None}
        if not inputs or len(events) < len(inputs):
            continue
        step_s = examined.timing.evaluation_s
        experiment = _experiment(examined, events, length_s)
        findings = promtool.run(rule_set(production, examined.files), step_s, [experiment])[examined.name]
        did = behaviour(findings, examined.series, step_s, examined.fixed_labels)
        tolerance_s = examined.timing.scrape_s + step_s
        virtual = _times(did.pending, did.firing, step_s, length_s)
        live = _live(evidence, scenario.name, examined, step_s, length_s)
        yield Retold(scenario.name, examined.name, live, virtual, tolerance_s)


def _counted(evidence: Evidence, scenario: Scenario) -> dict[Selector, list[float]]:
    """Counters that the story ties to requests, with the production instants at which those ended."""
    found: dict[Selector, list[float]] = {}
    for item in scenario.expectations:
        if isinstance(item.rule, ExpectMetric) and item.rule.counts is not None:
            selectors = parse(item.about, item.source).selectors
            meant = requests_meant(evidence, scenario.name, demand(item.rule.counts))
            ends = [evidence.production_s(scenario.name, each.end_t) for each in meant if each.end_t is not None]
            if len(selectors) == 1:
                found[selectors[0]] = sorted(ends)
    return found


def _events(
    each: Input, examined: Examined, counted: Mapping[Selector, list[float]]
) -> tuple[dict[str, str], list[float]] | None:
    """Labels and events of an input that a counted selector speaks of, in a way that the alert reads too."""
    for selector, ends in counted.items():
        if selector.metric != each.family.name or each.family.kind != "counter":
            continue
        fixed = {matcher.name: matcher.value for matcher in selector.matchers if matcher.operator == "="}
        labels = {**each.job.target_labels(0), **dict(each.labels), **fixed}
        read = [other for other in examined.rule.query.selectors if other.metric == each.family.name]
        if all(matcher.accepts(labels.get(matcher.name, "")) for other in read for matcher in other.matchers):
            return labels, ends
    return None


def _experiment(
    examined: Examined, events: Mapping[Input, tuple[dict[str, str], list[float]]], length_s: float
) -> Experiment:
    interval_s = min(each.job.interval_s for each in events)
    count = int(length_s // interval_s) + 1
    series = {
        notation(each.family.name, labels): " ".join(
            str(bisect_right(ends, step * interval_s)) for step in range(count)
        )
        for each, (labels, ends) in events.items()
    }
    step_s = examined.timing.evaluation_s
    return Experiment(examined.name, interval_s, series, length_s // step_s * step_s, watched=examined.series)


def _live(evidence: Evidence, cell: str, examined: Examined, step_s: float, length_s: float) -> AlertTimes:
    instants = {
        state: [evidence.production_s(cell, t) for t in alert_instants(evidence, cell, examined.rule.name, state)]
        for state in ("pending", "firing")
    }
    return _times(spans(instants["pending"], step_s), spans(instants["firing"], step_s), step_s, length_s)


def _times(
    pending: Sequence[tuple[float, float]], firing: Sequence[tuple[float, float]], step_s: float, length_s: float
) -> AlertTimes:
    """The stretch of pending before the first firing counts; one that fires to the end has not resolved."""
    if not firing:
        return AlertTimes(pending[-1][0] if pending else None)
    before = [start for start, _end in pending if start < firing[0][0]]
    resolved_s = firing[-1][1] + step_s
    return AlertTimes(before[-1] if before else None, firing[0][0], resolved_s if resolved_s < length_s else None)
