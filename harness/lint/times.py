"""Findings on times of rules that do not mean what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.core.units import format_duration
from harness.lint.model import Check, Files, Told

__all__ = ["CHECKS"]


def _shorter_than_evaluation(files: Files) -> Iterator[Told]:
    usual_s = files.prometheus.evaluation_interval_s if files.prometheus else 0.0  # nobody says
    for group, rule in files.alerts():
        every_s = group.interval_s or usual_s
        if 0 < rule.for_s < every_s:
            every = format_duration(every_s)
            problem = f"{rule.name}: for: {format_duration(rule.for_s)} is shorter than the {every} between evaluations"
            yield Told(rule.location, f"{problem}: it waits {every}", "write a multiple of the interval")


CHECKS: Sequence[Check] = (
    Check(
        "for-too-short",
        "a for below the evaluation interval",
        "Prometheus looks at an alert once per evaluation: whatever for says, a pending alert fires at the next one at "
        "the earliest. People who read the rule expect it sooner.",
        _shorter_than_evaluation,
    ),
)
