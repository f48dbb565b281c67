"""Side conditions of an alert, as in ``and USED > 0`` and ``unless MODE == 1``, and the levels that let it through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.promql import TURNED, Selector, children, constant, selectors_of
from harness.artefacts.rules import Rule
from harness.virtual.inputs import Input

__all__ = ["constants", "guard_levels", "moments"]

_OPPOSITE: Final = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}


def guard_levels(rule: Rule, inputs: Sequence[Input]) -> dict[Input, float]:
    """The value of every gauge that ``rule`` compares with a constant, at which that test is passed.

    What stands behind ``unless`` is passed when it is not true. The first test of a gauge counts.
    """
    found: dict[Input, float] = {}
    for selector, operator, threshold in _tests(rule.query.tree, passed=True):
        for each in inputs:
            if each.family.kind == "gauge" and _reads(selector, each):
                found.setdefault(each, _level(operator, threshold))
    return found


def constants(rule: Rule) -> tuple[float, ...]:
    """The positive numbers that the expression writes, each once."""
    return tuple(dict.fromkeys(value for value in _numbers(rule.query.tree) if value > 0))


def _numbers(node: Any) -> Iterator[float]:
    value = constant(node)
    if value is not None:
        yield value
        return
    for child in children(node):
        yield from _numbers(child)


def moments(rule: Rule) -> frozenset[str]:
    """Metrics that hold an instant: those that the expression subtracts from ``time()``, or ``time()`` from them."""
    return frozenset(_moments(rule.query.tree))


def _moments(node: Any) -> Iterator[str]:
    if isinstance(node, pp.BinaryExpr) and str(node.op) == "-":
        for clock, moment in ((node.lhs, node.rhs), (node.rhs, node.lhs)):
            if _is_time(clock):
                yield from (each.metric for each in selectors_of(moment))
    for child in children(node):
        yield from _moments(child)


def _is_time(node: Any) -> bool:
    if isinstance(node, pp.ParenExpr):
        return _is_time(node.expr)
    return isinstance(node, pp.Call) and node.func.name in {"time", "vector", "scalar"} and _calls_time(node)


def _calls_time(node: Any) -> bool:
    own = isinstance(node, pp.Call) and node.func.name == "time"
    return own or any(_calls_time(child) for child in children(node))


def _tests(node: Any, *, passed: bool) -> Iterator[tuple[Selector, str, float]]:
    """Every test of one series against a constant, with the operator that is to hold."""
    if isinstance(node, pp.ParenExpr):
        yield from _tests(node.expr, passed=passed)
    elif isinstance(node, pp.BinaryExpr):
        sign = str(node.op)
        if sign in {"and", "unless"}:
            yield from _tests(node.lhs, passed=passed)
            yield from _tests(node.rhs, passed=passed if sign == "and" else not passed)
        elif sign in TURNED:
            yield from _test(node, sign, passed=passed)


def _test(node: Any, sign: str, *, passed: bool) -> Iterator[tuple[Selector, str, float]]:
    left, right = constant(node.lhs), constant(node.rhs)
    threshold, side = (right, node.lhs) if right is not None else (left, node.rhs)
    selectors = selectors_of(side)
    if threshold is None or len(selectors) != 1 or not _is_plain(side):
        return
    operator = sign if right is not None else TURNED[sign]
    yield selectors[0], operator if passed else _OPPOSITE[operator], threshold


def _is_plain(node: Any) -> bool:
    """Whether the value is that of the series itself, of all or of the largest of them."""
    if isinstance(node, pp.ParenExpr):
        return _is_plain(node.expr)
    if isinstance(node, pp.AggregateExpr):
        return str(node.op) in {"sum", "max", "min", "avg"} and _is_plain(node.expr)
    return isinstance(node, pp.VectorSelector)


def _level(operator: str, threshold: float) -> float:
    if operator in {"==", ">=", "<="}:
        return threshold
    if operator == "!=":
        return 0.0 if threshold else 1.0
    return threshold + 1 if operator == ">" else threshold - 1


def _reads(selector: Selector, each: Input) -> bool:
    labels = {**dict(each.labels), **each.job.target_labels(0)}
    return selector.metric == each.family.name and all(m.accepts(labels.get(m.name, "")) for m in selector.matchers)
