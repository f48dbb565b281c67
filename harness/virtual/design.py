"""One alert as it is put to the test, and the inputs that bring it to the firing side and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.artefacts.bounds import AlertTiming
from harness.artefacts.promql import Comparison
from harness.artefacts.rules import Rule, RuleGroup
from harness.virtual.inputs import Input, Level

__all__ = ["MOST_COPIES", "Design", "Drive", "Examined", "whole"]

_MOST_STEPS = 600
"""Evaluations in one experiment, roughly; windows of hours are sampled more coarsely."""
_LOOKBACK_S = 300.0
"""A recording that is older is not seen."""
MOST_COPIES = 40
"""Series of one kind, where an alert counts them."""
_SLACK = 6
"""Evaluations that an experiment goes on beyond the last instant at which anything is due."""


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """One alert rule under test; ``name`` is unique, ``timing`` is in production seconds through all recordings."""

    name: str
    rule: Rule
    group: RuleGroup
    timing: AlertTiming
    reads_recordings: bool
    files: frozenset[Path] = frozenset()
    """The rule files that it needs: its own, and those of the recordings that it reads."""
    shortest_range_s: float = math.inf
    reach_s: float = 0.0
    """How far back it looks in all, where it knows its own past; ``timing`` is then about the present alone."""
    past_s: float = 0.0
    """How long ago that past is; 0 where it knows none."""
    functions: frozenset[str] = frozenset()
    """Functions that it, or a recording that it reads, calls."""
    lacks: tuple[str, ...] = ()
    """Labels that it does not carry while another alert of the same name does."""
    always: bool = False

    @property
    def static_labels(self) -> dict[str, str]:
        """Labels that every alert of the rule carries, whatever series it is about."""
        labels = {**self.group.labels, **self.rule.labels}
        return {"alertname": self.rule.name} | {
            name: value for name, value in labels.items() if value and "{{" not in value
        }

    @property
    def labels(self) -> dict[str, str]:
        """Labels as the rule writes them, templates included."""
        return {**self.group.labels, **self.rule.labels, "alertname": self.rule.name}

    @property
    def fixed_labels(self) -> dict[str, str]:
        """What tells its alerts from all others; an empty value is a label that they do not carry."""
        return self.static_labels | dict.fromkeys(self.lacks, "")

    @property
    def solving_step_s(self) -> float:
        """Seconds between evaluations while inputs are sought: recordings over hours need not be dense."""
        step_s = self.timing.evaluation_s
        if self.past_s:
            most = max(1, int(_LOOKBACK_S // step_s))
            return step_s * next((n for n in range(most, 1, -1) if _fits(self.past_s, step_s * n)), 1)
        return step_s * max(1, math.ceil(self.timing.range_s / step_s / 60)) if self.reads_recordings else step_s

    @property
    def series(self) -> str:
        """The alert's own states as an expression."""
        shown = (f'{name}="{_escaped(value)}"' for name, value in self.fixed_labels.items())
        return f"ALERTS{{{', '.join(shown)}}}"

    @property
    def is_about_absence(self) -> bool:
        """Whether the expression asks for series that are not there."""
        return bool(self.rule.query.functions & {"absent", "absent_over_time"})


@dataclass(frozen=True, slots=True)
class Drive:
    """What is turned to move the alert: one property of one input (the others stay as they are)."""

    input: Input
    mode: Literal["rate", "at", "slow", "slope", "steps", "age", "there", "copies"]

    def turned(self, levels: Mapping[Input, Level], x: float) -> dict[Input, Level]:
        """``levels`` with the driven property at ``x``."""
        own = levels[self.input]
        changed = {
            "rate": replace(own, rate=x),
            "at": replace(own, at=x),
            "slow": replace(own, slow=x),
            "slope": replace(own, slope=x),
            "steps": replace(own, slope=x, in_steps=True),
            "age": replace(own, at=-x, slope=1.0, moment=True),  # a moment that stays x seconds ago
            "there": replace(own, there=bool(x)),
            "copies": replace(own, copies=int(x)),
        }
        return {**levels, self.input: changed[self.mode]}

    def at_rest(self, levels: Mapping[Input, Level]) -> float:
        """Where ``levels`` have the driven property."""
        own = levels[self.input]
        return {
            "rate": own.rate, "at": own.at, "slow": own.slow, "slope": own.slope, "steps": own.slope, "age": -own.at,
            "there": float(own.there), "copies": float(own.copies),
        }[self.mode]  # fmt: skip

    def allows(self, x: float) -> bool:
        """Whether the input can be at ``x`` at all."""
        kind, bounds = self.input.family.kind, self.input.family.buckets
        if self.mode == "copies":
            return 0 <= x <= MOST_COPIES and float(x).is_integer()
        if kind == "up" or self.mode == "there":
            return x in {0.0, 1.0}
        if kind == "histogram" and self.mode == "at":
            return bool(bounds) and 0 < x <= bounds[-1]
        return 0 <= x <= 1 if self.mode == "slow" else x >= 0 or kind == "gauge"

    def __str__(self) -> str:
        words = {
            "rate": "events per second",
            "at": "value",
            "slow": "share of slow events",
            "slope": "growth",
            "steps": "changes",
            "there": "presence",
            "copies": "number of series",
        }
        is_quantile = self.mode == "at" and self.input.family.kind == "histogram"
        kind = "quantile" if is_quantile else words.get(self.mode, self.mode)
        return f"{kind} of {self.input.family.name}"


@dataclass(frozen=True, slots=True)
class Design:
    """How to move one alert. ``inputs_at`` names settings of the drive: trigger, healthy, near, exact.

    ``values_at`` are the values of the compared expression there; ``comparison`` is ``None`` where the alert
    is moved between true and not true, and ``drive`` where only absence moves it.
    """

    examined: Examined
    inputs: tuple[Input, ...]
    baseline: Mapping[Input, Level]
    drive: Drive | None
    comparison: Comparison | None
    inputs_at: Mapping[str, float]
    values_at: Mapping[str, float]
    start_s: float = 0.0
    """Seconds since the epoch at which its time begins: alerts that ask for the hour need an hour."""

    def levels(self, name: str) -> Mapping[Input, Level]:
        """Levels of all inputs with the drive in the setting ``name``."""
        return self.drive.turned(self.baseline, self.inputs_at[name]) if self.drive else self.baseline

    def storm(self) -> Mapping[Input, Level]:
        """Levels ten times beyond the trigger, which cross every threshold at once; the trigger's if impossible."""
        if self.drive is None:
            return self.baseline
        trigger, healthy = self.inputs_at["trigger"], self.inputs_at["healthy"]
        x = trigger * 10 if trigger > healthy else trigger / 10
        return self.drive.turned(self.baseline, x if self.drive.allows(x) else trigger)

    @property
    def fires_upwards(self) -> bool:
        """Whether larger values are the worse ones."""
        return self.comparison is not None and self.comparison.operator in {">", ">="}

    @property
    def scrape_s(self) -> float:
        """Seconds between samples: the jobs' interval, more where windows are very long."""
        return min(each.job.interval_s for each in self.inputs) * self.coarseness

    @property
    def evaluation_s(self) -> float:
        """Seconds between evaluations."""
        return self.examined.timing.evaluation_s * self.coarseness

    @property
    def coarseness(self) -> int:
        """By how much intervals are stretched, so that windows of days stay cheap; 1 for ordinary ones."""
        timing = self.examined.timing
        lasts_s = 3 * (timing.range_s + timing.for_s) + self.examined.reach_s
        wanted = lasts_s / timing.evaluation_s / _MOST_STEPS
        room = self.examined.shortest_range_s / 4 / max(timing.scrape_s, timing.evaluation_s)
        return max(1, min(math.ceil(wanted), int(min(room, 1e6))))

    @property
    def timing(self) -> AlertTiming:
        """The alert's timing with these intervals."""
        timing, factor = self.examined.timing, self.coarseness
        return replace(timing, scrape_s=timing.scrape_s * factor, evaluation_s=timing.evaluation_s * factor)

    @property
    def lead_s(self) -> float:
        """How long something must have been so before it fills every window."""
        window_s = max(self.timing.range_s, self.examined.reach_s)
        return whole(window_s + 2 * (self.scrape_s + self.evaluation_s), self.evaluation_s)

    @property
    def hold_s(self) -> float:
        """How long something must go on until the alert must have fired."""
        return self._due_s(whole(self.examined.timing.for_s, self.evaluation_s))

    @property
    def recovery_s(self) -> float:
        """How long something must be over until the alert must have resolved."""
        return self._due_s(self.examined.timing.keep_firing_for_s)

    def _due_s(self, extra_s: float) -> float:
        step_s = self.evaluation_s
        due_s = self.scrape_s + self.examined.timing.range_s + step_s + extra_s
        return whole(due_s, step_s) + _SLACK * step_s


def whole(seconds: float, step_s: float) -> float:
    """``seconds`` rounded up to whole steps."""
    return math.ceil(round(seconds / step_s, 9)) * step_s


def _fits(length_s: float, step_s: float) -> bool:
    return abs(length_s / step_s - round(length_s / step_s)) < 1e-9


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
