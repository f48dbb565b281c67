"""Finds for every alert an input that moves it, by asking the real engine what its expression makes of some inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.artefacts.promql import Comparison
from harness.virtual.answers import Findings
from harness.virtual.design import Design, Examined, whole
from harness.virtual.fitting import fit
from harness.virtual.inputs import Input, Segment, render
from harness.virtual.promtool import Experiment, Promtool, Question, RuleSet
from harness.virtual.tries import VARIANTS, Try, designs_of, most_comparisons, tries

__all__ = ["Solver"]


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
        for number in range(most_comparisons(wanted)):
            for variant in range(VARIANTS):
                left = {each: inputs for each, inputs in wanted.items() if each not in found and inputs}
                ways = [
                    item for each, inputs in left.items() for item in tries(each, inputs, variant, number, thresholds)
                ]
                fitted = self._fitted([item for item in ways if item.comparison])
                for item in fitted:  # a rule that does not meet an intended threshold is shown as it is
                    if item.examined.name in thresholds:
                        meant.setdefault(item.examined, next(designs_of(item), None))
                found |= self._verified([*fitted, *(item for item in ways if not item.comparison)])
        unmet = {each: design for each, design in meant.items() if design and each not in found}
        return self._sharpened({**found, **unmet})

    def _fitted(self, ways: Sequence[Try]) -> list[Try]:
        experiments = [
            self._steady(f"{item.key}@{x!r}", item, x, item.comparison.left)
            for item in ways
            for x in item.points()
            if item.comparison
        ]
        answers = self._run(experiments)
        fitted = []
        for item in ways:
            told = [(x, answers[f"{item.key}@{x!r}"]) for x in item.points()]
            curve = fit([(x, _reading(found, item.comparison)) for x, found in told])
            if item.drive.mode == "slope" and not all(_is_settled(found) for _x, found in told):
                continue
            if curve is not None:
                fitted.append(replace(item, curve=curve))
        return fitted

    def _verified(self, ways: Sequence[Try]) -> dict[Examined, Design]:
        """The first way of each alert on which the whole expression is true when it should be, and only then."""
        designs = [design for item in ways for design in designs_of(item)]
        experiments = [
            self._steady_of(f"{index}@{name}", design, design.inputs_at[name], design.examined.rule.expression)
            for index, design in enumerate(designs)
            for name in ("trigger", "healthy")
        ]
        answers = self._run(experiments)
        found: dict[Examined, Design] = {}
        for index, design in enumerate(designs):
            fires, rests = answers[f"{index}@trigger"], answers[f"{index}@healthy"]
            if _any(fires) and not _any(rests) and not rests.error:  # what cannot be evaluated is not at rest
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

    def _steady(self, name: str, item: Try, x: float, expression: str) -> Experiment:
        design = Design(item.examined, item.inputs, item.baseline, item.drive, None, {}, {}, start_s=item.start_s)
        return self._steady_of(name, design, x, expression)

    def _steady_of(self, name: str, design: Design, x: float, expression: str) -> Experiment:
        """Always so; or, where an alert knows its past, always usual and lately so."""
        levels = design.drive.turned(design.baseline, x) if design.drive else design.baseline
        timing, reach_s = design.examined.timing, max(design.examined.reach_s, design.examined.timing.range_s)
        interval_s = min(each.job.interval_s for each in design.inputs)
        room = design.examined.shortest_range_s / 4 / interval_s
        steps = max(1, min(math.ceil(reach_s / interval_s / 1000), int(min(room, 1e6))))
        lately_s = whole(timing.range_s + 2 * (timing.scrape_s + timing.evaluation_s) * steps, self._evaluation_s)
        before_s = whole(reach_s, self._evaluation_s) if design.examined.past_s else 0.0
        segments = [Segment(before_s, design.baseline)] if before_s else []
        end_s = before_s + lately_s
        series = render(
            design.inputs,
            [*segments, Segment(lately_s + interval_s, levels)],
            interval_s * steps,
            start_s=design.start_s,
        )
        asked = tuple(Question(expression, end_s - step * self._evaluation_s) for step in range(2))
        return Experiment(name, interval_s * steps, series, end_s, questions=asked, start_s=design.start_s)


def _candidates(design: Design) -> tuple[float, ...]:
    """Settings next to the exact one; a histogram's must not cross the border of a bucket."""
    x = design.inputs_at["exact"]
    if design.drive is not None and design.drive.input.family.kind == "histogram":
        return (x, x * (1 - 1e-9))
    if design.drive is not None and design.drive.mode == "slope":
        return (x * (1 - 1e-9), x * (1 + 1e-9))
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


def _is_settled(findings: Findings) -> bool:
    """Whether the value, where there is one, no longer moves while its input goes on as it does."""
    asked = [samples for (expression, _t), samples in findings.answers.items() if expression != "vector(1)"]
    extremes = [(min(values), max(values)) for samples in asked if (values := [each.value for each in samples])]
    return all(
        math.isclose(low, extremes[0][0], rel_tol=1e-6, abs_tol=1e-9)
        and math.isclose(high, extremes[0][1], rel_tol=1e-6, abs_tol=1e-9)
        for low, high in extremes
        if math.isfinite(low) and math.isfinite(high)
    )


def _reading(findings: Findings, comparison: Comparison | None) -> float:
    """The value nearest to firing, the worse of the two instants that were asked; NaN where there is none."""
    asked = [(t, samples) for (expression, t), samples in findings.answers.items() if expression != "vector(1)"]
    if comparison is None or len(asked) < 2:
        return math.nan
    values = [sample.value for _t, samples in asked for sample in samples]
    return (max if comparison.operator in {">", ">="} else min)(values)
