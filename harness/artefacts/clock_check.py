"""The proof of a scaled expression: read back, it differs from the original in durations and factors only.

Scaling splices text; this check walks the two syntax trees side by side and knows nothing of text,
so a slip of the splicer cannot pass unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

import promql_parser as pp

from harness.artefacts.promql import Query, Selector, children, selectors_of
from harness.core.errors import HarnessError

__all__ = ["same_expression", "verify"]

_LEAVES: dict[type, Callable[[Any], Any]] = {
    pp.NumberLiteral: lambda node: repr(node.val),
    pp.StringLiteral: lambda node: node.val,
    pp.VectorSelector: lambda node: (node.name, _matchers(node.matchers)),
    pp.Call: lambda node: node.func.name,
    pp.BinaryExpr: lambda node: (str(node.op), _modifier(node.modifier)),
    pp.AggregateExpr: lambda node: (
        str(node.op),
        node.modifier and (str(node.modifier.type), tuple(node.modifier.labels)),
    ),
}


class _Scale(Protocol):
    def seconds(self, production_s: float) -> float: ...

    def factor(self, name: str, selectors: tuple[Selector, ...]) -> str: ...

    def horizon(self, name: str, selectors: tuple[Selector, ...]) -> str: ...


def verify(original: Any, scaled: Any, clock: _Scale) -> None:
    """Raise ``HarnessError`` unless ``scaled`` is the tree of ``original`` in the time of ``clock``."""
    inner = _without_factor(original, scaled, clock)
    same = type(original) is type(inner) and _own(original) == _own(inner) and _lengths_agree(original, inner, clock)
    theirs, ours = children(original), _without_horizon(original, children(inner), clock)
    if not same or len(theirs) != len(ours):
        raise HarnessError(
            f"scaling went wrong: {original.prettify()} became {scaled.prettify()}",
            remedy="this is a defect of the harness: report it with the expression",
        )
    for left, right in zip(theirs, ours, strict=True):
        verify(left, right, clock)


class _Unscaled:
    def seconds(self, production_s: float) -> float:
        return production_s

    def factor(self, name: str, selectors: tuple[Selector, ...]) -> str:  # noqa: ARG002 (part of the interface)
        return ""

    horizon = factor


def same_expression(one: Query, other: Query) -> bool:
    """Whether two texts say the same: servers print expressions in a form of their own."""
    try:
        verify(one.tree, other.tree, _Unscaled())
    except HarnessError:
        return False
    return True


def _matchers(found: Any) -> Any:
    """In any order: a server sorts them."""
    return sorted((str(each.op), each.name, each.value) for each in found.matchers), str(found.or_matchers)


def _own(node: Any) -> Any:
    return next((read(node) for kind, read in _LEAVES.items() if isinstance(node, kind)), None)


def _modifier(modifier: Any) -> Any:
    if modifier is None:
        return None
    matching = modifier.matching and (str(modifier.matching.type), tuple(modifier.matching.labels))
    groups = modifier.group_labels and tuple(modifier.group_labels)
    return (str(modifier.card), matching, modifier.return_bool, groups)


def _without_factor(original: Any, scaled: Any, clock: _Scale) -> Any:
    name = original.func.name if isinstance(original, pp.Call) else ""
    factor = clock.factor(name, selectors_of(original)) if name else ""
    if not factor:
        return scaled
    product = scaled.expr if isinstance(scaled, pp.ParenExpr) else None
    if not isinstance(product, pp.BinaryExpr) or str(product.op) != factor[0]:
        return None
    return product.lhs if float(factor[1:]) == getattr(product.rhs, "val", None) else None


def _without_horizon(original: Any, ours: tuple[Any, ...], clock: _Scale) -> tuple[Any, ...]:
    """The arguments of a forecast, the last one without what was put behind it."""
    name = original.func.name if isinstance(original, pp.Call) else ""
    factor = clock.horizon(name, selectors_of(original)) if name else ""
    if not factor or not ours:
        return ours
    *others, last = ours
    whole = isinstance(last, pp.BinaryExpr) and str(last.op) == factor[0] and isinstance(last.lhs, pp.ParenExpr)
    return (*others, last.lhs.expr) if whole and float(factor[1:]) == getattr(last.rhs, "val", None) else ()


def _lengths_agree(original: Any, scaled: Any, clock: _Scale) -> bool:
    return all(
        _scaled(getattr(original, name, None), clock) == getattr(scaled, name, None)
        for name in ("range", "step", "offset")
    )


def _scaled(length: timedelta | None, clock: _Scale) -> timedelta | None:
    if length is None:
        return None
    seconds = clock.seconds(abs(length.total_seconds()))
    return timedelta(milliseconds=round(seconds * 1000) * (-1 if length < timedelta(0) else 1))
