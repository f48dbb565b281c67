"""PromQL as data: which series, functions, durations and thresholds an expression speaks of.

Parsing is done by ``promql-parser``; nothing of its node types leaves this module except the tree
itself, kept for comparing an expression with its scaled form.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

import promql_parser as pp

from harness.artefacts import promql_tokens as tokens
from harness.core.errors import ConfigError, Location

__all__ = [
    "TURNED",
    "Aggregation",
    "Comparison",
    "Matcher",
    "Query",
    "Selector",
    "children",
    "constant",
    "nodes",
    "parse",
    "selectors_of",
]

Place = Callable[[int], Location]
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
TURNED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
"""Comparisons, and what each becomes when its sides change places."""
_SETS = frozenset({"and", "or", "unless"})
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "^": operator.pow,
}


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher; ``operator`` is ``=``, ``!=``, ``=~`` or ``!~``."""

    name: str
    operator: str
    value: str

    def accepts(self, value: str) -> bool:
        """Whether a label with this value passes."""
        same = _full_match(self.value, value) if "~" in self.operator else self.value == value
        return same != self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Selector:
    """One series selector, with the innermost function around it and its window (``None``: an instant)."""

    metric: str
    matchers: tuple[Matcher, ...]
    range_s: float | None
    function: str

    def may_read(self, metric: str) -> bool:
        """Whether the selector can match a series named ``metric``."""
        if self.metric:
            return self.metric == metric
        return all(each.accepts(metric) for each in self.matchers if each.name == "__name__")


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator threshold``: the test against a constant that an alert expression makes.

    Where it ``is_relative`` the expression compares two series, and ``left`` is made of both of them.
    """

    left: str
    operator: str
    threshold: float
    is_relative: bool = False


@dataclass(frozen=True, slots=True)
class Aggregation:
    """``sum by (…)`` and its kin; ``keeps`` is false for ``without`` only."""

    name: str
    labels: tuple[str, ...]
    keeps: bool


@dataclass(frozen=True)
class Query:
    """One parsed expression, exactly as written in ``text``; ``tree`` is the parser's own."""

    text: str
    tree: Any = field(repr=False, compare=False)
    place: Place = field(repr=False, compare=False)

    @cached_property
    def selectors(self) -> tuple[Selector, ...]:
        """All series selectors, in the order written."""
        return selectors_of(self.tree)

    @property
    def metric_names(self) -> frozenset[str]:
        """Names that the expression fixes; a selector by regular expression adds none."""
        return frozenset(each.metric for each in self.selectors if each.metric)

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """All label matchers of all selectors, in the order written."""
        return tuple(matcher for each in self.selectors for matcher in each.matchers)

    @cached_property
    def durations(self) -> tuple[tokens.DurationSpan, ...]:
        """Every range, step and offset with its position in ``text``."""
        return tokens.durations(self.text)

    @cached_property
    def calls(self) -> tuple[tokens.CallSpan, ...]:
        """Every function call with its position in ``text``."""
        return tuple(each for each in tokens.calls(self.text) if each.name in self.functions)

    def within(self, call: tokens.CallSpan) -> Query:
        """One call of this expression as an expression of its own."""
        return parse(self.text[call.start : call.end], lambda offset: self.place(call.start + offset))

    @property
    def longest_range_s(self) -> float:
        """How far back the expression looks: nested windows and offsets add up; 0 for instants only."""
        return _reach(self.tree)

    @cached_property
    def functions(self) -> frozenset[str]:
        """Names of all functions called (aggregations are not functions)."""
        return frozenset(node.func.name for node in nodes(self.tree) if isinstance(node, pp.Call))

    @cached_property
    def operators(self) -> frozenset[str]:
        """Binary operators, as written."""
        return frozenset(str(node.op) for node in nodes(self.tree) if isinstance(node, pp.BinaryExpr))

    @cached_property
    def aggregations(self) -> tuple[Aggregation, ...]:
        """All aggregations, outermost first."""
        return tuple(_aggregation(node) for node in nodes(self.tree) if isinstance(node, pp.AggregateExpr))

    @property
    def comparison(self) -> Comparison | None:
        """The test against a constant that decides the alert: the first one outside all functions."""
        return next(iter(self.comparisons), None)

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """All tests against constants that are joined by and, or, unless at the top of the expression."""
        return tuple(_comparisons(self.tree))

    @property
    def uses_at(self) -> bool:
        """Whether an ``@`` modifier pins any part to an instant."""
        return any(getattr(node, "at", None) is not None for node in nodes(self.tree))


def parse(text: str, where: Location | Place) -> Query:
    """Parse ``text``; ``where`` is its place, or a function from a character offset to a place.

    Raises ``ConfigError`` at the line and column of the flaw as far as it can be located.
    """
    place: Place = where if callable(where) else lambda _offset: where
    try:
        tree = pp.parse(tokens.double_quoted(text))
    except ValueError as error:
        problem = str(error)
        remedy = "mend the expression; Prometheus refuses it too, as `promtool check rules` shows for a rule file"
        raise ConfigError(f"not valid PromQL: {problem}", location=place(_flaw(text, problem)), remedy=remedy) from None
    return Query(text, tree, place)


def children(node: Any) -> tuple[Any, ...]:
    """Sub-expressions of a tree node, in the order written."""
    match node:
        case pp.Call():
            return tuple(node.args)
        case pp.BinaryExpr():
            return (node.lhs, node.rhs)
        case pp.AggregateExpr():
            return (node.expr,) if node.param is None else (node.param, node.expr)
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
            return (node.expr,)
        case pp.MatrixSelector():
            return (node.vector_selector,)
    return ()


def _full_match(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error as error:
        raise ConfigError(
            f"the regular expression {pattern!r} is beyond this reader: {error}",
            remedy="write it without RE2 specialities",
        ) from None


def selectors_of(tree: Any) -> tuple[Selector, ...]:
    """All series selectors under a tree node, in the order written."""
    return tuple(_selectors(tree, ""))


def _flaw(text: str, problem: str) -> int:
    unbalanced = tokens.first_unbalanced(text)
    if unbalanced is not None:
        return unbalanced
    quoted = re.search(r"'(\w+)'", problem)
    return tokens.first_word(text, quoted[1]) if quoted else len(text) - len(text.lstrip())


def nodes(node: Any) -> Iterator[Any]:
    """A tree node and all below it, outermost first."""
    yield node
    for child in children(node):
        yield from nodes(child)


def _selectors(node: Any, function: str) -> Iterator[Selector]:
    if isinstance(node, pp.VectorSelector):
        yield _selector(node, None, function)
    elif isinstance(node, pp.MatrixSelector):
        yield _selector(node.vector_selector, node.range, function)
    else:
        inner = node.func.name if isinstance(node, pp.Call) else function
        for child in children(node):
            yield from _selectors(child, inner)


def _selector(node: Any, window: timedelta | None, function: str) -> Selector:
    matchers = [
        Matcher(each.name, _OPERATORS[str(each.op).rpartition(".")[2]], each.value) for each in node.matchers.matchers
    ]
    named = [each for each in matchers if each.name == "__name__" and each.operator == "="]
    metric = node.name or (named[0].value if named else "")
    kept = [each for each in matchers if each not in named]
    return Selector(metric, tuple(kept), window.total_seconds() if window else None, function)


def _reach(node: Any) -> float:
    lengths: list[timedelta | None] = [getattr(node, "range", None), getattr(node, "offset", None)]
    own = sum(length.total_seconds() for length in lengths if length is not None)
    return own + max((_reach(child) for child in children(node)), default=0.0)


def _aggregation(node: Any) -> Aggregation:
    if node.modifier is None:
        return Aggregation(str(node.op), (), keeps=True)
    by = str(node.modifier.type).endswith("By")
    return Aggregation(str(node.op), tuple(node.modifier.labels), keeps=by)


def _comparisons(node: Any) -> Iterator[Comparison]:
    if isinstance(node, pp.ParenExpr):
        yield from _comparisons(node.expr)
    elif isinstance(node, pp.BinaryExpr) and str(node.op) in _SETS:
        yield from _comparisons(node.lhs)
        yield from _comparisons(node.rhs)
    elif isinstance(node, pp.BinaryExpr) and str(node.op) in TURNED:
        yield from _comparison(node)


def _comparison(node: Any) -> Iterator[Comparison]:
    left, right, sign = constant(node.lhs), constant(node.rhs), str(node.op)
    if right is not None:
        yield Comparison(node.lhs.prettify(), sign, right)
    elif left is not None:
        yield Comparison(node.rhs.prettify(), TURNED[sign], left)


def constant(node: Any) -> float | None:
    """Value of a tree node that is made of numbers only; ``None`` for every other."""
    match node:
        case pp.NumberLiteral():
            return float(node.val)
        case pp.ParenExpr():
            return constant(node.expr)
        case pp.UnaryExpr():
            value = constant(node.expr)
            return None if value is None else -value
        case pp.BinaryExpr() if str(node.op) in _ARITHMETIC:
            left, right = constant(node.lhs), constant(node.rhs)
            if left is not None and right is not None:
                return _calculated(str(node.op), left, right)
    return None


def _calculated(sign: str, left: float, right: float) -> float | None:
    try:
        return _ARITHMETIC[sign](left, right)
    except (ZeroDivisionError, OverflowError):
        return None
