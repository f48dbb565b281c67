"""Ways in which an alert might be moved: which input is turned, by what, and what all the others do meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from harness.artefacts.promql import TURNED, Comparison
from harness.virtual.design import MOST_COPIES, Design, Drive, Examined
from harness.virtual.fitting import Curve, trigger_levels
from harness.virtual.guards import constants, guard_levels, moments
from harness.virtual.inputs import Input, Level
from harness.virtual.two_sides import two_sided

__all__ = ["VARIANTS", "Try", "at_rest", "designs_of", "most_comparisons", "tries"]

_SLOW, _AT_ONE, _SILENT, _GUARDED, _BUSY = range(1, 6)
"""Events that take long; gauges at 1; no events; side conditions on gauges passed; and those on events as well."""
VARIANTS: Final = 6
"""Baselines that are tried."""
_BUSY_RATE: Final = 100.0
_CALENDAR: Final = frozenset(
    {"hour", "minute", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"}
)
_DAY_S: Final = 86400.0
_STARTS: Final = (6 * _DAY_S + _DAY_S / 2, 2 * _DAY_S + _DAY_S / 2, 3 * _DAY_S + _DAY_S / 8)
"""Noon of a Wednesday and of a Saturday, and three o'clock on a Sunday; time begins on a Thursday at midnight."""
_TODAY: Final = 20_000 * _DAY_S
"""Where the clock is read it is no day of 1970: an instant of long ago is still above 0."""
_MOVING: Final = frozenset({"deriv", "delta", "idelta", "predict_linear", "double_exponential_smoothing"})
_MOST_CONSTANTS: Final = 4


@dataclass(frozen=True, slots=True)
class Try:
    """One way to move an alert, while it is being tried."""

    examined: Examined
    inputs: tuple[Input, ...]
    baseline: Mapping[Input, Level]
    comparison: Comparison | None
    drive: Drive
    key: str
    is_guess: bool = False
    start_s: float = 0.0
    curve: Curve | None = None

    def points(self) -> tuple[float, ...]:
        """Settings at which the compared expression is asked for."""
        if self.drive.input.family.kind == "up":
            return (0.0, 1.0)
        if self.drive.mode == "slow":
            return (0.0, 0.25, 0.5, 0.75)
        if self.drive.mode == "at" and self.drive.input.family.kind == "histogram":
            bounds = self.drive.input.family.buckets
            inner = [low + (high - low) * part for low, high in pairwise(bounds) for part in (0.3, 0.7)]
            return tuple(inner[:: max(1, len(inner) // 6)])
        return (0.0, 0.5, 1.0, 2.0, 5.0)


def most_comparisons(wanted: Iterable[Examined]) -> int:
    """Rounds that are needed: one for each comparison that an alert makes, and two for none."""
    return 2 + max((len(_comparisons(each)) for each in wanted), default=-2)


def tries(
    examined: Examined, inputs: tuple[Input, ...], variant: int, number: int, thresholds: Mapping[str, float]
) -> Iterator[Try]:
    """All ways by the comparison ``number``, with the other inputs as ``variant`` has them.

    Behind the last comparison come ways without: on and off, then guesses by the numbers that the expression writes.

    ``thresholds`` are those meant, by the name of the alert.
    """
    comparisons = _comparisons(examined)
    if number > len(comparisons) + 1:
        return
    comparison = comparisons[number] if number < len(comparisons) else None
    if comparison and not number and examined.name in thresholds:
        comparison = replace(comparison, threshold=thresholds[examined.name])
    baseline = _baseline(examined, inputs, variant)
    for start_s in _starts(examined):
        for index, each in enumerate(inputs):
            if not number and _counts_some(examined, each):
                key = f"{examined.name}/{variant}/{index}/copies/{start_s:g}"
                yield Try(examined, inputs, baseline, None, Drive(each, "copies"), key, is_guess=True, start_s=start_s)
            present = [Drive(each, "there")] if comparison is None and _asks_for_others(examined, inputs) else []
            if number > len(comparisons) and _counts_series(examined, each):
                present.append(Drive(each, "copies"))
            for drive in (*_drives(examined, each), *present):
                key = f"{examined.name}/{variant}/{number}/{index}/{drive.mode}/{start_s:g}"
                yield Try(examined, inputs, baseline, comparison, drive, key, number > len(comparisons), start_s)


def _starts(examined: Examined) -> tuple[float, ...]:
    if examined.functions & _CALENDAR:
        return (0.0, *_STARTS)
    return (_TODAY,) if "time" in examined.functions else (0.0,)


def _comparisons(examined: Examined) -> tuple[Comparison, ...]:
    """Tests against numbers, then those of one series against another."""
    query = examined.rule.query
    return (*sorted(query.comparisons, key=_is_guard), *two_sided(query))


def _is_guard(comparison: Comparison) -> bool:
    """Whether the test only asks for some traffic; the other tests come first."""
    return comparison.operator in {">", ">="} and comparison.threshold <= 0


def _baseline(examined: Examined, inputs: Sequence[Input], variant: int) -> dict[Input, Level]:
    found = {each: at_rest(each, variant) for each in inputs}
    if variant in {_GUARDED, _BUSY}:
        levels = guard_levels(examined.rule, inputs)
        found |= {each: Level(at=levels.get(each, 1.0)) for each in inputs if each.family.kind == "gauge"}
    high = max(_BUSY_RATE, 2 * max(constants(examined.rule), default=0.0))
    if variant == _BUSY:
        found |= {each: replace(found[each], rate=high) for each in inputs if each.is_counting}
    past = moments(examined.rule) if "time" in examined.functions else frozenset()
    age_s = {_BUSY: high, _AT_ONE: 1.0}.get(variant, 0.0)
    return found | {each: Level(at=-age_s, slope=1.0, moment=True) for each in inputs if each.family.name in past}


def at_rest(each: Input, variant: int = 0) -> Level:
    """What an input does that is not turned: gauges at 0, targets up, events once a second and quickly done.

    Other variants: events that take long, gauges at 1, and no events at all.
    """
    kind, bounds = each.family.kind, each.family.buckets
    if kind == "up":
        return Level(at=1.0)
    if kind == "gauge":
        return Level(at=1.0 if variant == _AT_ONE else 0.0)
    usual = bounds[len(bounds) // 2 if variant == _SLOW else 0] if bounds else 0.0
    return Level(rate=0.0 if variant == _SILENT else 1.0, at=usual)


def _counts_series(examined: Examined, each: Input) -> bool:
    names = {one.name for one in examined.rule.query.aggregations}
    return "count" in names or (each.family.kind == "up" and "sum" in names)


def _counts_some(examined: Examined, each: Input) -> bool:
    """Whether so many series are what it is about, and not that there is one."""
    return _counts_series(examined, each) and any(one.threshold >= 1 for one in examined.rule.query.comparisons)


def _asks_for_others(examined: Examined, inputs: Sequence[Input]) -> bool:
    """Whether it fires by some of its series being there, or not, while others are; or by nothing else at all."""
    operators = examined.rule.query.operators
    if not operators & TURNED.keys() and not examined.is_about_absence:
        return True
    return ("unless" in operators or examined.is_about_absence) and len(inputs) > 1


def _drives(examined: Examined, each: Input) -> Iterator[Drive]:
    if each.family.kind == "histogram":
        yield Drive(each, "at")
        yield Drive(each, "slow")
    if each.family.kind == "gauge" and "time" in examined.functions and each.family.name in moments(examined.rule):
        yield Drive(each, "age")
        return
    yield Drive(each, "rate" if each.is_counting else "at")
    if each.family.kind == "gauge" and examined.functions & _MOVING:
        yield Drive(each, "slope")
    if each.family.kind == "gauge" and "changes" in examined.functions:
        yield Drive(each, "steps")


def designs_of(item: Try) -> Iterator[Design]:
    """What might be: settings of the drive on the firing side and on the quiet one, the likeliest first."""
    for at, values in _fitted(item) if item.comparison and item.curve else _paired(item):
        if all(item.drive.allows(x) for x in at.values()):
            comparison = item.comparison if values else None
            yield Design(
                item.examined, item.inputs, item.baseline, item.drive, comparison, at, values, start_s=item.start_s
            )


def _fitted(item: Try) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    assert item.comparison is not None
    assert item.curve is not None
    inputs_at: dict[str, float] = {}
    values_at: dict[str, float] = {}
    for name, values in trigger_levels(item.comparison.operator, item.comparison.threshold).items():
        for value in values:
            x = item.curve.solve(value)
            tidy = None if x is None else _tidy(x)
            if tidy is not None and item.drive.allows(tidy):
                inputs_at[name], values_at[name] = tidy, value
                break
    if item.examined.past_s:
        usual = item.drive.at_rest(item.baseline)
        inputs_at["healthy"], values_at["healthy"] = usual, item.curve.value(usual)
    if {"trigger", "healthy"} <= inputs_at.keys():
        yield inputs_at, values_at


def _paired(item: Try) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Settings by guess."""
    for trigger, healthy in _guesses(item) if item.is_guess else _switches(item):
        if trigger != healthy:
            yield {"trigger": trigger, "healthy": healthy}, {}


def _switches(item: Try) -> list[tuple[float, float]]:
    """On and off; of an alert that knows its past, far less and far more than usual."""
    if not item.examined.past_s or item.drive.mode == "there":
        return [(0.0, 1.0), (1.0, 0.0)]
    usual = item.drive.at_rest(item.baseline)
    return [(usual * part, usual) for part in (0.1, 10.0, 0.0)] + [(1.0, usual), (100.0, usual)]


def _guesses(item: Try) -> list[tuple[float, float]]:
    """About the numbers that the expression writes: as they are, and so many in its window."""
    numbers, window_s = constants(item.examined.rule)[:_MOST_CONSTANTS], item.examined.timing.range_s
    if item.examined.past_s or item.drive.mode == "there":
        return []
    if item.drive.mode == "copies":
        return [pair for each in (1.0, *numbers) for pair in _about(math.floor(each)) if each <= MOST_COPIES]
    if item.drive.mode == "steps":
        return [(each * more / window_s, each / window_s / 4) for each in numbers for more in (4.0, 2.0, 1.5)]
    scales = (1.0, 1 / window_s) if item.drive.input.is_counting and window_s else (1.0,)
    levels = [each * scale for each in numbers for scale in scales]
    return [(level * more, level * less) for level in levels for more, less in ((1.5, 0.5), (0.5, 1.5))]


def _about(number: int) -> tuple[tuple[float, float], ...]:
    """One more than a number of series, and one less."""
    return ((number + 1.0, float(number)), (float(number), number + 1.0), (number - 1.0, float(number)))


def _tidy(x: float) -> float:
    return float(f"{x:.12g}")
