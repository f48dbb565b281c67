"""Comparisons of two series, as comparisons of their quotient and of their difference with a number.

What lies just below a threshold can then be found as for any constant: a hundredth below the other side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.promql import TURNED, Comparison, Query, children, constant

__all__ = ["two_sided"]

_AGAINST: Final = {"/": 1.0, "-": 0.0}
"""How the sides are put together, and what comes out where they are equal."""
_MANY: Final = {"ManyToOne": "group_left", "OneToMany": "group_right"}


def two_sided(query: Query) -> tuple[Comparison, ...]:
    """Tests of one series against another at the top of ``query``: the quotients of all, then the differences.

    A quotient needs another side above 0, a difference is never a share of it: whether one tells the truth shows
    only when the whole expression is asked.
    """
    found = tuple(_compared(query.tree))
    return tuple(
        Comparison(f"({left}) {sign}{match} ({right})", operator, threshold, is_relative=True)
        for sign, threshold in _AGAINST.items()
        for left, operator, match, right in found
    )


def _compared(node: Any) -> Iterator[tuple[str, str, str, str]]:
    """Left side, operator, matching of labels and right side."""
    if isinstance(node, pp.ParenExpr):
        yield from _compared(node.expr)
    elif isinstance(node, pp.BinaryExpr) and str(node.op) in {"and", "or", "unless"}:
        for child in children(node):
            yield from _compared(child)
    elif isinstance(node, pp.BinaryExpr) and str(node.op) in TURNED and not _counts(node):
        yield node.lhs.prettify(), str(node.op), _matching(node.modifier), node.rhs.prettify()


def _counts(node: Any) -> bool:
    """Whether it compares with a number, or says 0 and 1 instead of leaving series out."""
    says = node.modifier is not None and node.modifier.return_bool
    return says or constant(node.lhs) is not None or constant(node.rhs) is not None


def _matching(modifier: Any) -> str:
    if modifier is None or modifier.matching is None:
        return ""
    many = _MANY.get(str(modifier.card).rpartition(".")[2], "")
    labels = f" {many} ({', '.join(modifier.group_labels or ())})" if many else ""
    return f" {modifier.matching}{labels}"
