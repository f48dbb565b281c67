"""How long a phase may take at most: its length, or the latest instants of what it waits for."""

from __future__ import annotations

from collections.abc import Iterator

from harness.artefacts.bounds import Bound, FaultTiming, Term, fire_bounds, resolve_bounds, yielding_bound
from harness.clauses.hops import is_integration
from harness.clauses.monitoring import cuts_in, notice_bounds
from harness.clauses.production import AlertFacts, Production
from harness.clauses.until import awaited_alerts, awaited_hops
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.files import Phase

__all__ = ["expected_story_s", "phase_bound_s", "story_bound_s"]

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
    longest = max((bound.production_s(speed) for bound in _latest(campaign, production, scenario, phase)), default=0.0)
    return longest + _MARGIN_S + _MARGIN_WALL_S * speed


def expected_story_s(
    campaign: Campaign, production: Production, scenario: Scenario, phase: Phase | None = None
) -> float:
    """Production seconds that the story, or one ``phase`` of it, takes where nothing comes late.

    What is waited for comes within its window: without the wall terms that leave room for a slow delivery.
    """
    if phase is None:
        return sum(expected_story_s(campaign, production, scenario, each) for each in scenario.phases)
    if phase.lasts is not None:
        return phase.lasts
    found = (bound.production_s(0.0) for bound in _latest(campaign, production, scenario, phase))
    return min(max(found, default=0.0), phase.at_most or float("inf"))


def _latest(campaign: Campaign, production: Production, scenario: Scenario, phase: Phase) -> Iterator[Bound]:
    """Latest instants of everything that ``phase`` waits for."""
    resolving = (phase.until or "").endswith("resolved")
    for name in awaited_alerts(scenario, phase):
        facts = production.alert(name, campaign.contract.budgets.delivery)
        if facts is not None:
            fault = FaultTiming(crossing_s=facts.timing.range_s)
            yield from (
                _recovery(campaign, production, facts) if resolving else (fire_bounds(facts.timing, fault).latest,)
            )
    yield from _of_hops(campaign, production, scenario, phase)


def _recovery(campaign: Campaign, production: Production, facts: AlertFacts) -> Iterator[Bound]:
    """Until the alert's end is told, counted from the last request from before healing: it may be under way still."""
    longest_s = max((kind.timeout for kind in campaign.profile.requests.values()), default=0.0)
    under_way = Term("requests under way", longest_s, "wall")
    yield Bound((under_way, *resolve_bounds(facts.timing).latest.terms))
    declared = campaign.contract.alerts.get(facts.rule.name)
    for name in declared.inhibitors if declared else ():
        other = production.alert(name, campaign.contract.budgets.delivery)
        if other is not None:
            held_back = yielding_bound(facts.timing, other.timing, name, production.resend_s(facts))
            yield Bound((under_way, *held_back.terms))


def _of_hops(campaign: Campaign, production: Production, scenario: Scenario, phase: Phase) -> Iterator[Bound]:
    """Latest instants of what a phase waits for that cuts the monitoring, or mends it.

    A refusal is seen when an alert is to be told, so that first one of those must fire that may fire.
    """
    cut = cuts_in(campaign, scenario)
    for name in awaited_hops(scenario, phase):
        if name in cut:
            notice, recovery = notice_bounds(campaign, production, scenario, name, cut[name])
            first = _first_page(campaign, production, scenario) if is_integration(name) else ()
            yield Bound((*first, *notice.terms)) if phase.until == "noticed" else recovery


def _first_page(campaign: Campaign, production: Production, scenario: Scenario) -> tuple[Term, ...]:
    found = (production.alert(name, campaign.contract.budgets.delivery) for name in scenario.spec.may_fire)
    bounds = [
        fire_bounds(facts.timing, FaultTiming(crossing_s=facts.timing.range_s)).latest for facts in found if facts
    ]
    return max(bounds, key=lambda bound: bound.production_s(campaign.speed_of(scenario))).terms if bounds else ()
