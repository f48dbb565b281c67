"""What a campaign can show live: an alert whose windows outlast every story is only armed there."""

from __future__ import annotations

from harness.artefacts.bounds import FaultTiming, fire_bounds
from harness.clauses.alert_places import expects_alert
from harness.clauses.production import AlertFacts
from harness.contract import Campaign
from harness.core.units import format_duration

__all__ = ["only_armed"]

_PATIENCE_S = 60.0
"""Wall seconds that a story may wait for one alert, where the campaign names no budget."""


def only_armed(campaign: Campaign, facts: AlertFacts) -> str:
    """Why no story need make the alert fire, in words for its verdict; nothing where one does or could."""
    name = facts.rule.name
    if any(expects_alert(campaign, scenario, name) for scenario in campaign.scenarios):
        return ""
    bound = fire_bounds(facts.timing, FaultTiming(crossing_s=facts.timing.range_s)).latest
    wall_s, budget_s = bound.wall_s(campaign.speed), campaign.spec.budget or _PATIENCE_S
    if wall_s <= budget_s:
        return ""
    return (
        f"live it is only armed, and its firing is proved in virtual time by harness test: it may take "
        f"{format_duration(bound.production_s(campaign.speed))}, which at speed {campaign.speed:g} are "
        f"{format_duration(wall_s)} of wall time, and a story has {format_duration(budget_s)}"
    )
