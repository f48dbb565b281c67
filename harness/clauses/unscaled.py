"""Alerts whose rules a cell cannot run at its speed: what is promised of them live is not applicable, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.clauses.alert_places import expects_alert
from harness.clauses.model import Clause
from harness.clauses.production import Production, clock_of
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError

__all__ = ["check_unscaled", "unscaled_notes", "without_unscaled"]

_REMEDY = "give the story speed: 1, or leave the proof to virtual time (harness test)"


def unscaled_notes(campaign: Campaign, production: Production) -> tuple[str, ...]:
    """Every rule, recording rules included, that some story leaves out, in words."""
    speeds = dict.fromkeys(campaign.speed_of(scenario) for scenario in campaign.scenarios)
    found = (each for speed in speeds for each in production.left_out(clock_of(campaign, production, speed)))
    return tuple(f"{each}; harness test runs it in virtual time" for each in dict.fromkeys(map(str, found)))


def _unscaled_alerts(campaign: Campaign, production: Production, speed: float) -> Mapping[str, str]:
    """By alert, why its rule is left out of a cell at ``speed``."""
    found = production.left_out(clock_of(campaign, production, speed))
    return {each.rule.name: str(each) for each in found if each.rule.is_alert}


def without_unscaled(campaign: Campaign, production: Production, clauses: Sequence[Clause]) -> list[Clause]:
    """``clauses``, with those not applicable that are about an alert which one of their cells leaves out."""
    lost = {
        scenario.name: _unscaled_alerts(campaign, production, campaign.speed_of(scenario))
        for scenario in campaign.scenarios
    }
    return [_marked(clause, lost) for clause in clauses]


def check_unscaled(campaign: Campaign, production: Production, scenario: Scenario) -> None:
    """Raise ``ConfigError`` for a story that is to make an alert fire which its cell leaves out."""
    for name, why in _unscaled_alerts(campaign, production, campaign.speed_of(scenario)).items():
        if expects_alert(campaign, scenario, name):
            source = next(
                (item.source for item in scenario.expectations if item.about == name), scenario.place("phases")
            )
            raise ConfigError(f"the story is to make {name} fire, and {why}", location=source, remedy=_REMEDY)


def _marked(clause: Clause, lost: Mapping[str, Mapping[str, str]]) -> Clause:
    if clause.plane != "alerts" or not clause.needs:
        return clause
    why = next((found[clause.name] for cell in clause.cells if clause.name in (found := lost.get(cell, {}))), "")
    return replace(clause, not_applicable=why) if why and not clause.not_applicable else clause
