"""Labels that an expression groups or matches by, each with the series that must carry it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.promql import Query, Selector, children, selectors_of

__all__ = ["Grouping", "groupings_of"]

_MAKERS: Final = frozenset({"label_replace", "label_join"})


@dataclass(frozen=True, slots=True)
class Grouping:
    """``word (labels)``, the series below it, and the labels that functions below it make up."""

    word: str
    labels: tuple[str, ...]
    selectors: tuple[Selector, ...]
    made: frozenset[str]


def groupings_of(query: Query) -> tuple[Grouping, ...]:
    """Every ``by (…)`` and ``on (…)`` of the expression that names labels."""
    return tuple(_groupings(query.tree))


def _groupings(node: Any) -> Iterator[Grouping]:
    word, labels = _own(node)
    if labels:
        yield Grouping(word, labels, selectors_of(node), frozenset(_made(node)))
    for child in children(node):
        yield from _groupings(child)


def _own(node: Any) -> tuple[str, tuple[str, ...]]:
    modifier = getattr(node, "modifier", None)
    if isinstance(node, pp.AggregateExpr) and modifier is not None and str(modifier.type).endswith("By"):
        return "by", tuple(modifier.labels)
    matching = modifier.matching if isinstance(node, pp.BinaryExpr) and modifier is not None else None
    if matching is not None and str(matching.type).endswith("Include"):
        return "on", tuple(matching.labels)
    return "", ()


def _made(node: Any) -> Iterator[str]:
    if isinstance(node, pp.Call) and node.func.name in _MAKERS:
        yield str(node.args[1].val)
    if isinstance(node, pp.AggregateExpr) and str(node.op) == "count_values":
        yield str(getattr(node.param, "val", ""))
    for child in children(node):
        yield from _made(child)
