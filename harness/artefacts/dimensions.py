"""What an expression computes: its dimension in seconds and bytes, its scale, and whether it is a share of something.

Everything counted has no dimension, so ``rate`` of a counter is "per second", and the sum of a histogram's seconds by
its count is seconds again. What no name and no function tells is unknown (``None``), never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import promql_parser as pp

from harness.artefacts.promql import Query, children, constant, selectors_of

__all__ = ["NAMED", "Quantity", "observed_by", "quantity_of"]

Kind = Literal["count", "share", "part", "instant", ""]


@dataclass(frozen=True, slots=True)
class Quantity:
    """``seconds`` and ``bytes`` are exponents; a value of 1 means ``1/scale`` of the plain unit.

    ``kind`` tells what exponents cannot: a count, a share (of anything, of time too), a part of a whole, which never
    exceeds it, or an instant (epoch).
    """

    seconds: int = 0
    bytes: int = 0
    kind: Kind = ""
    scale: float = 1.0

    @property
    def is_share(self) -> bool:
        """Whether it is a quotient of like things."""
        return self.kind in {"share", "part"}

    def __str__(self) -> str:
        names = {(0, 0): "a share" if self.is_share else "a count", (1, 0): "seconds", (0, 1): "bytes"}
        names |= {(-1, 0): "a rate per second", (-1, 1): "bytes per second"}
        name = names.get((self.seconds, self.bytes), f"s^{self.seconds} bytes^{self.bytes}")
        name = "an instant" if self.kind == "instant" else name
        return name if self.scale == 1 else f"{name} times {self.scale:g}"


COUNT: Final = Quantity(kind="count")
NAMED: Final[dict[str, Quantity]] = {
    "seconds": Quantity(seconds=1),
    "milliseconds": Quantity(seconds=1, scale=1000),
    "microseconds": Quantity(seconds=1, scale=1e6),
    "nanoseconds": Quantity(seconds=1, scale=1e9),
    "minutes": Quantity(seconds=1, scale=1 / 60),
    "hours": Quantity(seconds=1, scale=1 / 3600),
    "days": Quantity(seconds=1, scale=1 / 86400),
    "bytes": Quantity(bytes=1),
    "bits": Quantity(bytes=1, scale=8),
    "ratio": Quantity(kind="share"),
    "percent": Quantity(kind="share", scale=100),
    "count": COUNT,
    "info": COUNT,
    "hertz": Quantity(seconds=-1),
}
"""Units as metric names end with them, and as a contract may state them."""
_INSTANT: Final = re.compile(
    r"(?:timestamp|(?:start|boot|creation|modified|created|not_after)_time)_seconds$|_created$"
)
_PER: Final = re.compile(r"_per_(second|minute|hour)s?$")
_KEEP: Final = re.compile(
    "abs|ceil|floor|round|clamp|clamp_max|clamp_min|sort|sort_desc|sort_by_label|label_replace|label_join|scalar|vector"
    "|(avg|max|min|sum|last|first|quantile|stddev)_over_time|increase|delta|idelta|histogram_avg|info"
)
_COUNTS: Final = re.compile(
    "absent|(absent|count|present)_over_time|changes|resets|sgn|days_in_month|(day_of_)?(week|month|year)|hour|minute"
)
_RATES: Final = frozenset({"rate", "irate", "deriv"})
_KEPT_BY: Final = re.compile("sum|avg|min|max|topk|bottomk|quantile|stddev|limitk|limit_ratio")
_SAME: Final = frozenset({"+", "-", "%", "and", "or", "unless"})
_COMPARED: Final = frozenset({">", "<", ">=", "<=", "==", "!="})
Units = Mapping[str, Quantity | None]


def quantity_of(query: Query, declared: Units) -> Quantity | None:
    """What ``query`` computes; ``declared`` tells of families whose names do not (``None``: nobody tells)."""
    return _quantity(query.tree, declared)


def observed_by(query: Query, declared: Units) -> Quantity | None:
    """What the histogram observes whose buckets ``query`` reads; ``None`` where it reads none, or several."""
    return _observed(query.tree, declared) if any(n.endswith("_bucket") for n in query.metric_names) else None


def _quantity(node: Any, declared: Units) -> Quantity | None:
    match node:
        case pp.VectorSelector():
            return _family(selectors_of(node)[0].metric, declared)
        case pp.MatrixSelector():
            return _quantity(node.vector_selector, declared)
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
            return _quantity(node.expr, declared)
        case pp.NumberLiteral():
            return COUNT
        case pp.AggregateExpr():
            return _aggregated(str(node.op), _quantity(node.expr, declared))
        case pp.Call():
            return _call(node, declared)
        case pp.BinaryExpr():
            return _binary(node, declared)
    return None


def _aggregated(name: str, inner: Quantity | None) -> Quantity | None:
    if not _KEPT_BY.fullmatch(name):
        return COUNT
    return replace(inner, kind="share") if name == "sum" and inner and inner.kind == "part" else inner


def _family(metric: str, declared: Units) -> Quantity | None:
    for suffix in ("_bucket", "_count"):
        if metric.endswith(suffix) and metric.removesuffix(suffix) in declared:
            return COUNT
    stem = metric.removesuffix("_sum")
    for name in (metric, stem):
        if declared.get(name) is not None:
            return declared[name]
    if metric.endswith(("_bucket", "_count")):
        return COUNT
    if _INSTANT.search(metric):
        return Quantity(seconds=1, kind="instant")
    return _by_suffix(stem)


def _by_suffix(name: str) -> Quantity | None:
    is_counter = name.endswith("_total")
    stem = name.removesuffix("_total")
    per = _PER.search(stem)
    if per:
        whole = NAMED.get(stem[: per.start()].rpartition("_")[2], COUNT)
        return replace(whole, seconds=whole.seconds - 1, kind="", scale=whole.scale / _LENGTH_S[per[1]])
    *parts, last = stem.split("_")
    known = NAMED.get(last)
    counts = is_counter and not {*parts, last} & _MEASURES
    return known or (COUNT if counts else None)


_MEASURES: Final = frozenset({*NAMED, "ms", "us", "ns", "kb", "mb", "gb", "time", "duration", "latency"}) - {
    "count",
    "info",
}
"""Words in the midst of a counter's name that say that it may count something else than events."""
_LENGTH_S: Final = {"second": 1, "minute": 1 / 60, "hour": 1 / 3600}


def _call(node: Any, declared: Units) -> Quantity | None:
    name, args = node.func.name, list(node.args)
    if _COUNTS.fullmatch(name):
        return COUNT
    if name in {"time", "timestamp"}:
        return Quantity(seconds=1, kind="instant")
    if name == "histogram_quantile":
        return _observed(args[1], declared)
    if not args:
        return None
    inner = _quantity(next((each for each in args if not isinstance(each, pp.NumberLiteral)), args[0]), declared)
    if name in _RATES and inner is not None:
        seconds = inner.seconds - 1
        kind: Kind = "share" if (seconds, inner.bytes) == (0, 0) else ""
        return replace(inner, seconds=seconds, kind=kind)
    return inner if _KEEP.fullmatch(name) else None


def _observed(node: Any, declared: Units) -> Quantity | None:
    """The unit of what a histogram observes, by the name of its buckets."""
    names = {each.metric for each in selectors_of(node)}
    found = {_family(name.removesuffix("_bucket") + "_sum", declared) for name in names if name}
    return found.pop() if len(found) == 1 else None


def _binary(node: Any, declared: Units) -> Quantity | None:
    sign, left, right = str(node.op), constant(node.lhs), constant(node.rhs)
    if (left is not None and right is not None) or (node.modifier is not None and node.modifier.return_bool):
        return COUNT
    one, other = _quantity(node.lhs, declared), _quantity(node.rhs, declared)
    if right is not None:
        return _by_number(sign, right, one)
    if left is not None:
        return _inverse(left, other) if sign == "/" else _by_number(sign, left, other)
    return _product(sign, node, one, other) if sign in {"*", "/"} else _alike(sign, one, other)


def _by_number(sign: str, number: float, inner: Quantity | None) -> Quantity | None:
    if inner is None or sign in _SAME | _COMPARED:
        return inner
    if sign not in {"*", "/"} or not number:
        return None
    return replace(inner, scale=inner.scale * number if sign == "*" else inner.scale / number)


def _inverse(number: float, inner: Quantity | None) -> Quantity | None:
    return Quantity(-inner.seconds, -inner.bytes, "", number / inner.scale) if inner else None


def _product(sign: str, node: Any, one: Quantity | None, other: Quantity | None) -> Quantity | None:
    share: Kind = "part" if _is_part(node.lhs, node.rhs) else "share"
    if one is None or other is None:
        return Quantity(kind=share) if sign == "/" and _are_alike(node.lhs, node.rhs) else None
    if sign == "*":
        return Quantity(one.seconds + other.seconds, one.bytes + other.bytes, "count", one.scale * other.scale)
    seconds, size = one.seconds - other.seconds, one.bytes - other.bytes
    return Quantity(seconds, size, share if (seconds, size) == (0, 0) else "", one.scale / other.scale)


def _are_alike(one: Any, other: Any) -> bool:
    """Whether both sides are made of one and the same metric, and of no numbers: whatever its unit, it cancels."""
    names = [{each.metric for each in selectors_of(side)} for side in (one, other)]
    return names[0] == names[1] and len(names[0]) == 1 and not _calculates(one) and not _calculates(other)


def _calculates(node: Any) -> bool:
    return isinstance(node, pp.BinaryExpr) or any(_calculates(child) for child in children(node))


def _is_part(one: Any, whole: Any) -> bool:
    """Whether ``one`` sums up, in the same way, some of the very series that ``whole`` sums up."""
    while isinstance(one, pp.ParenExpr):
        one = one.expr
    while isinstance(whole, pp.ParenExpr):
        whole = whole.expr
    match one, whole:
        case _, pp.BinaryExpr() if str(whole.op) == "+":
            return _is_part(one, whole.lhs) or _is_part(one, whole.rhs)
        case pp.AggregateExpr(), pp.AggregateExpr() if str(one.op) == str(whole.op) == "sum":
            return _groups_as_finely(one.modifier, whole.modifier) and _is_part(one.expr, whole.expr)
        case pp.Call(), pp.Call() if one.func.name == whole.func.name and len(one.args) == len(whole.args) == 1:
            return _is_part(one.args[0], whole.args[0])
        case pp.MatrixSelector(), pp.MatrixSelector() if one.range == whole.range:
            return _is_part(one.vector_selector, whole.vector_selector)
        case pp.VectorSelector(), pp.VectorSelector() if (one.offset, one.at) == (whole.offset, whole.at):
            (some,), (all_of_them,) = selectors_of(one), selectors_of(whole)
            return some.metric == all_of_them.metric and set(all_of_them.matchers) <= set(some.matchers)
    return False


def _groups_as_finely(one: Any, whole: Any) -> bool:
    if whole is None:
        return True
    if one is None or str(one.type) != str(whole.type):
        return False
    keeps = str(whole.type).endswith("By")
    return set(one.labels) >= set(whole.labels) if keeps else set(one.labels) <= set(whole.labels)


def _alike(sign: str, one: Quantity | None, other: Quantity | None) -> Quantity | None:
    """Sums, differences and sets of two quantities of one dimension."""
    if sign in {"and", "unless"} | _COMPARED:
        return one
    if one is None or other is None or sign not in {"+", "-", "or"}:
        return None
    if sign == "-" and one.kind == other.kind == "instant":
        return Quantity(seconds=1)
    same = (one.seconds, one.bytes, one.scale) == (other.seconds, other.bytes, other.scale)
    return one if same else None
