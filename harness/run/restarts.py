"""Starts take wall time whatever the speed: a story that restarts an instance is not played too fast for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.clauses.model import Clause
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError, Location
from harness.core.units import format_duration

__all__ = ["TooFastError", "require_restartable", "slowed_by"]

_SHARE: Final = 0.5
"""Of the shortest ``for``: the rest is for scrapes and evaluations around the restart."""
_AGAIN: Final = 0.8
"""Of the fastest speed that a measured restart allows: the next one may take a little longer."""


class TooFastError(ConfigError):
    """A restart takes too long for the speed of a story; ``fastest`` is the speed that would do."""

    def __init__(self, problem: str, location: Location, name: str, fastest: float) -> None:
        remedy = f"play {name} at speed {max(1, int(fastest))} or below"
        super().__init__(problem, location=location, remedy=remedy)
        self.fastest = fastest


def slowed_by(speed: float, fastest: float, usual: float) -> float | None:
    """By which factor a story of ``speed`` is slowed when it is played again: ``usual``, or what ``fastest`` asks for.

    None where not even the speed of production would do.
    """
    return min(usual, _AGAIN * fastest / speed) if fastest >= 1 else None


def require_restartable(
    campaign: Campaign, production: Production, scenario: Scenario, clauses: Sequence[Clause], start_s: float
) -> None:
    """Raise ``TooFastError`` where a restart, ``start_s`` wall seconds long, may trip an alert that must stay quiet."""
    place = _restarting(campaign, scenario)
    waits = [wait for wait in _waits(campaign, production, scenario, clauses) if wait[0] > 0]
    if place is None or not waits:
        return
    (for_s, alert), speed = min(waits), campaign.speed_of(scenario)
    fastest = _SHARE * for_s / start_s
    if speed > fastest:
        lasts = f"{start_s:.2f} s wall, {format_duration(start_s * speed)} at speed {speed:g}"
        problem = f"a restart takes {lasts}: more than half of the {format_duration(for_s)} that {alert} waits"
        raise TooFastError(problem, scenario.place(*place), scenario.name, fastest)


def _restarting(campaign: Campaign, scenario: Scenario) -> tuple[str | int, ...] | None:
    """Where the story restarts an instance, if it does."""
    for index, phase in enumerate(scenario.phases):
        for fault in phase.fault:
            if campaign.profile.faults[fault].signal == "restart":
                return "phases", index, "fault", fault
    return None


def _waits(
    campaign: Campaign, production: Production, scenario: Scenario, clauses: Sequence[Clause]
) -> list[tuple[float, str]]:
    quiet = [c.name for c in clauses if c.scope == scenario.name and c.promise == "stays_quiet"]
    found = (production.alert(name, campaign.contract.budgets.delivery) for name in quiet)
    return [(facts.rule.for_s, facts.rule.name) for facts in found if facts]
