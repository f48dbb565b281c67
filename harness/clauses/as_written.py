"""Alerts plane of a system that runs already: its rules and routes are those of the artefacts, and work together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from harness.artefacts.alertmanager_config import AlertmanagerConfig, read_alertmanager
from harness.artefacts.clock_check import same_expression
from harness.artefacts.promql import parse
from harness.artefacts.routing import Route
from harness.artefacts.rules import Rule, RuleGroup
from harness.clauses.model import Clause, Judgement, Need, held, still_open, violated
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.core.errors import ConfigError, Location
from harness.core.source import Document
from harness.core.units import format_duration
from harness.evidence.records import CAMPAIGN, AlertSnapshot, LoadedRule, Reading, Routing, RuleState
from harness.evidence.store import Evidence

__all__ = ["TOLD", "compile_as_written", "routing_of"]

TOLD: Final = "active_alertmanagers"
"""Name of the reading: how many Alertmanagers Prometheus says that it sends alerts to."""
_LOADED: Final = (Need("loaded"),)
_ALERTS: Final = (Need("rules"), Need("alerts"))
Written = tuple[RuleGroup, Rule]


def compile_as_written(campaign: Campaign, production: Production, cell: str) -> Iterator[Clause]:
    """Clauses on what runs in ``cell``; none on artefacts that the contract does not name."""
    always = [name for name, alert in campaign.contract.alerts.items() if alert.always]
    clause = partial(Clause, CAMPAIGN, "alerts", cells=(cell,))
    where = campaign.promise("artefacts")
    if production.prometheus is not None:
        for name, written in _rules(production).items():
            statement = f"Prometheus runs {name} as the rule file has it"
            yield clause(name, "as_written", written[0][1].location, statement, _LOADED, partial(_judge_rule, written))
    for name in always:
        statement = f"{name} is on, as it must always be"
        yield clause(name, "is_on", campaign.promise("alerts", name), statement, _ALERTS, partial(_judge_on, name))
    if production.alertmanager is not None:
        statement = "Alertmanager runs the routes, inhibitions and receivers of the artefact"
        judge = partial(_judge_routing, production.alertmanager)
        yield clause("routing", "as_written", where, statement, (Need("routing"),), judge)
        statement = "what fires in Prometheus is held by Alertmanager"
        yield clause("delivery", "agrees", where, statement, _ALERTS, _judge_delivery)


def _rules(production: Production) -> dict[str, list[Written]]:
    found: dict[str, list[Written]] = {}
    for file in production.rules:
        for group in file.groups:
            for rule in group.rules:
                found.setdefault(rule.name, []).append((group, rule))
    return found


# --- rules


def _judge_rule(written: Sequence[Written], evidence: Evidence) -> Judgement:
    loaded = [rule for cell in evidence.cells() for rule in evidence.of(LoadedRule, cell)]
    if not loaded:
        return still_open("no rule was read")
    for group, rule in written:
        same = [each for each in loaded if (each.group, each.name) == (group.name, rule.name)]
        if not same:
            return violated(f"Prometheus has no {rule.name} in the group {group.name}", hop="rule")
        differences = min((tuple(_differences(group, rule, each)) for each in same), key=len)
        if differences:
            return violated(differences[0], *differences[1:], hop="rule", at=same[0].t)
    return held("loaded as written")


def _differences(group: RuleGroup, rule: Rule, loaded: LoadedRule) -> Iterator[str]:
    if not _same_text(rule, loaded.expression):
        yield f"it evaluates {loaded.expression!r}, written is {' '.join(rule.expression.split())!r}"
    for what, has, wanted in (
        ("for", loaded.for_s, rule.for_s),
        ("keep_firing_for", loaded.keep_firing_for_s, rule.keep_firing_for_s),
    ):
        if has != wanted:
            yield f"{what} is {format_duration(has)}, written is {format_duration(wanted)}"
    labels = {**group.labels, **rule.labels}
    if loaded.labels not in (labels, rule.labels):
        yield f"its labels are {loaded.labels}, written are {labels}"
    if loaded.annotations != rule.annotations:
        names = sorted(k for k in {*loaded.annotations, *rule.annotations} if not _same(loaded, rule, k))
        yield f"other annotations than written: {', '.join(names)}"


def _same(loaded: LoadedRule, rule: Rule, name: str) -> bool:
    return loaded.annotations.get(name) == rule.annotations.get(name)


def _same_text(rule: Rule, text: str) -> bool:
    try:
        return same_expression(rule.query, parse(text, lambda _: Location("Prometheus")))
    except ConfigError:  # a newer server may print what this parser does not know
        return " ".join(text.split()) == " ".join(rule.expression.split())


# --- routes


def routing_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of an Alertmanager's configuration says who is told: no address, and nothing that could be a secret."""
    receivers = [
        {"name": each.get("name", "")}
        | {kind: [_told(one) for one in ways] for kind, ways in each.items() if kind.endswith("_configs") and ways}
        for each in config.get("receivers") or ()
    ]
    kept = {key: config[key] for key in ("route", "inhibit_rules") if config.get(key)}
    timeout = (config.get("global") or {}).get("resolve_timeout")
    return {**kept, "receivers": receivers} | ({"global": {"resolve_timeout": timeout}} if timeout else {})


def _told(way: Mapping[str, Any]) -> dict[str, Any]:
    return {"send_resolved": way["send_resolved"]} if "send_resolved" in way else {}


def _judge_routing(written: AlertmanagerConfig, evidence: Evidence) -> Judgement:
    found = [item for cell in evidence.cells() for item in evidence.of(Routing, cell)]
    if not found:
        return still_open("its configuration was not read")
    try:
        running = read_alertmanager(Document("Alertmanager", "", found[-1].document, {}, {}))
    except ConfigError as error:
        return still_open(f"its configuration cannot be understood: {error.problem}")
    has, wanted = dict(_facts(running)), dict(_facts(written))
    differences = [
        f"{name} is {has.get(name, 'not there')}, written is {wanted.get(name, 'nothing')}"
        for name in dict.fromkeys([*wanted, *has])
        if has.get(name) != wanted.get(name)
    ]
    if differences:
        return violated(differences[0], *differences[1:6], hop="route", at=found[-1].t)
    return held(f"{len(running.receivers)} receivers and {sum(1 for _ in running.route.walk())} routes as written")


def _facts(config: AlertmanagerConfig) -> Iterator[tuple[str, str]]:
    """Everything that decides who is told, flat, by a name for people."""
    yield "resolve_timeout", format_duration(config.resolve_timeout_s)
    yield from _route("route", config.route)
    for index, rule in enumerate(config.inhibit_rules):
        sides = (sorted(map(str, side)) for side in (rule.source, rule.target))
        yield f"inhibit_rules[{index}]", f"{[*sides]} where equal {sorted(rule.equal)}"
    for receiver in config.receivers:
        ways = [each.kind if each.send_resolved else f"{each.kind} (not of recovery)" for each in receiver.integrations]
        yield f"receiver {receiver.name}", ", ".join(ways) or "nobody"


def _route(name: str, route: Route) -> Iterator[tuple[str, str]]:
    yield f"{name}.receiver", route.receiver
    yield f"{name}.matchers", ", ".join(sorted(f"{m.name}{m.operator}{m.value!r}" for m in route.matchers))
    yield f"{name}.group_by", ", ".join(sorted(route.group_by))
    for key in ("group_wait_s", "group_interval_s", "repeat_interval_s"):
        yield f"{name}.{key.removesuffix('_s')}", format_duration(getattr(route, key))
    yield f"{name}.mute_time_intervals", ", ".join(route.mute_time_intervals)
    yield f"{name}.active_time_intervals", ", ".join(route.active_time_intervals)
    yield f"{name}.continue", str(route.goes_on).lower()
    for index, child in enumerate(route.routes):
        yield from _route(f"{name}.routes[{index}]", child)


# --- states


def _judge_on(name: str, evidence: Evidence) -> Judgement:
    cells = evidence.cells()
    states = [state for cell in cells for state in evidence.of(RuleState, cell) if state.alert == name]
    if not states or not evidence.all_completed():
        return still_open("its state was not read")
    if states[-1].state != "firing":
        return violated(f"it is {states[-1].state} in Prometheus", hop="rule", at=states[-1].t)
    if name not in _held(evidence):
        return violated("it fires in Prometheus, and Alertmanager does not hold it", hop="Prometheus to Alertmanager")
    return held("it fires, and Alertmanager holds it")


def _judge_delivery(evidence: Evidence) -> Judgement:
    cells = evidence.cells()
    if not evidence.all_completed() or not any(evidence.of(RuleState, cell) for cell in cells):
        return still_open("no state was read")
    known = [r.value for cell in cells for r in evidence.of(Reading, cell) if r.name == TOLD]
    if known and not known[-1]:
        return violated("Prometheus knows of no Alertmanager", hop="Prometheus to Alertmanager")
    firing = _firing(evidence)
    missing = sorted(firing - _held(evidence))
    if missing:
        return violated(f"Alertmanager does not hold {', '.join(missing)}", hop="Prometheus to Alertmanager")
    if firing:
        return held(f"both have {', '.join(sorted(firing))}")
    if known:
        return held(f"nothing fires; Prometheus sends to {known[-1]:g} Alertmanager")
    return still_open("nothing fires, and the server does not say whom it tells")


def _firing(evidence: Evidence) -> set[str]:
    """Alerts that fired throughout: one that came between two reads may still be on its way."""
    throughout: set[str] | None = None
    by_time: dict[float, set[str]] = {}
    for cell in evidence.cells():
        for state in evidence.of(RuleState, cell):
            found = by_time.setdefault(state.t, set())
            if state.state == "firing":
                found.add(state.alert)
    for names in by_time.values():
        throughout = names if throughout is None else throughout & names
    return throughout or set()


def _held(evidence: Evidence) -> set[str]:
    """Names of the alerts that Alertmanager holds in the end, silenced and inhibited ones as well."""
    last = {item.fingerprint: item for cell in evidence.cells() for item in evidence.of(AlertSnapshot, cell)}
    return {item.labels.get("alertname", "") for item in last.values() if item.state != "gone"}
