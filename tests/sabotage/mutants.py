"""One defect in every alert at once, made from the files as they are: a copy of production per kind of defect.

Alerts are judged one by one offline, so eighteen defects in one copy are eighteen mutants. Of rules the defects are
here, of who is told, how and when in ``notice_mutants``.
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
from tests.sabotage.notice_mutants import NOTICE_KINDS

__all__ = ["KINDS", "RULE_KINDS", "alert_rules", "mutated"]

Rule = dict[str, Any]
Mutation = Callable[[Rule], Rule | None]
"""The rule with a defect; ``None`` where it has nothing of the kind."""
_FOLDER: Final = "rules"
_TEST: Final = re.compile(r"(>=|<=|==|!=|>|<)(\s*)(\d+(?:\.\d+)?)")
_AGGREGATION: Final = re.compile(r"\b(sum|max|min)( by|\()")
_MATCHER: Final = re.compile(r"\{job=\"[\w-]+\"(?:, )?([^}]*)\}")


def mutated(production: Path, folder: Path, kind: str) -> dict[str, str]:
    """Copy ``production`` to ``folder`` with the defect ``kind``; answers the mutated alerts with what was changed."""
    shutil.copytree(production, folder, dirs_exist_ok=True)
    if kind not in RULE_KINDS:
        return NOTICE_KINDS[kind](folder, alert_rules(folder))
    found: dict[str, str] = {}
    for path in sorted((folder / _FOLDER).glob("*.yml")):
        document = yaml.safe_load(path.read_text())
        for group in document["groups"]:
            group["rules"] = [_rule(rule, kind, found) for rule in group["rules"]]
        path.write_text(yaml.safe_dump(document, sort_keys=False, width=10_000))
    return found


def _rule(rule: Rule, kind: str, found: dict[str, str]) -> Rule:
    changed = RULE_KINDS[kind](rule)
    if changed is None or changed == rule:
        return rule
    parse(changed["expr"], Location(kind))  # a defect that Prometheus refuses to load is none
    found[rule["alert"]] = "; ".join(f"{key}: {value}" for key, value in changed.items() if value != rule.get(key))
    return changed


def alert_rules(production: Path) -> tuple[Rule, ...]:
    """All alerting rules of ``production``."""
    files = sorted((production / _FOLDER).glob("*.yml"))
    groups = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
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
    def change(rule: Rule) -> Rule | None:
        return {**rule, "for": format_duration(parse_duration(rule["for"]) * factor)} if "for" in rule else None

    return change


def _aggregation(other: Mapping[str, str]) -> Mutation:
    def change(rule: Rule) -> Rule:
        return {**rule, "expr": _AGGREGATION.sub(lambda each: other[each[1]] + each[2], rule["expr"])}

    return change


def _grouping(rule: Rule) -> Rule:
    return {**rule, "expr": re.sub(r"by \(service", "by (service, instance", rule["expr"])}


def _matcher_lost(rule: Rule) -> Rule:
    return {**rule, "expr": _MATCHER.sub(lambda each: f"{{{each[1]}}}" if each[1] else "", rule["expr"])}


def _matcher_wrong(rule: Rule) -> Rule:
    return {**rule, "expr": re.sub(r'job="([\w-]+)"', r'job="\1s"', rule["expr"])}


def _severity(rule: Rule) -> Rule:
    other = {"warning": "critical", "critical": "warning", "none": "critical"}
    return {**rule, "labels": {**rule["labels"], "severity": other[rule["labels"]["severity"]]}}


def _template(name: str) -> Mutation:
    def change(rule: Rule) -> Rule:
        return _annotated(rule, {name: rule["annotations"][name].replace("$labels.service", "$labels.servise")})

    return change


def _lost(name: str) -> Mutation:
    return lambda rule: {**rule, "annotations": {k: v for k, v in rule["annotations"].items() if k != name}}


def _annotated(rule: Rule, texts: Mapping[str, str]) -> Rule:
    return {**rule, "annotations": {**rule["annotations"], **texts}}


def _expression(rule: Rule, start: int, end: int, text: str) -> Rule:
    return {**rule, "expr": rule["expr"][:start] + text + rule["expr"][end:]}


_FLIPPED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "!=", "!=": "=="}
RULE_KINDS: Final[dict[str, Mutation]] = {
    "threshold raised": _threshold(1.25),
    "threshold lowered": _threshold(0.75),
    "comparison": _comparison(_FLIPPED),
    "boundary": _comparison({">": ">=", "<": "<="}),
    "window doubled": _window(2),
    "window halved": _window(0.5),
    "for doubled": _for(2),
    "for halved": _for(0.5),
    "aggregation": _aggregation({"sum": "max", "max": "sum", "min": "max"}),
    "aggregation by the least": _aggregation({"sum": "min", "max": "min", "min": "min"}),
    "grouping": _grouping,
    "matcher lost": _matcher_lost,
    "matcher wrong": _matcher_wrong,
    "severity": _severity,
    "summary": _template("summary"),
    "description": _template("description"),
    "summary lost": _lost("summary"),
    "description lost": _lost("description"),
    "runbook lost": _lost("runbook"),
    "runbook of another": lambda rule: _annotated(rule, {"runbook": "runbooks/another.md"}),
}
KINDS: Final = (*RULE_KINDS, *NOTICE_KINDS)
"""The table of mutants: each defect of each alert is noticed by a named clause, or is said to be none."""
