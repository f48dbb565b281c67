"""Which labels the result of an expression can carry.

Source: Prometheus, *Operators* and *Functions* (aggregation, vector matching, label functions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.promql import children, selectors_of
from harness.artefacts.rules import Rule, RuleFile

__all__ = ["Carried", "Carrying", "is_scalar"]

_CHOOSE: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
_NO_LABELS: Final = frozenset({"scalar", "vector", "time", "pi"})
_OF_BUCKETS: Final = frozenset({"histogram_quantile", "histogram_fraction"})
_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class Carried:
    """All of ``labels`` may be there and, while ``any_other``, every other one that is not ``gone``.

    ``alike`` tells that all series of the result are of one kind, as those of ``a or b`` need not be.
    """

    labels: frozenset[str] = frozenset()
    any_other: bool = False
    gone: frozenset[str] = frozenset()
    alike: bool = True

    @property
    def known(self) -> frozenset[str] | None:
        """The labels that every series of the result has, where the expression tells."""
        return None if self.any_other or not self.alike else self.labels

    def may(self, label: str) -> bool:
        """Whether a series of the result can have the label."""
        return label in self.labels or (self.any_other and label not in self.gone)

    def only(self, labels: Sequence[str]) -> Carried:
        """What is left where all others are dropped."""
        return Carried(frozenset(label for label in labels if self.may(label)), alike=self.alike)

    def without(self, labels: Sequence[str]) -> Carried:
        """What is left where these are dropped."""
        return Carried(self.labels - set(labels), self.any_other, self.gone | set(labels), self.alike)

    def plus(self, labels: Sequence[str]) -> Carried:
        """What there is where these are added."""
        return Carried(self.labels | set(labels), self.any_other, self.gone - set(labels), self.alike)

    def or_else(self, other: Carried) -> Carried:
        """What either of two results can carry."""
        gone = frozenset(label for label in self.gone | other.gone if not self.may(label) and not other.may(label))
        return Carried(self.labels | other.labels, self.any_other or other.any_other, gone, self == other)


_ANY: Final = Carried(any_other=True)
_NONE: Final = Carried()


class Carrying:
    """Answers for expressions over the series of services and over those that ``files`` record."""

    def __init__(self, files: Sequence[RuleFile]) -> None:
        self._recorded: dict[str, list[tuple[Mapping[str, str], Rule]]] = {}
        for file in files:
            for group in file.groups:
                for rule in group.rules:
                    if not rule.is_alert:
                        self._recorded.setdefault(rule.name, []).append((group.labels, rule))

    def of(self, node: Any, depth: int = 0) -> Carried:
        """The labels of the result of a tree node."""
        if depth > _DEPTH:  # a recording that is made of itself
            return _ANY
        match node:
            case pp.VectorSelector():
                return self._series(node.name or "", depth)
            case pp.AggregateExpr():
                return self._aggregated(node, depth)
            case pp.Call():
                return self._called(node, depth)
            case pp.BinaryExpr():
                return self._joined(node, depth)
            case pp.NumberLiteral() | pp.StringLiteral():
                return _NONE
        below = children(node)
        return self.of(below[0], depth) if below else _ANY

    def _series(self, name: str, depth: int) -> Carried:
        if name not in self._recorded:
            return _ANY
        written = self._recorded[name]
        found = [self.of(rule.query.tree, depth + 1).plus([*shared, *rule.labels]) for shared, rule in written]
        return reduce(Carried.or_else, found)

    def _aggregated(self, node: Any, depth: int) -> Carried:
        inner, modifier, name = self.of(node.expr, depth), node.modifier, str(node.op)
        if name in _CHOOSE:
            return inner
        if modifier is None:
            kept = _NONE
        elif str(modifier.type).endswith("By"):
            kept = inner.only(modifier.labels)
        else:
            kept = inner.without(modifier.labels)
        return kept.plus([str(getattr(node.param, "val", ""))]) if name == "count_values" else kept

    def _called(self, node: Any, depth: int) -> Carried:
        name, arguments = node.func.name, tuple(node.args)
        if name in _NO_LABELS or not arguments:
            return _NONE
        if name in {"absent", "absent_over_time"}:
            matchers = [each for selector in selectors_of(arguments[0]) for each in selector.matchers]
            return Carried(frozenset(each.name for each in matchers if each.operator == "="))
        if name in _OF_BUCKETS:
            return self.of(arguments[-1], depth).without(["le"])
        if name == "info":
            return _ANY
        inner = self.of(arguments[-1] if name.startswith("quantile_") else arguments[0], depth)
        return inner.plus([str(arguments[1].val)]) if name in {"label_replace", "label_join"} else inner

    def _joined(self, node: Any, depth: int) -> Carried:
        left, right, sign = self.of(node.lhs, depth), self.of(node.rhs, depth), str(node.op)
        if sign == "or":
            return left.or_else(right)
        if sign in {"and", "unless"} or is_scalar(node.rhs):
            return left
        if is_scalar(node.lhs):
            return right
        modifier = node.modifier
        card = str(modifier.card) if modifier is not None else ""
        if card.endswith("ManyToOne"):
            return left.plus(modifier.group_labels or [])
        if card.endswith("OneToMany"):
            return right.plus(modifier.group_labels or [])
        if modifier is None or modifier.matching is None:
            return left
        matching = modifier.matching
        return left.only(matching.labels) if _includes(matching) else left.without(matching.labels)


def _includes(matching: Any) -> bool:
    return str(matching.type).endswith("Include")


def is_scalar(node: Any) -> bool:
    """Whether a node is a number, not a vector."""
    match node:
        case pp.NumberLiteral():
            return True
        case pp.ParenExpr() | pp.UnaryExpr():
            return is_scalar(node.expr)
        case pp.Call():
            return node.func.name in {"scalar", "time", "pi"}
        case pp.BinaryExpr():
            return is_scalar(node.lhs) and is_scalar(node.rhs)
    return False
