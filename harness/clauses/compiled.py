"""All clauses of a campaign, in the order in which they are reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.clauses.alert_conduct import compile_conduct, compile_others, compile_quiet
from harness.clauses.alerts import compile_alert_chain, story_of
from harness.clauses.endpoints import compile_endpoints, compile_health_expectation
from harness.clauses.load import compile_load_expectation
from harness.clauses.logs import compile_log_arrival, compile_log_expectation, compile_logs
from harness.clauses.metrics import compile_metrics
from harness.clauses.model import Clause
from harness.clauses.production import Production, read_production
from harness.clauses.readings import compile_metric_expectation
from harness.clauses.subject import compile_subject
from harness.clauses.until import awaited, until_alerts
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.core.errors import ConfigError

__all__ = ["compile_campaign"]


def compile_campaign(campaign: Campaign) -> tuple[Clause, ...]:
    """Every clause that the contract and the scenarios promise; raises ``ConfigError`` for what cannot be."""
    production = read_production(campaign)
    clauses = [clause for scenario in campaign.scenarios for clause in _story(campaign, production, scenario)]
    clauses += compile_conduct(campaign, production)
    clauses += compile_metrics(campaign)
    clauses += compile_logs(campaign)
    clauses += compile_endpoints(campaign)
    _check_unique(clauses)
    for scenario in campaign.scenarios:
        for phase in scenario.phases:
            awaited(scenario, phase, clauses)
    return tuple(clauses)


def _story(campaign: Campaign, production: Production, scenario: Scenario) -> Iterator[Clause]:
    yield from compile_subject(campaign, scenario)
    yield from _alerts(campaign, production, scenario)
    for item in scenario.expectations:
        yield from _expectation(campaign, scenario, item)
    yield from compile_log_arrival(campaign, scenario)


def _alerts(campaign: Campaign, production: Production, scenario: Scenario) -> Iterator[Clause]:
    if production.prometheus is None:
        return
    expected: dict[str, Expected | None] = dict.fromkeys(until_alerts(scenario))
    expected |= {item.about: item for item in scenario.expectations if item.subject == "alert"}
    for name, item in expected.items():
        yield from compile_alert_chain(production, story_of(campaign, production, scenario, name, item))
    if production.alertmanager is not None:
        yield from compile_others(campaign, scenario, frozenset(expected))
    yield from compile_quiet(campaign, production, scenario)


def _expectation(campaign: Campaign, scenario: Scenario, item: Expected) -> Iterator[Clause]:
    if item.subject == "log":
        yield from compile_log_expectation(campaign, scenario, item)
    elif item.subject == "metric":
        yield from compile_metric_expectation(scenario, item)
    elif item.subject == "health":
        yield compile_health_expectation(campaign, scenario, item)
    elif item.subject == "load":
        yield from compile_load_expectation(scenario, item)


def _check_unique(clauses: list[Clause]) -> None:
    counts = Counter(clause.id for clause in clauses)
    for clause in clauses:
        if counts[clause.id] > 1:
            raise ConfigError(
                f"two clauses have the id {clause.id}",
                location=clause.source,
                remedy="remove one of the two expectations, or make them differ",
            )
