"""From an alert that can be moved to the experiments that show what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from harness.contract import Campaign
from harness.virtual.answers import Findings
from harness.virtual.conditions import Script, script
from harness.virtual.design import Design, Examined
from harness.virtual.inputs import Segment, render
from harness.virtual.promtool import Experiment, Question
from harness.virtual.reasons import NotApplicableError, NotGeneratedError

__all__ = ["Planned", "experiment", "missed", "planned"]

_OF_PAIRS: Final = frozenset({"sibling", "decay"})
_ALONE: Final = "designed trigger"


@dataclass(frozen=True, slots=True)
class Planned:
    """One alert under one condition; ``critical`` drives the experiments about a pair of alerts.

    An example says itself what is expected: ``word``, when it ``resolves``, how many ``alerts`` fire and what it
    ``says`` then.
    """

    design: Design
    condition: str
    script: Script
    critical: Design | None = None
    word: str = ""
    resolves: str | None = None
    alerts: int | None = None
    says: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its experiment."""
        return f"{self.design.examined.name}: {self.condition}"

    @property
    def driven(self) -> Design:
        """The design whose inputs are turned."""
        return self.critical or self.design

    @property
    def files(self) -> frozenset[Path]:
        """The rule files that it needs."""
        return self.design.examined.files | (self.critical.examined.files if self.critical else frozenset())

    @property
    def concerned(self) -> frozenset[Examined]:
        """The alerts whose states it asks for."""
        return frozenset(each.examined for each in (self.design, self.critical) if each is not None)

    @property
    def step_s(self) -> float:
        """Seconds between evaluations."""
        return self.driven.evaluation_s if self.driven.inputs else self.driven.examined.timing.evaluation_s

    @property
    def watched(self) -> str:
        """The states of all alerts concerned, as one expression."""
        return " or ".join(each.examined.series for each in (self.design, self.critical) if each is not None)

    @property
    def is_checked(self) -> bool:
        """Whether the compared expression is asked for the value that the script means it to have."""
        return bool(self.script.setting) and self.script.rest is None and self.driven.comparison is not None


def planned(campaign: Campaign, design: Design, designs: Mapping[Examined, Design], condition: str) -> Planned:
    """How ``condition`` is shown for one alert.

    Raises ``NotApplicableError`` and ``NotGeneratedError`` where it is not.
    """
    if not design.inputs:
        if condition != _ALONE:
            raise NotApplicableError("it reads no series")
        lasts_s = 20 * design.examined.timing.evaluation_s + design.examined.timing.for_s
        return Planned(design, condition, Script((Segment(lasts_s, {}),), 0.0, lasts_s))
    if condition not in _OF_PAIRS:
        return Planned(design, condition, script(condition, design))
    critical = _critical(campaign, design, designs)
    return Planned(design, condition, script(condition, critical), critical)


def experiment(item: Planned) -> Experiment:
    """What promtool is asked."""
    driven, told = item.driven, item.script
    interval_s = driven.scrape_s if driven.inputs else item.step_s
    questions: tuple[Question, ...] = ()
    if item.is_checked and driven.comparison is not None:
        questions = (Question(driven.comparison.left, told.healed_s - item.step_s),)
    return Experiment(
        name=item.name,
        interval_s=interval_s,
        series=render(driven.inputs, told.segments, interval_s, rest=told.rest, start_s=driven.start_s),
        length_s=told.length_s - item.step_s,
        watched=item.watched,
        questions=questions,
        alerts=(item.design.examined.rule.name,),
        alerts_at_s=told.healed_s - item.step_s,
        start_s=driven.start_s,
        watched_from_s=_watched_from_s(driven, told),
    )


def _watched_from_s(driven: Design, told: Script) -> float:
    """A past of days before anything happens is not worth a question after every evaluation."""
    if not driven.examined.past_s:
        return 0.0
    return max(0.0, told.onset_s - driven.timing.range_s - driven.timing.for_s - 4 * driven.evaluation_s)


def missed(item: Planned, findings: Findings) -> str:
    """Why the inputs did not do what they were made for, or nothing."""
    comparison = item.driven.comparison
    if not item.is_checked or comparison is None or findings.error:
        return ""
    wanted = item.driven.values_at[item.script.setting]
    samples = findings.at(comparison.left, item.script.healed_s - item.step_s)
    values = [sample.value for sample in samples]
    if any(abs(value - wanted) <= 1e-6 * max(1.0, abs(wanted)) for value in values):
        return ""
    return f"the expression came out at {values or 'nothing'} instead of {wanted:g}"


def _critical(campaign: Campaign, design: Design, designs: Mapping[Examined, Design]) -> Design:
    """The design of the critical alert of the same problem, joined with what the warning needs."""
    for each, other in designs.items():
        if each is design.examined or not _yields(campaign, design, other):
            continue
        if design.drive is None or design.drive != other.drive:
            raise NotGeneratedError(f"it and {each.name} are moved by different inputs")
        return _joined(design, other)
    raise NotApplicableError("it has no sibling of a higher severity")


def _yields(campaign: Campaign, design: Design, other: Design) -> bool:
    """Whether the contract says so, or the two compare the same expression and the other is harder to reach."""
    promise = campaign.contract.alerts.get(design.examined.rule.name)
    if promise is not None and promise.inhibitors:
        return other.examined.rule.name in promise.inhibitors
    mine, its = design.comparison, other.comparison
    if mine is None or its is None or (mine.left, mine.operator) != (its.left, its.operator):
        return False
    return its.threshold > mine.threshold if design.fires_upwards else its.threshold < mine.threshold


def _joined(warning: Design, critical: Design) -> Design:
    """The critical alert's design, long enough for both, that begins and ends on the quiet side of both."""
    extra = {item: level for item, level in warning.baseline.items() if item not in critical.baseline}
    mine, its = warning.examined.timing, critical.examined.timing
    longest = {
        name: max(getattr(mine, name), getattr(its, name))
        for name in ("scrape_s", "range_s", "for_s", "keep_firing_for_s")
    }
    return replace(
        critical,
        examined=replace(critical.examined, timing=replace(its, **longest)),
        inputs=(*critical.inputs, *extra),
        baseline={**critical.baseline, **extra},
        inputs_at={**critical.inputs_at, "healthy": warning.inputs_at["healthy"]},
    )
