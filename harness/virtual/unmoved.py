"""Why no input moves an alert, in one line, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.promql import children, constant, selectors_of
from harness.artefacts.rules import Rule
from harness.core.units import format_duration
from harness.virtual.design import Examined
from harness.virtual.inputs import Input

__all__ = ["why_unmoved"]

_UNMOVED: Final = "no input of it brings the expression to its threshold and back"
_BY_FUNCTION: Final[Mapping[str, str]] = {
    "resets": "it counts resets, and inputs run evenly",
    "count_over_time": "it counts samples, and inputs are scraped without a gap",
    "timestamp": "it asks when a sample was taken",
    "stddev_over_time": "it asks by how much values scatter, and inputs run evenly",
    "stdvar_over_time": "it asks by how much values scatter, and inputs run evenly",
    "mad_over_time": "it asks by how much values scatter, and inputs run evenly",
}
_KEEPING: Final = frozenset({"rate", "irate", "increase", "delta", "deriv", "abs", "ceil", "floor", "round"})
"""Functions whose results carry the labels of what they are given."""
_SCATTER: Final = frozenset({"count_values", "stddev", "stdvar"})


def why_unmoved(examined: Examined, inputs: Sequence[Input], pasts: Collection[float]) -> str:
    """The reason, as far as it can be seen in the rule; ``pasts`` are the offsets at which it looks."""
    return f"{_UNMOVED}: {_reason(examined, inputs, pasts)}; say in examples of the contract what it should do"


def _reason(examined: Examined, inputs: Sequence[Input], pasts: Collection[float]) -> str:
    for name, reason in _BY_FUNCTION.items():
        if name in examined.functions:
            return reason
    if _counts_none(examined.rule.query.tree):
        return "count says nothing where there is no series, never 0, so that it never fires: compare absent(…)"
    if apart := _apart(examined.rule.query.tree):
        return f"its two sides differ in {apart}, so that they never meet: compare with ignoring ({apart})"
    if alone := _alone(examined.rule.query.tree, inputs):
        return f"{alone} is on one of its two sides alone, so that they never meet: compare with ignoring ({alone})"
    if few := _too_few_samples(examined):
        return few
    if len(pasts) > 1 and not examined.past_s:
        now_s, then_s = sorted(pasts)[:2]
        return f"its past of {format_duration(then_s - now_s)} is over before an experiment ends"
    if len(pasts) > 1:
        return "it compares with its own past, and what is tried is one change after a steady past"
    if "present_over_time" in examined.functions or "unless" in examined.rule.query.operators:
        return "it asks whether series are there, and those of a target come and go together"
    recorded = [each.family.name for each in inputs if ":" in each.family.name]
    if recorded:
        return f"no rule file records {', '.join(recorded)}"
    if native := _native(examined.rule, inputs):
        return f"{native} is read as a native histogram, which is not generated"
    if _SCATTER & {each.name for each in examined.rule.query.aggregations}:
        return "it asks for values that differ, and all series of a kind have one value"
    if "count" in {each.name for each in examined.rule.query.aggregations}:
        return "it counts series, and no number of up to 40 of one kind, the others at rest, fires it"
    return "what is tried is one input at a time, the others at rest"


def _too_few_samples(examined: Examined) -> str:
    """Why ``changes`` cannot say as much as it is compared with: its window holds no more samples."""
    query, scrape_s = examined.rule.query, examined.timing.scrape_s
    for comparison in query.comparisons:
        windows = [each.range_s for each in query.selectors if each.function == "changes" and each.range_s]
        if windows and max(windows) / scrape_s <= comparison.threshold + 1:
            window, every = format_duration(max(windows)), format_duration(scrape_s)
            return f"its window of {window} holds too few samples for so many changes, one every {every}"
    return ""


def _counts_none(node: Any) -> bool:
    """Whether it waits for a count of 0."""
    if isinstance(node, pp.BinaryExpr) and (number := constant(node.rhs)) is not None:
        counted = node.lhs
        while isinstance(counted, pp.ParenExpr):
            counted = counted.expr
        is_none = {"==": number == 0, "<": 0 < number <= 1, "<=": 0 <= number < 1}.get(str(node.op), False)
        return is_none and isinstance(counted, pp.AggregateExpr) and str(counted.op) == "count"
    return any(_counts_none(child) for child in children(node))


def _apart(node: Any) -> str:
    """The label by which the two sides of a comparison or calculation tell themselves apart, so that none ever meet."""
    if isinstance(node, pp.BinaryExpr) and str(node.op) not in {"or", "unless"} and _matching(node) is None:
        left, right = (_fixed(side) for side in (node.lhs, node.rhs))
        different = (name for name in left if name in right and left[name] != right[name])
        if found := next(different, ""):
            return found
    return next((found for child in children(node) if (found := _apart(child))), "")


def _alone(node: Any, inputs: Sequence[Input]) -> str:
    """The label that is declared on one side of a comparison or calculation alone, where nothing says what to match."""
    if isinstance(node, pp.BinaryExpr) and str(node.op) not in {"or", "unless"} and _matching(node) is None:
        left, right = (_declared(side, inputs) for side in (node.lhs, node.rhs))
        if left is not None and right is not None and left != right:
            return min(left ^ right)
    return next((found for child in children(node) if (found := _alone(child, inputs))), "")


def _declared(node: Any, inputs: Sequence[Input]) -> frozenset[str] | None:
    """Labels that all series of one side carry as declared; ``None`` where something changes them, or nobody knows."""
    if isinstance(node, pp.AggregateExpr) or (isinstance(node, pp.Call) and node.func.name not in _KEEPING):
        return None
    families = {each.family.name: each.family for each in inputs}
    read = [families.get(each.metric) for each in selectors_of(node)]
    known = [frozenset(each.labels) for each in read if each is not None and each.knows_labels]
    return known[0] if known and len(known) == len(read) and len(set(known)) == 1 else None


def _fixed(node: Any) -> dict[str, str]:
    """Labels that every series of one side carries, where nothing takes them away."""
    if isinstance(node, pp.AggregateExpr) or (isinstance(node, pp.Call) and node.func.name.startswith("label_")):
        return {}
    matching = _matching(node)
    if matching is not None and str(matching).startswith("ignoring"):
        return {**_fixed(node.lhs), **dict.fromkeys(matching.labels, "")}
    if isinstance(node, pp.VectorSelector):
        return {each.name: each.value for one in selectors_of(node) for each in one.matchers if each.operator == "="}
    found: dict[str, str] = {}
    for child in children(node):
        found |= _fixed(child)
    return found


def _matching(node: Any) -> Any:
    """What stands behind ``on`` or ``ignoring``; ``None`` where all labels must be equal."""
    return node.modifier.matching if isinstance(node, pp.BinaryExpr) and node.modifier else None


def _native(rule: Rule, inputs: Sequence[Input]) -> str:
    """The family of which a quantile is asked without its buckets."""
    asked = [each for each in rule.query.calls if each.name.startswith("histogram_")]
    names = {name for each in asked for name in rule.query.within(each).metric_names if not name.endswith("_bucket")}
    known = {each.family.name for each in inputs}
    return next((name for name in sorted(names) if name in known), "")
