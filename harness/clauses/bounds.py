"""How long a phase may take at most: its length, or the latest instants of what it waits for."""

from __future__ import annotations

from harness.artefacts.bounds import FaultTiming, fire_bounds, resolve_bounds
from harness.clauses.production import Production
from harness.clauses.until import awaited_alerts
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.files import Phase

__all__ = ["phase_bound_s", "story_bound_s"]

_MARGIN_S = 60.0
"""Production seconds on top: the cause of an alert comes a little after the phase begins."""
_MARGIN_WALL_S = 5.0


def story_bound_s(campaign: Campaign, production: Production, scenario: Scenario) -> float:
    """Production seconds after which the whole story ends at the latest."""
    return sum(phase_bound_s(campaign, production, scenario, phase) for phase in scenario.phases)


def phase_bound_s(campaign: Campaign, production: Production, scenario: Scenario, phase: Phase) -> float:
    """Production seconds after which ``phase`` ends at the latest."""
    if phase.lasts is not None:
        return phase.lasts
    if phase.at_most is not None:
        return phase.at_most
    speed = campaign.speed_of(scenario)
    resolving = (phase.until or "").endswith("resolved")
    longest = 0.0
    for name in awaited_alerts(scenario, phase):
        facts = production.alert(name, campaign.contract.budgets.delivery)
        if facts is None:
            continue
        timing = facts.timing
        fault = FaultTiming(crossing_s=timing.range_s)
        bound = resolve_bounds(timing) if resolving else fire_bounds(timing, fault)
        longest = max(longest, bound.latest.production_s(speed))
    return longest + _MARGIN_S + _MARGIN_WALL_S * speed
