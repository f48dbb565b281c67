"""A watchdog's receiver: a dead man's switch, which gives the alarm when repeats of the alert are missed."""

from __future__ import annotations

from typing import Final

from harness.clauses.production import AlertFacts

__all__ = ["MISSED_REPEATS", "silence_s"]

MISSED_REPEATS: Final = 3
"""So many missed repeats are a notice."""


def silence_s(facts: AlertFacts, speed: float) -> float:
    """Wall seconds of silence that are a notice: the missed repeats, and the time that a delivery may take."""
    repeat_s = facts.route.repeats_after_s if facts.route else 0.0
    return MISSED_REPEATS * repeat_s / speed + facts.timing.delivery_s
