"""Finds for every alert an input that moves it, by asking the real engine what its expression makes of some inputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.artefacts.promql import Comparison
from harness.virtual.answers import Findings
from harness.virtual.design import Design, Drive, Examined, whole
from harness.virtual.fitting import Curve, fit, trigger_levels
from harness.virtual.guards import guard_levels
from harness.virtual.inputs import Input, Level, Segment, render
from harness.virtual.promtool import Experiment, Promtool, Question, RuleSet

__all__ = ["Solver", "at_rest"]

_VARIANTS = 5
_GUARDED = 4
"""Gauges at 1, those of side conditions where they let the alert through."""


@dataclass(frozen=True, slots=True)
class _Try:
    """One way to move an alert, while it is being tried."""

    examined: Examined
    inputs: tuple[Input, ...]
    baseline: Mapping[Input, Level]
    comparison: Comparison | None
    drive: Drive
    key: str
    curve: Curve | None = None

    def points(self) -> tuple[float, ...]:
        if self.drive.input.family.kind == "up":
            return (0.0, 1.0)
        if self.drive.mode == "slow":
            return (0.0, 0.25, 0.5, 0.75)
        if self.drive.mode == "at" and self.drive.input.family.kind == "histogram":
            bounds = self.drive.input.family.buckets
            inner = [low + (high - low) * part for low, high in pairwise(bounds) for part in (0.3, 0.7)]
            return tuple(inner[:: max(1, len(inner) // 6)])
        return (0.0, 0.5, 1.0, 2.0, 5.0)


class Solver:
    """Solves alerts that share an evaluation interval; ``rules`` are needed by those that read recordings."""

    def __init__(self, promtool: Promtool, rules: RuleSet, evaluation_s: float) -> None:
        self._promtool = promtool
        self._rules = rules
        self._evaluation_s = evaluation_s

    def solve(
        self, wanted: Mapping[Examined, tuple[Input, ...]], thresholds: Mapping[str, float]
    ) -> dict[Examined, Design]:
        """Designs of the alerts that can be moved; the others are not among the answers.

        ``thresholds`` overrides the rule's own threshold by the name of the alert.
        """
        found: dict[Examined, Design] = {}
        meant: dict[Examined, Design | None] = {}
        for number in range(_most_comparisons(wanted)):
            for variant in range(_VARIANTS):
                left = {each: inputs for each, inputs in wanted.items() if each not in found and inputs}
                tries = [
                    item for each, inputs in left.items() for item in _tries(each, inputs, variant, number, thresholds)
                ]
                fitted = self._fitted([item for item in tries if item.comparison])
                for item in fitted:  # a rule that does not meet an intended threshold is shown as it is
                    if item.examined.name in thresholds:
                        meant.setdefault(item.examined, next(_designs(item), None))
                found |= self._verified([*fitted, *(item for item in tries if not item.comparison)])
        unmet = {each: design for each, design in meant.items() if design and each not in found}
        return self._sharpened({**found, **unmet})

    def _fitted(self, tries: Sequence[_Try]) -> list[_Try]:
        experiments = [
            self._steady(f"{item.key}@{x!r}", item, x, item.comparison.left)
            for item in tries
            for x in item.points()
            if item.comparison
        ]
        answers = self._run(experiments)
        fitted = []
        for item in tries:
            points = [(x, _reading(answers[f"{item.key}@{x!r}"], item.comparison)) for x in item.points()]
            curve = fit(points)
            if curve is not None:
                fitted.append(replace(item, curve=curve))
        return fitted

    def _verified(self, tries: Sequence[_Try]) -> dict[Examined, Design]:
        """The first way of each alert on which the whole expression is true when it should be, and only then."""
        designs = [design for item in tries for design in _designs(item)]
        experiments = [
            self._steady_of(f"{index}@{name}", design, design.inputs_at[name], design.examined.rule.expression)
            for index, design in enumerate(designs)
            for name in ("trigger", "healthy")
        ]
        answers = self._run(experiments)
        found: dict[Examined, Design] = {}
        for index, design in enumerate(designs):
            if _any(answers[f"{index}@trigger"]) and not _any(answers[f"{index}@healthy"]):
                found.setdefault(design.examined, design)
        return found

    def _sharpened(self, designs: Mapping[Examined, Design]) -> dict[Examined, Design]:
        """Designs whose exact setting meets the threshold to the last bit where there is such a setting."""
        open_ones = [design for design in designs.values() if "exact" in design.inputs_at and design.comparison]
        experiments = [
            self._steady_of(f"{index}@{x!r}", design, x, design.comparison.left)
            for index, design in enumerate(open_ones)
            for x in _candidates(design)
            if design.comparison
        ]
        answers = self._run(experiments)
        sharp = dict(designs)
        for index, design in enumerate(open_ones):
            readings = {x: _reading(answers[f"{index}@{x!r}"], design.comparison) for x in _candidates(design)}
            sharp[design.examined] = _with_exact(design, readings)
        return sharp

    def _run(self, experiments: Sequence[Experiment]) -> Mapping[str, Findings]:
        return self._promtool.run(self._rules, self._evaluation_s, experiments)

    def _steady(self, name: str, item: _Try, x: float, expression: str) -> Experiment:
        return self._experiment(name, item.examined, item.inputs, item.drive.turned(item.baseline, x), expression)

    def _steady_of(self, name: str, design: Design, x: float, expression: str) -> Experiment:
        levels = design.drive.turned(design.baseline, x) if design.drive else design.baseline
        return self._experiment(name, design.examined, design.inputs, levels, expression)

    def _experiment(
        self, name: str, examined: Examined, inputs: tuple[Input, ...], levels: Mapping[Input, Level], expression: str
    ) -> Experiment:
        timing = examined.timing
        interval_s = min(each.job.interval_s for each in inputs)
        steps = max(1, math.ceil(timing.range_s / interval_s / 1000))
        end_s = whole(timing.range_s + 2 * (timing.scrape_s + timing.evaluation_s) * steps, self._evaluation_s)
        series = render(inputs, [Segment(end_s + interval_s, levels)], interval_s * steps)
        asked = tuple(Question(expression, end_s - step * self._evaluation_s) for step in range(2))
        return Experiment(name, interval_s * steps, series, end_s, questions=asked)


def _most_comparisons(wanted: Iterable[Examined]) -> int:
    """Rounds that are needed: one for each comparison that an alert makes, and one for none."""
    return 1 + max((len(each.rule.query.comparisons) for each in wanted), default=-1)


def _tries(
    examined: Examined, inputs: tuple[Input, ...], variant: int, number: int, thresholds: Mapping[str, float]
) -> Iterator[_Try]:
    comparisons = sorted(examined.rule.query.comparisons, key=_is_guard)
    if number > len(comparisons):
        return
    comparison = comparisons[number] if number < len(comparisons) else None
    if comparison and not number and examined.name in thresholds:
        comparison = replace(comparison, threshold=thresholds[examined.name])
    baseline = {each: at_rest(each, variant) for each in inputs}
    if variant == _GUARDED:
        levels = guard_levels(examined.rule, inputs)
        baseline |= {each: Level(at=levels.get(each, 1.0)) for each in inputs if each.family.kind == "gauge"}
    for index, each in enumerate(inputs):
        for drive in _drives(each):
            key = f"{examined.name}/{variant}/{number}/{index}/{drive.mode}"
            yield _Try(examined, inputs, baseline, comparison, drive, key)


def _is_guard(comparison: Comparison) -> bool:
    """Whether the test only asks for some traffic; the other tests come first."""
    return comparison.operator in {">", ">="} and comparison.threshold <= 0


def at_rest(each: Input, variant: int = 0) -> Level:
    """What an input does that is not turned: gauges at 0, targets up, events once a second and quickly done.

    Other variants: events that take long, gauges at 1, and no events at all.
    """
    kind, bounds = each.family.kind, each.family.buckets
    if kind == "up":
        return Level(at=1.0)
    if kind == "gauge":
        return Level(at=1.0 if variant == 2 else 0.0)
    usual = bounds[len(bounds) // 2 if variant == 1 else 0] if bounds else 0.0
    return Level(rate=0.0 if variant == 3 else 1.0, at=usual)


def _drives(each: Input) -> Iterator[Drive]:
    if each.family.kind == "histogram":
        yield Drive(each, "at")
        yield Drive(each, "slow")
    yield Drive(each, "rate" if each.is_counting else "at")


def _designs(item: _Try) -> Iterator[Design]:
    if item.comparison is None or item.curve is None:
        for trigger, healthy in ((0.0, 1.0), (1.0, 0.0)):
            at = {"trigger": trigger, "healthy": healthy}
            if all(item.drive.allows(x) for x in at.values()):
                yield Design(item.examined, item.inputs, item.baseline, item.drive, None, at, {})
        return
    inputs_at: dict[str, float] = {}
    values_at: dict[str, float] = {}
    for name, values in trigger_levels(item.comparison.operator, item.comparison.threshold).items():
        for value in values:
            x = item.curve.solve(value)
            tidy = None if x is None else _tidy(x)
            if tidy is not None and item.drive.allows(tidy):
                inputs_at[name], values_at[name] = tidy, value
                break
    if {"trigger", "healthy"} <= inputs_at.keys():
        yield Design(item.examined, item.inputs, item.baseline, item.drive, item.comparison, inputs_at, values_at)


def _tidy(x: float) -> float:
    return float(f"{x:.12g}")


def _candidates(design: Design) -> tuple[float, ...]:
    """Settings next to the exact one; a histogram's must not cross the border of a bucket."""
    x = design.inputs_at["exact"]
    if design.drive is not None and design.drive.input.family.kind == "histogram":
        return (x, x * (1 - 1e-9))
    nudged = [x * (1 + step * 2.0**-50) for step in range(-4, 5)]
    near = [x * (1 + sign * step) for step in (1e-12, 1e-9) for sign in (-1, 1)]
    return tuple(dict.fromkeys([x, *nudged, *near]))


def _with_exact(design: Design, readings: Mapping[float, float]) -> Design:
    comparison = design.comparison
    if comparison is None:
        return design
    threshold, upwards = comparison.threshold, comparison.operator in {">", ">="}
    quiet = {x: y for x, y in readings.items() if (y <= threshold if upwards else y >= threshold)}
    best = min(quiet, key=lambda x: round(abs(quiet[x] - threshold), 12), default=None)
    at, values = dict(design.inputs_at), dict(design.values_at)
    if best is None or abs(quiet[best] - threshold) > 1e-6 * max(1.0, abs(threshold)):
        del at["exact"], values["exact"]
    else:
        at["exact"], values["exact"] = best, quiet[best]
    return replace(design, inputs_at=at, values_at=values)


def _any(findings: Findings) -> bool:
    return any(samples for (expression, _t), samples in findings.answers.items() if expression != "vector(1)")


def _reading(findings: Findings, comparison: Comparison | None) -> float:
    """The value nearest to firing, the worse of the two instants that were asked; NaN where there is none."""
    asked = [(t, samples) for (expression, t), samples in findings.answers.items() if expression != "vector(1)"]
    if comparison is None or len(asked) < 2:
        return math.nan
    values = [sample.value for _t, samples in asked for sample in samples]
    return (max if comparison.operator in {">", ">="} else min)(values)
