"""Findings on expressions that return nothing, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.clock import PER_SECOND, PER_WINDOW
from harness.artefacts.dimensions import quantity_of
from harness.artefacts.promql import Comparison, Query, Selector, nodes, parse, selectors_of
from harness.core.units import format_duration
from harness.lint.carried import Carrying, is_scalar
from harness.lint.model import Check, Files, Told

__all__ = ["CHECKS"]

_ABOVE: Final = frozenset({">", ">="})


def _two_samples(files: Files) -> Iterator[Told]:
    recorded = {rule.name for _, rule in files.written() if not rule.is_alert}
    for _, rule in files.written():
        for selector in rule.query.selectors:
            scrapes = files.prometheus.scrapes_of([selector]) if files.prometheus else None
            if scrapes is None or selector.metric in recorded or selector.function not in PER_SECOND | PER_WINDOW:
                continue
            if selector.range_s and selector.range_s < 3 * scrapes.shortest_s:
                yield Told.of(rule, _too_short(selector, scrapes.shortest_s), "four intervals are a good range")


def _too_short(selector: Selector, every_s: float) -> str:
    window, every = format_duration(selector.range_s or 0.0), format_duration(every_s)
    what = f"{selector.function}() over {window} of {selector.metric or 'series'}, which come every {every},"
    if (selector.range_s or 0.0) < 2 * every_s:
        return f"{what} has no two samples: there is never a result"
    return f"{what} has no two samples left when a single scrape fails: an alert that waits begins anew"


def _share_of_more(files: Files) -> Iterator[Told]:
    for _, rule in files.alerts():
        for comparison in rule.query.comparisons:
            quantity = quantity_of(parse(comparison.left, rule.query.place), files.units)
            if quantity is None or quantity.kind != "part":
                continue
            if _is_never(comparison, quantity.scale):
                problem = f"a part of a whole is never more than {quantity.scale:g}: {_shown(comparison)} is never true"
                yield Told.of(rule, problem, f"write it as a share, such as {comparison.threshold / 100:g}")


def _is_never(comparison: Comparison, most: float) -> bool:
    """Whether something that is at most ``most`` can never pass."""
    threshold, sign = comparison.threshold, comparison.operator
    return sign in _ABOVE and (threshold > most or (threshold == most and sign == ">"))


def _shown(comparison: Comparison) -> str:
    return f"{comparison.operator} {comparison.threshold:g}"


def _beyond_buckets(files: Files) -> Iterator[Told]:
    for _, rule in files.alerts():
        for comparison in rule.query.comparisons:
            last = _last_bound(parse(comparison.left, rule.query.place), files)
            if last is not None and _is_never(comparison, last):
                bound = f"a quantile of these buckets is never more than their last finite bound, {last:g}"
                yield Told.of(
                    rule, f"{bound}: {_shown(comparison)} is never true", "add buckets beyond it, or lower it"
                )


def _last_bound(query: Query, files: Files) -> float | None:
    """The highest value that a quantile, alone on its side, can have; ``None`` where nobody says."""
    node = query.tree
    while isinstance(node, pp.ParenExpr | pp.AggregateExpr):
        if isinstance(node, pp.AggregateExpr) and str(node.op) not in {"max", "min", "avg"}:
            return None
        node = node.expr
    if not isinstance(node, pp.Call) or node.func.name != "histogram_quantile":
        return None
    families = [files.families.get(each.metric.removesuffix("_bucket")) for each in query.selectors]
    bounds = [max(b for b in family.buckets if b != float("inf")) for family in families if family and family.buckets]
    return max(bounds) if bounds and len(bounds) == len(families) else None


def _without_le(files: Files) -> Iterator[Told]:
    carrying = Carrying(files.rules)
    for _, rule in files.written():
        for node in nodes(rule.query.tree):
            if not isinstance(node, pp.Call) or node.func.name != "histogram_quantile":
                continue
            classic = any(each.metric.endswith("_bucket") for each in selectors_of(node))
            if classic and not carrying.of(node.args[1]).may("le"):
                problem = "histogram_quantile() of series without le: their buckets are gone, there is no result"
                yield Told.of(rule, problem, "keep le: sum by (le, …) (rate(…_bucket[5m]))")


def _never_match(files: Files) -> Iterator[Told]:
    carrying = Carrying(files.rules)
    for _, rule in files.written():
        for node in nodes(rule.query.tree):
            if not isinstance(node, pp.BinaryExpr) or str(node.op) == "or":
                continue
            apart = _apart(node, carrying)
            if apart:
                problem = f"the two sides of {node.op} carry other labels ({apart}), so that no series finds a partner"
                yield Told.of(rule, problem, "group both sides by the same labels, or say on (…) or ignoring (…)")


def _apart(node: Any, carrying: Carrying) -> str:
    ignored = _ignored(node.modifier)
    if ignored is None or is_scalar(node.lhs) or is_scalar(node.rhs):
        return ""
    one, other = carrying.of(node.lhs).known, carrying.of(node.rhs).known
    if one is None or other is None or one - ignored == other - ignored:
        return ""
    return f"{_named(one)} and {_named(other)}"


def _ignored(modifier: Any) -> frozenset[str] | None:
    """Labels that matching does not look at; ``None`` where it looks at some that are named."""
    if modifier is None or modifier.matching is None:
        return frozenset()
    return None if str(modifier.matching.type).endswith("Include") else frozenset(modifier.matching.labels)


def _named(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels)) or "none"


def _strange_words(files: Files) -> Iterator[Told]:
    for _, rule in files.written():
        for problem in files.undeclared(rule.query):
            yield Told.of(rule, problem, "correct the name, or declare it under metrics: of the contract")


CHECKS: Sequence[Check] = (
    Check(
        "range-too-short",
        "a range that holds hardly two samples",
        "A rate needs two samples in its range. With less than two scrape intervals there never are two; with less "
        "than three, one failed scrape leaves none, the result is empty, and an alert that was pending begins anew.",
        _two_samples,
    ),
    Check(
        "never-so-much",
        "a part of a whole above 1",
        "The quotient of a part by its whole is at most 1. A threshold such as 5, meant in percent, is never passed.",
        _share_of_more,
    ),
    Check(
        "beyond-buckets",
        "a quantile above the last bucket",
        "histogram_quantile() answers at most the last finite bound of the buckets, however slow a request was. A "
        "threshold at or beyond it is never passed.",
        _beyond_buckets,
    ),
    Check(
        "no-buckets",
        "a quantile of series that lost le",
        "histogram_quantile() reads the bound of each bucket in its label le. Where an aggregation drops le there is "
        "no result, and no alert.",
        _without_le,
    ),
    Check(
        "never-match",
        "two sides that carry other labels",
        "Without on() or ignoring(), a series of one side finds a partner on the other only with the very same labels. "
        "Two sides that are grouped by different ones never meet: the result is empty, for ever.",
        _never_match,
    ),
    Check(
        "not-declared",
        "a metric, label or value that the contract does not know",
        "A selector for a name, label or value that the service does not have selects nothing. The alert is quiet, "
        "and looks as if all were well.",
        _strange_words,
    ),
)
