"""All clauses of a campaign, in the order in which they are reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from harness.clauses.alert_conduct import compile_conduct, compile_others, compile_quiet
from harness.clauses.alert_places import compile_places
from harness.clauses.alerts import compile_alert_chain, story_of
from harness.clauses.bodies import compile_bodies
from harness.clauses.canary import compile_canaries
from harness.clauses.coverage import compile_coverage
from harness.clauses.dashboards import compile_dashboards
from harness.clauses.endpoints import compile_endpoints, compile_health_expectation
from harness.clauses.health_checks import compile_checks, compile_proof
from harness.clauses.health_story import compile_one_story
from harness.clauses.helper_links import check_helper_links
from harness.clauses.hops import check_cuts
from harness.clauses.load import compile_load_expectation
from harness.clauses.log_expectations import compile_log_expectation
from harness.clauses.logs import compile_log_arrival, compile_logs
from harness.clauses.metrics import compile_metrics
from harness.clauses.model import Clause
from harness.clauses.monitoring import compile_monitoring, noticing
from harness.clauses.naming import check_names, check_story_names
from harness.clauses.production import Production, read_production
from harness.clauses.readings import compile_metric_expectation
from harness.clauses.scrape_answers import compile_scrape_answers
from harness.clauses.series_growth import compile_series_expectation
from harness.clauses.subject import compile_subject
from harness.clauses.thresholds import compile_thresholds
from harness.clauses.unscaled import check_unscaled, without_unscaled
from harness.clauses.until import awaited, until_alerts
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.core.errors import ConfigError
from harness.core.source import nearest

__all__ = ["compile_campaign"]

_STEPS: Final = 3
"""Of an id behind its scope."""


def compile_campaign(campaign: Campaign) -> tuple[Clause, ...]:
    """Every clause that the contract and the scenarios promise; raises ``ConfigError`` for what cannot be."""
    production = read_production(campaign)
    check_names(campaign, production)
    for scenario in campaign.scenarios:
        check_story_names(campaign, production, scenario)
        check_cuts(campaign, production, scenario)
        check_helper_links(campaign, scenario)
        _check_may_fire(campaign, production, scenario)
        check_unscaled(campaign, production, scenario)
    clauses = [clause for scenario in campaign.scenarios for clause in _story(campaign, production, scenario)]
    clauses += compile_dashboards(campaign, production)
    clauses += compile_coverage(campaign, production)
    clauses += compile_conduct(campaign, production)
    clauses += compile_monitoring(campaign, production)
    clauses += compile_places(campaign, clauses)
    clauses += compile_metrics(campaign)
    clauses += compile_scrape_answers(campaign, production)
    clauses += compile_logs(campaign)
    clauses += compile_endpoints(campaign)
    clauses += compile_bodies(campaign)
    clauses += compile_checks(campaign)
    clauses += compile_canaries(campaign)
    clauses = without_unscaled(campaign, production, clauses)
    _check_unique(clauses)
    _check_waivers(campaign, clauses)
    for scenario in campaign.scenarios:
        for phase in scenario.phases:
            awaited(scenario, phase, clauses)
    return tuple(clauses)


def _check_may_fire(campaign: Campaign, production: Production, scenario: Scenario) -> None:
    """A story may allow any alert of production's rules, whether the contract speaks of it or not."""
    known = dict.fromkeys([*campaign.contract.alerts, *production.alert_names])
    for index, name in enumerate(scenario.spec.may_fire):
        if name not in known:
            raise ConfigError(
                f"neither production's rules nor the contract have the alert {name!r}",
                location=scenario.place("may_fire", index),
                remedy=nearest(name, known) or f"known: {', '.join(known) or 'none'}",
            )


def _story(campaign: Campaign, production: Production, scenario: Scenario) -> Iterator[Clause]:
    yield from compile_subject(campaign, scenario)
    yield from _alerts(campaign, production, scenario)
    for item in scenario.expectations:
        yield from _expectation(campaign, scenario, item)
    yield from compile_log_arrival(campaign, scenario, production)
    yield from compile_one_story(campaign, scenario, production)
    yield from compile_thresholds(campaign, production, scenario)


def _alerts(campaign: Campaign, production: Production, scenario: Scenario) -> Iterator[Clause]:
    if production.prometheus is None:
        _check_no_alerts(campaign, scenario)
        return
    expected: dict[str, Expected | None] = dict.fromkeys(until_alerts(scenario))
    expected |= {item.about: item for item in scenario.expectations if item.subject == "alert"}
    for name, item in expected.items():
        story = story_of(campaign, production, scenario, name, item)
        if production.alertmanager is None and (story.rule.pages or story.rule.before or story.rule.inhibits):
            raise ConfigError(
                f"{name} is expected to page, but the contract names no alertmanager artefact",
                location=story.source,
                remedy="add artefacts: {alertmanager: …} to the contract",
            )
        yield from compile_alert_chain(production, story)
    if production.alertmanager is not None:
        yield from compile_others(campaign, scenario, frozenset(expected) | noticing(campaign, scenario))
    yield from compile_quiet(campaign, production, scenario)


def _check_no_alerts(campaign: Campaign, scenario: Scenario) -> None:
    """What is promised of alerts without a Prometheus to keep it would pass unseen."""
    expected = [item.source for item in scenario.expectations if item.subject == "alert"]
    declared = [campaign.promise("alerts")] if campaign.contract.alerts else []
    quiet = [scenario.place("quiet", key=True)] if scenario.spec.quiet else []
    for place in (*expected, *quiet, *declared):
        raise ConfigError(
            "alerts are promised, but the contract names no prometheus artefact",
            location=place,
            remedy="add artefacts: {prometheus: …} to the contract",
        )


def _expectation(campaign: Campaign, scenario: Scenario, item: Expected) -> Iterator[Clause]:
    if item.subject == "log":
        yield from compile_log_expectation(campaign, scenario, item)
    elif item.subject == "metric":
        yield from compile_metric_expectation(campaign, scenario, item)
    elif item.subject == "health":
        compile_one = compile_proof if getattr(item.rule, "proves", None) else compile_health_expectation
        yield compile_one(campaign, scenario, item)
    elif item.subject == "series":
        yield from compile_series_expectation(campaign, scenario, item)
    elif item.subject == "load":
        yield from compile_load_expectation(scenario, item)


def _check_waivers(campaign: Campaign, clauses: list[Clause]) -> None:
    """A waiver for a clause that does not exist waives nothing; those of stories not loaded now are left alone."""
    ids = {clause.id for clause in clauses}
    scopes = {clause.scope for clause in clauses}
    for index, waiver in enumerate(campaign.waivers):
        scope, *steps = waiver.clause.split("::")
        if waiver.clause not in ids and (scope in scopes or len(steps) < _STEPS):
            raise ConfigError(
                f"there is no clause {waiver.clause!r} to waive",
                location=campaign.source.document.locate(("waivers", index, "clause")),
                remedy=nearest(waiver.clause, ids) or "remove the waiver",
            )


def _check_unique(clauses: list[Clause]) -> None:
    counts = Counter(clause.id for clause in clauses)
    for clause in clauses:
        if counts[clause.id] > 1:
            raise ConfigError(
                f"two clauses have the id {clause.id}",
                location=clause.source,
                remedy="remove one of the two expectations, or make them differ",
            )
