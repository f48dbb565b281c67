"""Findings on conditions: alerts that fire always or never end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.promql import TURNED, children, constant, nodes
from harness.lint.model import Check, Files, Told

__all__ = ["CHECKS"]

_SETS: Final = frozenset({"and", "unless"})
_EMPTY_WHERE_FINE: Final = frozenset({"absent", "absent_over_time"})
_ABOVE: Final = frozenset({">", ">="})
_RISES: Final = frozenset({"rate", "irate", "increase", "resets"})
_DEPTH: Final = 20


def _without_condition(files: Files) -> Iterator[Told]:
    recorded: dict[str, list[Any]] = {}
    for _, rule in files.written():
        if not rule.is_alert:
            recorded.setdefault(rule.name, []).append(rule.query.tree)
    for _, rule in files.alerts():
        if _speaks_of_existence(rule.query.tree, files) or not rule.query.selectors:
            continue
        if not _has_condition(rule.query.tree, recorded, 0):
            problem = "the expression has no condition: it fires for every series that there is, whatever its value"
            yield Told.of(rule, problem, "compare it with a threshold, such as > 0")


def _speaks_of_existence(node: Any, files: Files) -> bool:
    """Whether an alert names series that may be there only while something is wrong, as those that tell a state do."""
    while isinstance(node, pp.ParenExpr):
        node = node.expr
    family = files.families.get(getattr(node, "name", None) or "")
    return isinstance(node, pp.VectorSelector) and (family is None or family.optional)


def _has_condition(node: Any, recorded: Mapping[str, list[Any]], depth: int) -> bool:
    """Whether the result can be empty although the series are there."""
    if depth > _DEPTH:
        return True
    below = [_has_condition(child, recorded, depth + 1) for child in children(node)]
    match node:
        case pp.VectorSelector() if _is_made_elsewhere(node.name or "", recorded):
            return True
        case pp.VectorSelector():
            trees = recorded.get(node.name or "", [])
            return bool(trees) and all(_has_condition(tree, recorded, depth + 1) for tree in trees)
        case pp.Call() if node.func.name in _EMPTY_WHERE_FINE:
            return True
        case pp.BinaryExpr() if str(node.op) == "or":
            return all(below)
        case pp.BinaryExpr() if str(node.op) in _SETS:
            return True
        case pp.BinaryExpr() if str(node.op) in TURNED and not getattr(node.modifier, "return_bool", False):
            return True
    return any(below)


def _is_made_elsewhere(name: str, recorded: Mapping[str, Any]) -> bool:
    """Whether a series is there under conditions that these files do not tell: alerts, and others' recordings."""
    return name.startswith("ALERTS") or (":" in name and name not in recorded)


def _never_ends(files: Files) -> Iterator[Told]:
    for _, rule in files.alerts():
        for node in nodes(rule.query.tree):
            metric = _raw_counter(node, files)
            if metric:
                problem = f"{metric} is a counter, which only rises: once above the threshold it stays there"
                yield Told.of(rule, problem, f"ask how fast it rises: rate({metric}[5m]) or increase({metric}[5m])")
                break


def _raw_counter(node: Any, files: Files) -> str:
    """The counter whose very value ``node`` holds against a number that it must exceed; else the empty string."""
    if not isinstance(node, pp.BinaryExpr) or str(node.op) not in TURNED:
        return ""
    left, sign, threshold = node.lhs, str(node.op), constant(node.rhs)
    if threshold is None:
        left, sign, threshold = node.rhs, TURNED[sign], constant(node.lhs)
    if threshold is None or threshold < 0 or sign not in _ABOVE:
        return ""
    while isinstance(left, pp.ParenExpr | pp.AggregateExpr):
        left = left.expr
    if not isinstance(left, pp.VectorSelector) or left.offset is not None or left.at is not None:
        return ""
    family = files.families.get(left.name or "")
    return str(left.name) if family is not None and family.type == "counter" else ""


def _rate_of_gauge(files: Files) -> Iterator[Told]:
    for _, rule in files.written():
        for selector in rule.query.selectors:
            family = files.families.get(selector.metric)
            if family is not None and family.type == "gauge" and selector.function in _RISES:
                problem = f"{selector.function}() of {selector.metric}, a gauge: every fall counts as a restart from 0"
                yield Told.of(rule, problem, "use deriv() or delta() for a gauge")


CHECKS: Sequence[Check] = (
    Check(
        "no-condition",
        "an alert whose expression compares nothing",
        "An alert fires for every series that its expression returns. Without a comparison, absent() or a set "
        "operation that is every series, of whatever value, 0 included: it fires from the first scrape on and never "
        "ends. "
        "An expression without any series, such as vector(1), is a watchdog and no finding, and neither is a bare "
        "selector of series that may be there only while something is wrong.",
        _without_condition,
    ),
    Check(
        "never-ends",
        "the value of a counter against a threshold",
        "A counter only rises until its process is restarted. Above the threshold once, the alert fires until then, "
        "and people learn to pass over it.",
        _never_ends,
    ),
    Check(
        "rate-of-gauge",
        "rate() or increase() of a gauge",
        "rate(), irate(), increase() and resets() take every fall for the restart of a counter. Of a gauge they tell "
        "a rise where there was a fall.",
        _rate_of_gauge,
    ),
)
