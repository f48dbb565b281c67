"""Starts take wall time whatever the speed: a speed at which a restart would last too long is refused by name."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clauses.model import Clause
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError
from harness.core.units import format_duration

__all__ = ["require_restartable"]

_SHARE = 0.5
"""Of the shortest ``for``: the rest is for scrapes and evaluations around the restart."""


def require_restartable(
    campaign: Campaign, production: Production, scenario: Scenario, clauses: Sequence[Clause], start_s: float
) -> None:
    """Raise ``ConfigError`` where a restart, ``start_s`` wall seconds long, may trip an alert that must stay quiet."""
    place = _restarting(campaign, scenario)
    waits = [wait for wait in _waits(campaign, production, scenario, clauses) if wait[0] > 0]
    if place is None or not waits:
        return
    (for_s, alert), speed = min(waits), campaign.speed_of(scenario)
    fastest = _SHARE * for_s / start_s
    if speed > fastest:
        lasts = f"{start_s:.2f} s wall, {format_duration(start_s * speed)} at speed {speed:g}"
        raise ConfigError(
            f"a restart takes {lasts}: more than half of the {format_duration(for_s)} that {alert} waits",
            location=scenario.place(*place),
            remedy=f"play {scenario.name} at speed {max(1, int(fastest))} or below",
        )


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
