"""Alerts plane of a story: an alert pends, fires, pages the right people, renders, and resolves in time.

The promises of one alert form a chain. The first that is broken is violated and names the missing hop;
those behind it are inconclusive because of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from harness.artefacts.bounds import resolve_bounds
from harness.clauses import alert_pages as pages
from harness.clauses.alert_story import AlertStory, fire_window, judge_fires, judge_pends
from harness.clauses.model import Clause, Need
from harness.clauses.production import AlertFacts, Production, clock_of
from harness.clauses.timeline import episode_of, trigger_phase
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectAlert
from harness.contract.files import Phase
from harness.core.errors import ConfigError, Location

__all__ = ["compile_alert_chain", "story_of"]


def story_of(
    campaign: Campaign, production: Production, scenario: Scenario, alert: str, item: Expected | None
) -> AlertStory:
    """Facts of ``alert`` in ``scenario``; raises ``ConfigError`` where rules or routes lack it."""
    source = item.source if item else _waiting(scenario, alert)
    rule = item.rule if item else ExpectAlert()
    assert isinstance(rule, ExpectAlert)
    facts = production.alert(alert, campaign.contract.budgets.delivery)
    if facts is None:
        known = ", ".join(production.alert_names) or "none"
        raise ConfigError(f"no rule file defines the alert {alert}", location=source, remedy=f"defined: {known}")
    phase = trigger_phase(scenario, alert)
    if phase is None:
        raise ConfigError(
            f"no phase makes {alert} fire", location=source, remedy="give a phase a fault, or until: ALERT paged"
        )
    declared = campaign.contract.alerts.get(alert)
    receiver = rule.pages or (declared.reaches if declared else None) or facts.receiver
    yields_to = declared.yields_to if declared else None
    inhibitor = production.alert(yields_to, campaign.contract.budgets.delivery) if yields_to else None
    as_run = _as_run(campaign, production, scenario, facts)
    return AlertStory(
        cell=scenario.name,
        alert=alert,
        phase=phase.name,
        facts=facts,
        receiver=receiver,
        rule=rule,
        source=source,
        as_run=as_run,
        inhibitor=inhibitor,
        injects=_injected(scenario, phase),
        episode=episode_of(scenario, phase),
    )


def _injected(scenario: Scenario, phase: Phase) -> tuple[str, ...]:
    """Faults that begin with ``phase``: one that goes on with the same value is not injected anew."""
    index = scenario.phases.index(phase)
    before = scenario.phases[index - 1].fault if index else {}
    return tuple(name for name, value in phase.fault.items() if before.get(name) != value)


def _waiting(scenario: Scenario, alert: str) -> Location:
    waits = [(phase.until or "").split()[:1] == [alert] for phase in scenario.phases]
    return scenario.place("phases", waits.index(True), "until") if True in waits else scenario.place("phases")


def _as_run(campaign: Campaign, production: Production, scenario: Scenario, facts: AlertFacts) -> tuple[str, ...]:
    speed = campaign.speed_of(scenario)
    if speed == 1 or production.prometheus is None:
        return ()
    query = facts.rule.query
    scaled = clock_of(campaign, production, speed).expression(query, production.prometheus.scrapes_of(query.selectors))
    changes = (f"{change.before} → {change.after}" for change in scaled.changes)
    return (f"as run at speed {speed:g}: {scaled.text.strip()} ({'; '.join(changes)})",)


_BASE = (Need("rules"), Need("series", "ALERTS"), Need("faults"), Need("ledger"))


def compile_alert_chain(production: Production, story: AlertStory) -> Iterator[Clause]:
    """The chain of promises of one alert in one story."""
    facts, name = story.facts, story.alert
    clause = partial(Clause, scope=story.cell, plane="alerts", name=name, source=story.source, cells=(story.cell,))
    left = facts.rule.query.comparison
    query = (Need("query", left.left),) if left else ()
    window = fire_window(facts.timing)
    if facts.timing.for_s:
        yield clause(
            promise="pends",
            statement=f"{name} becomes pending: {facts.rule.expression.strip()}",
            needs=_BASE + query,
            judge=partial(judge_pends, story),
        )
    yield clause(
        promise="fires",
        statement=f"{name} fires; {window}",
        needs=_BASE + query,
        judge=partial(judge_fires, story),
    )
    if production.alertmanager is None:
        return
    paged = (*_BASE, Need("pages"), Need("alerts"))
    yield clause(
        promise="pages",
        statement=f"{name} pages {story.receiver} by {', '.join(facts.integrations) or 'nothing'}",
        needs=paged,
        judge=partial(pages.judge_pages, story),
    )
    yield clause(
        promise="pages_once",
        statement=f"{name} pages once for one problem, also while it recovers, and nobody but {story.receiver}",
        needs=paged,
        judge=partial(pages.judge_pages_once, story),
    )
    yield clause(
        promise="renders",
        statement=f"notices of {name} hold no unrendered or empty field",
        needs=paged,
        judge=partial(pages.judge_renders, story),
    )
    if story.rule.before:
        yield clause(
            promise=f"before_{story.rule.before}",
            statement=f"{name} pages before {story.rule.before}",
            needs=paged,
            judge=partial(pages.judge_before, story, story.rule.before),
        )
    if story.rule.inhibits:
        yield clause(
            promise=f"inhibits_{story.rule.inhibits}",
            statement=f"while {name} fires, {story.rule.inhibits} is inhibited",
            needs=paged,
            judge=partial(pages.judge_inhibits, story, story.rule.inhibits),
        )
    if story.rule.resolves:
        yield clause(
            promise="resolves",
            statement=f"{name} resolves and {story.receiver} is told; {resolve_bounds(facts.timing).latest}",
            needs=paged,
            judge=partial(pages.judge_resolves, story),
        )
