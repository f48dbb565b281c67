"""Findings on who is told: routes that nobody takes, alerts that no route asks for, inhibition that never works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from harness.artefacts.alertmanager_config import AlertmanagerConfig
from harness.artefacts.label_templates import templated
from harness.artefacts.promql import Matcher
from harness.artefacts.routing import InhibitRule, Route
from harness.artefacts.rules import Rule, RuleGroup
from harness.core.source import nearest
from harness.core.units import format_duration
from harness.lint.model import Check, Files, Told

__all__ = ["CHECKS"]

_KNOWN: Final = frozenset({"alertname"})
Labels = Mapping[str, str]


def _labels_of(group: RuleGroup, rule: Rule) -> dict[str, str]:
    return {**group.labels, **rule.labels, "alertname": rule.name}


def _falls_through(files: Files) -> Iterator[Told]:
    """Alerts that only the root takes, with a label value that is nearly one that a route asks for."""
    config = files.alertmanager
    if config is None:
        return
    asked = _asked(config)
    for group, rule in files.alerts():
        labels = _labels_of(group, rule)
        if config.routes_for(labels) != (config.route,):
            continue
        for name, value in labels.items():
            wanted = asked.get(name, ())
            if name in _KNOWN or "{{" in value or not wanted or any(each.accepts(value) for each in wanted):
                continue
            meant = nearest(value, sorted({each.value for each in wanted if each.operator == "="}))
            if meant:  # else it is left to the root on purpose
                problem = f"{rule.name}: no route asks for {name}={value!r}: {config.route.receiver} is told by default"
                yield Told(rule.location, problem, meant)


def _asked(config: AlertmanagerConfig) -> dict[str, list[Matcher]]:
    """Matchers of routes that want a value, by label."""
    found: dict[str, list[Matcher]] = {}
    for route in config.route.walk():
        for each in route.matchers:
            if each.operator in {"=", "=~"}:
                found.setdefault(each.name, []).append(each)
    return found


def _never_taken(files: Files) -> Iterator[Told]:
    for parent in files.alertmanager.route.walk() if files.alertmanager else ():
        for number, route in enumerate(parent.routes):
            earlier = next((each for each in parent.routes[:number] if _takes_all_of(each, route)), None)
            if earlier is not None:
                problem = (
                    f"the route to {route.receiver} is never taken: the one at line {earlier.location.line} takes all"
                )
                yield Told(route.location, problem, "move it up, or let the other one continue: true")


def _takes_all_of(earlier: Route, later: Route) -> bool:
    """Whether whatever ``later`` matches is taken by ``earlier``, and goes no further."""
    return not earlier.goes_on and all(_implied(each, later.matchers) for each in earlier.matchers)


def _implied(wanted: Matcher, given: Sequence[Matcher]) -> bool:
    """Whether labels that pass ``given`` are sure to pass ``wanted``."""
    fixed = [each.value for each in given if each.name == wanted.name and each.operator == "="]
    return wanted in given or any(wanted.accepts(value) for value in fixed)


def _unused(files: Files) -> Iterator[Told]:
    config = files.alertmanager
    if config is None:
        return
    used = {route.receiver for route in config.route.walk()}
    for receiver in config.receivers:
        if receiver.name not in used:
            yield Told(
                receiver.location, f"no route leads to the receiver {receiver.name}", "route to it, or remove it"
            )


def _never_inhibits(files: Files) -> Iterator[Told]:
    config = files.alertmanager
    if config is None:
        return
    everyone = [labels for group, rule in files.alerts() if not templated(labels := _labels_of(group, rule))]
    for inhibition in config.inhibit_rules:
        apart = _apart(inhibition, everyone)
        if apart:
            problem = f"this never silences anything: {apart} is never the same on both sides"
            yield Told(inhibition.location, problem, f"leave {apart} out of equal, or name the alerts alike")


def _apart(inhibition: InhibitRule, everyone: Sequence[Labels]) -> str:
    """The label that differs between every source and every target among the alerts; empty where some pair may work."""
    fixed = {name for labels in everyone for name in labels}
    if any(each.name not in fixed for each in (*inhibition.source, *inhibition.target)):
        return ""  # series decide who matches
    sources = [labels for labels in everyone if _all_pass(inhibition.source, labels)]
    targets = [labels for labels in everyone if _all_pass(inhibition.target, labels)]
    pairs = [(one, other) for one in sources for other in targets if one is not other]
    for name in inhibition.equal:
        if pairs and all(name in one and name in other and one[name] != other[name] for one, other in pairs):
            return name
    return ""


def _all_pass(matchers: Sequence[Matcher], labels: Labels) -> bool:
    return all(each.accepts(labels.get(each.name, "")) for each in matchers)


def _repeats(files: Files) -> Iterator[Told]:
    seen: set[tuple[float, float]] = set()
    for route in files.alertmanager.route.walk() if files.alertmanager else ():
        times = route.repeat_interval_s, route.group_interval_s
        if times[0] < times[1] and times not in seen:
            repeat, group = map(format_duration, times)
            problem = f"repeat_interval {repeat} is shorter than group_interval {group}: it repeats every {group}"
            yield Told(route.location, problem, "make it a multiple of group_interval")
        seen.add(times)


CHECKS: Sequence[Check] = (
    Check(
        "falls-through",
        "a label value that is nearly one that a route asks for",
        "Routes tell alerts apart by this label, and none asks for the value that this alert has: it ends at the "
        "receiver of the root route. That is a usual way for the rest to go, but not for a value that is mistyped.",
        _falls_through,
    ),
    Check(
        "never-taken",
        "a route behind one that takes everything",
        "Alertmanager takes the first route that matches and, without continue: true, looks no further. A route behind "
        "one that matches all that it matches is never reached.",
        _never_taken,
    ),
    Check(
        "unused-receiver",
        "a receiver that no route names",
        "Nobody is ever told through it. Whoever reads the file believes otherwise.",
        _unused,
    ),
    Check(
        "never-inhibits",
        "an inhibition whose equal labels always differ",
        "An alert is silenced only while all labels under equal have the same values on both alerts. Where the rules "
        "give one of them other values on each side, nothing is ever silenced, and one problem pages twice.",
        _never_inhibits,
    ),
    Check(
        "repeats-late",
        "a repeat interval below the group interval",
        "Alertmanager looks whether to repeat a notice only once per group_interval: a shorter repeat_interval is "
        "rounded up to it.",
        _repeats,
    ),
)
