"""What one metrics text alone can show of a family: its help, what its name says, whole labels, sound histograms."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from harness.clauses.exposition import key_of, shown_series
from harness.contract.planes import MetricFamily

__all__ = ["Check", "check_filled", "check_help", "check_histogram", "check_name", "check_size"]

Check = Callable[[Metric], Iterator[str]]

_BASE: Final = {
    **dict.fromkeys(("ms", "us", "ns", "milliseconds", "microseconds", "nanoseconds", "millis"), "seconds"),
    **dict.fromkeys(("minutes", "hours", "days"), "seconds"),
    **dict.fromkeys(("kb", "mb", "gb", "kib", "mib", "gib", "kilobytes", "megabytes", "gigabytes"), "bytes"),
    **dict.fromkeys(("percent", "percentage", "pct"), "ratio"),
}
_PLACEHOLDERS: Final = frozenset(
    {"", "unknown", "undefined", "null", "nil", "none", "nan", "n/a", "na", "-", "?", "<nil>", "<no value>", "todo"}
    | {"default", "placeholder", "[object object]"}
)
_EPOCH_S: Final = (1e9, 1e10)
_ROUNDING: Final = 1e-6


def check_help(family: Metric) -> Iterator[str]:
    """Operators read the help text."""
    if not family.documentation.strip():
        yield "it has no help text"


def check_name(name: str, declared: MetricFamily) -> Check:
    """The name says what the values are: ``_total`` for counters alone, and the unit, a base unit unless declared."""
    stem = name.removesuffix("_total")
    last = stem.rpartition("_")[2].lower()
    unit = declared.unit or last

    def check(family: Metric) -> Iterator[str]:
        if declared.type == "counter" and stem == name:
            yield "a counter's name ends in _total"
        if declared.type not in {"counter", "untyped"} and stem != name:
            yield f"only a counter's name ends in _total, not that of a {declared.type}"
        if declared.unit and not stem.endswith(f"_{declared.unit}"):
            yield f"its name does not end in its unit {declared.unit}"
        if declared.unit is None and last in _BASE:
            yield f"{last} is no base unit: measure {_BASE[last]}, or declare unit: {last}"
        if family.unit and family.unit != unit:
            yield f"the text says that its unit is {family.unit}, not {unit}"
        yield from _impossible(family, stem, unit)

    return check


def _impossible(family: Metric, stem: str, unit: str) -> Iterator[str]:
    """Values that the unit rules out."""
    if family.type != "gauge":
        return
    for sample in family.samples:
        where = shown_series(key_of(sample))
        if unit == "ratio" and not -_ROUNDING <= sample.value <= 1 + _ROUNDING:
            yield f"{where} is {sample.value:g}, but a ratio lies between 0 and 1"
        if unit == "bytes" and sample.value < 0:
            yield f"{where} is {sample.value:g} bytes"
        if stem.endswith(("_time_seconds", "_timestamp_seconds")) and sample.value:
            low, high = _EPOCH_S
            if not low <= sample.value <= high:
                yield f"{where} is {sample.value:g}, which is no time in seconds since 1970"


def check_filled(declared: MetricFamily) -> Check:
    """No label holds a placeholder, such as on a path that failed before the real value was known."""
    meant = {label: rule.meant for label, rule in declared.labels.items()}

    def check(family: Metric) -> Iterator[str]:
        told = set[tuple[str, str]]()
        for sample in family.samples:
            for each in sample.labels.items():
                label, value = each
                if value.lower() in _PLACEHOLDERS and value not in meant.get(label, ()) and each not in told:
                    told.add(each)
                    yield f"{shown_series(key_of(sample))} says nothing in its label {label}"
                    yield f"if it is meant, write it into one_of: of the label, or beside its pattern: also: [{value}]"

    return check


def check_size(at_most: int) -> Check:
    """One instance exposes no more series of the family than allowed."""

    def check(family: Metric) -> Iterator[str]:
        if len(family.samples) > at_most:
            last = shown_series(key_of(family.samples[-1]))
            yield f"it has {len(family.samples)} series, at most {at_most} are allowed; the last is {last}"

    return check


@dataclass(slots=True)
class _Histogram:
    buckets: list[tuple[float, float]] = field(default_factory=list)
    sum: float | None = None
    count: float | None = None


def check_histogram(family: Metric) -> Iterator[str]:
    """Buckets are cumulative, ``+Inf`` equals the count, and the sum fits what the buckets say."""
    found: dict[frozenset[tuple[str, str]], _Histogram] = defaultdict(_Histogram)
    for sample in family.samples:
        rest = frozenset((k, v) for k, v in sample.labels.items() if k != "le")
        _take(found[rest], sample, family.name)
    for labels, histogram in found.items():
        problem = _unsound(histogram)
        if problem:
            yield f"{shown_series((family.name, labels))}: {problem}"


def _take(histogram: _Histogram, sample: Sample, name: str) -> None:
    if sample.name == f"{name}_bucket":
        histogram.buckets.append((_bound(sample.labels.get("le", "")), sample.value))
    elif sample.name == f"{name}_sum":
        histogram.sum = sample.value
    elif sample.name == f"{name}_count":
        histogram.count = sample.value


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _unsound(histogram: _Histogram) -> str:
    if any(math.isnan(bound) for bound, _ in histogram.buckets):
        return "a bound of its buckets is no number"
    buckets = sorted(histogram.buckets)
    if not buckets or buckets[-1][0] != math.inf:
        return "it has no bucket +Inf"
    if histogram.count is None or histogram.sum is None:
        return f"it has no {'count' if histogram.count is None else 'sum'}"
    for (_, less), (bound, more) in pairwise(buckets):
        if more < less:
            return f"its bucket {bound:g} holds {more:g}, the one before holds {less:g}"
    if buckets[-1][1] != histogram.count:
        return f"its bucket +Inf holds {buckets[-1][1]:g}, its count is {histogram.count:g}"
    return _implausible(buckets, histogram.sum)


def _implausible(buckets: list[tuple[float, float]], total: float) -> str:
    """Observations lie between the bounds of their bucket; in the first one, above 0 unless its bound is below."""
    lowest = highest = 0.0
    below, before = (0.0 if buckets[0][0] > 0 else -math.inf), 0.0
    for bound, count in buckets:
        inside = count - before
        lowest += inside * below if inside else 0.0
        highest += inside * bound if inside else 0.0
        below, before = bound, count
    slack = _ROUNDING * max(1.0, abs(total))
    if lowest - slack <= total <= highest + slack:
        return ""
    return f"its sum is {total:g}, but its buckets allow {lowest:g} to {highest:g}"
