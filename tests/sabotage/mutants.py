"""One defect in every alert at once, made from the rule files as they are: a copy of production per kind of defect.

Alerts are judged one by one in virtual time, so twelve defects in one copy are twelve mutants.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from harness.artefacts.promql import parse
from harness.core.errors import Location
from harness.core.units import format_duration, parse_duration

__all__ = ["FILE", "KINDS", "mutated"]

Rule = dict[str, Any]
Mutation = Callable[[Rule], Rule | None]
"""The rule with a defect; ``None`` where it has nothing of the kind."""
FILE: Final = "rules/llm_router_alerts.yml"
_TEST: Final = re.compile(r"(>=|<=|==|!=|>|<)(\s*)(\d+(?:\.\d+)?)")
_AGGREGATION: Final = re.compile(r"\b(sum|max)( by)")
_MATCHER: Final = re.compile(r"\{job=\"llm-router\"(?:, )?([^}]*)\}")


def mutated(production: Path, folder: Path, kind: str) -> dict[str, str]:
    """Copy ``production`` to ``folder`` with the defect ``kind``; answers the mutated alerts with what was changed."""
    shutil.copytree(production, folder, dirs_exist_ok=True)
    found: dict[str, str] = {}
    name = FILE if kind in _RULES else "alertmanager.yml"
    document = yaml.safe_load((folder / name).read_text())
    if kind in _RULES:
        for group in document["groups"]:
            group["rules"] = [_rule(rule, kind, found) for rule in group["rules"]]
    else:
        found |= _ROUTING[kind](document, _alerts(folder))
    (folder / name).write_text(yaml.safe_dump(document, sort_keys=False, width=10_000))
    return found


def _rule(rule: Rule, kind: str, found: dict[str, str]) -> Rule:
    changed = _RULES[kind](rule)
    if changed is None or changed == rule:
        return rule
    parse(changed["expr"], Location(kind))  # a defect that Prometheus refuses to load is none
    found[rule["alert"]] = "; ".join(f"{key}: {value}" for key, value in changed.items() if value != rule[key])
    return changed


def _alerts(folder: Path) -> tuple[Rule, ...]:
    groups = yaml.safe_load((folder / FILE).read_text())["groups"]
    return tuple(rule for group in groups for rule in group["rules"])


# --- rules


def _threshold(factor: float) -> Mutation:
    def change(rule: Rule) -> Rule | None:
        found = _TEST.search(rule["expr"])
        number = float(found[3]) if found else 0.0
        if found is None or (number == 0 and factor < 1):
            return None
        written = f"{number * factor or 1:g}"
        return _expression(rule, found.start(3), found.end(3), written)

    return change


def _comparison(signs: Mapping[str, str]) -> Mutation:
    def change(rule: Rule) -> Rule | None:
        found = _TEST.search(rule["expr"])
        if found is None or found[1] not in signs:
            return None
        return _expression(rule, found.start(1), found.end(1), signs[found[1]])

    return change


def _window(factor: float) -> Mutation:
    def change(rule: Rule) -> Rule | None:
        def scaled(found: re.Match[str]) -> str:
            return f"[{format_duration(parse_duration(found[1]) * factor)}]"

        return {**rule, "expr": re.sub(r"\[(\w+)\]", scaled, rule["expr"])}

    return change


def _for(factor: float) -> Mutation:
    return lambda rule: {**rule, "for": format_duration(parse_duration(rule["for"]) * factor)}


def _aggregation(other: Mapping[str, str]) -> Mutation:
    def change(rule: Rule) -> Rule:
        return {**rule, "expr": _AGGREGATION.sub(lambda each: other[each[1]] + each[2], rule["expr"])}

    return change


def _grouping(rule: Rule) -> Rule:
    return {**rule, "expr": re.sub(r"by \(service", "by (service, instance", rule["expr"])}


def _matcher_lost(rule: Rule) -> Rule:
    return {**rule, "expr": _MATCHER.sub(lambda each: f"{{{each[1]}}}" if each[1] else "", rule["expr"])}


def _matcher_wrong(rule: Rule) -> Rule:
    return {**rule, "expr": rule["expr"].replace('job="llm-router"', 'job="llm-routers"')}


def _severity(rule: Rule) -> Rule:
    other = {"warning": "critical", "critical": "warning"}
    return {**rule, "labels": {**rule["labels"], "severity": other[rule["labels"]["severity"]]}}


def _template(name: str) -> Mutation:
    def change(rule: Rule) -> Rule:
        text = rule["annotations"][name].replace("$labels.service", "$labels.servise")
        return {**rule, "annotations": {**rule["annotations"], name: text}}

    return change


def _expression(rule: Rule, start: int, end: int, text: str) -> Rule:
    return {**rule, "expr": rule["expr"][:start] + text + rule["expr"][end:]}


# --- alertmanager.yml


def _route(document: dict[str, Any], alerts: tuple[Rule, ...]) -> dict[str, str]:
    stray = [{"matchers": [f'alertname = "{rule["alert"]}"'], "receiver": "default"} for rule in alerts]
    document["route"]["routes"] = [*stray, *document["route"]["routes"]]
    return {rule["alert"]: "routed to default" for rule in alerts}


def _inhibition_lost(document: dict[str, Any], alerts: tuple[Rule, ...]) -> dict[str, str]:
    document["inhibit_rules"][0]["equal"].append("severity")
    critical = {rule["labels"]["problem"] for rule in alerts if rule["labels"]["severity"] == "critical"}
    warnings = [rule for rule in alerts if rule["labels"]["severity"] == "warning"]
    return {rule["alert"]: "equal: [severity]" for rule in warnings if rule["labels"]["problem"] in critical}


def _inhibition_broad(document: dict[str, Any], alerts: tuple[Rule, ...]) -> dict[str, str]:
    """Every alert is silenced by one of another problem."""
    for index, rule in enumerate(alerts):
        other = next(each for each in alerts[index:] + alerts if each["labels"]["problem"] != rule["labels"]["problem"])
        source, target = f'alertname = "{other["alert"]}"', f'alertname = "{rule["alert"]}"'
        document["inhibit_rules"].append(
            {"source_matchers": [source], "target_matchers": [target], "equal": ["service"]}
        )
    return {rule["alert"]: "inhibited by an alert of another problem" for rule in alerts}


_FLIPPED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "!=", "!=": "=="}
_RULES: Final[dict[str, Mutation]] = {
    "threshold raised": _threshold(1.25),
    "threshold lowered": _threshold(0.75),
    "comparison": _comparison(_FLIPPED),
    "boundary": _comparison({">": ">=", "<": "<="}),
    "window doubled": _window(2),
    "window halved": _window(0.5),
    "for doubled": _for(2),
    "for halved": _for(0.5),
    "aggregation": _aggregation({"sum": "max", "max": "sum"}),
    "aggregation by the least": _aggregation({"sum": "min", "max": "min"}),
    "grouping": _grouping,
    "matcher lost": _matcher_lost,
    "matcher wrong": _matcher_wrong,
    "severity": _severity,
    "summary": _template("summary"),
    "description": _template("description"),
}
_ROUTING: Final = {"route": _route, "inhibition lost": _inhibition_lost, "inhibition too broad": _inhibition_broad}
KINDS: Final = (*_RULES, *_ROUTING)
