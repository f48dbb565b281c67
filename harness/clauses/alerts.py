"""Alerts plane of a story: an alert pends, fires, pages the right people, renders, and resolves in time.

The promises of one alert form a chain. The first that is broken is violated and names the missing hop;
those behind it are inconclusive because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from harness.artefacts.bounds import resolve_bounds
from harness.clauses import alert_pages as pages
from harness.clauses.alert_story import AlertStory, fire_window, judge_fires, judge_pends
from harness.clauses.model import Clause, Judgement, Need
from harness.clauses.monitoring import cuts_in
from harness.clauses.production import AlertFacts, Production, clock_of
from harness.clauses.timeline import episode_of, trigger_phase
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectAlert
from harness.contract.files import Phase
from harness.core.errors import ConfigError, Location
from harness.evidence.store import Evidence

__all__ = ["compile_alert_chain", "story_of"]


def story_of(
    campaign: Campaign, production: Production, scenario: Scenario, alert: str, item: Expected | None
) -> AlertStory:
    """Facts of ``alert`` in ``scenario``; raises ``ConfigError`` where rules or routes lack it."""
    source = item.source if item else _waiting(scenario, alert)
    rule = item.rule if item else ExpectAlert()
    assert isinstance(rule, ExpectAlert)
    declared = campaign.contract.alerts.get(alert)
    meant = rule.pages or (declared.reaches if declared else None)
    facts = production.alert(alert, campaign.contract.budgets.delivery, meant)
    if facts is None:
        known = ", ".join(production.alert_names) or "none"
        raise ConfigError(f"no rule file defines the alert {alert}", location=source, remedy=f"defined: {known}")
    if meant is None and facts.ways:
        told = "; ".join(f"{', '.join(names)} with {values}" for values, names in facts.ways.items())
        remedy = f"say pages: RECEIVER here, or reaches: in the contract; it reaches {told}"
        raise ConfigError(f"whom {alert} reaches depends on a template", location=source, remedy=remedy)
    phase = trigger_phase(scenario, alert)
    if phase is None:
        raise ConfigError(
            f"no phase makes {alert} fire", location=source, remedy="give a phase a fault, or until: ALERT paged"
        )
    inhibitor = _inhibitor(campaign, production, declared.inhibitors if declared else ())
    as_run = _as_run(campaign, production, scenario, facts)
    return AlertStory(
        cell=scenario.name,
        alert=alert,
        phase=phase.name,
        facts=facts,
        receiver=meant or facts.receiver,
        listeners=declared.listeners if declared else (),
        rule=rule,
        source=source,
        as_run=as_run,
        inhibitor=inhibitor,
        resend_s=production.resend_s(facts),
        injects=_injected(campaign, scenario, phase, alert),
        episode=episode_of(scenario, phase),
    )


def _inhibitor(campaign: Campaign, production: Production, names: Sequence[str]) -> AlertFacts | None:
    """Of the alerts that inhibit, the one that may do so for longest."""
    delivery_s = campaign.contract.budgets.delivery
    known = [facts for name in names if (facts := production.alert(name, delivery_s))]
    return max(known, key=lambda facts: resolve_bounds(facts.timing).latest.production_s(1), default=None)


def _injected(campaign: Campaign, scenario: Scenario, phase: Phase, alert: str) -> tuple[str, ...]:
    """Faults that begin with ``phase``: one that goes on with the same value is not injected anew.

    For an alert that is to notice what the phase cuts, the cuts alone.
    """
    index = scenario.phases.index(phase)
    before = scenario.phases[index - 1].disturbances if index else {}
    begun = tuple(name for name, value in phase.disturbances.items() if before.get(name) != value)
    noticed = {f"cut {name}" for name, hop in cuts_in(campaign, scenario).items() if hop.noticed_by == alert}
    return tuple(name for name in begun if name in noticed) or begun


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
    left = story.facts.rule.query.comparison
    recorded = tuple(Need("query", name) for name in dict.fromkeys(each.rule.name for each in story.facts.recordings))
    needs = (*_BASE, *recorded, *((Need("query", left.left),) if left else ()))
    for promise, statement, judge in _firing(story):
        yield _clause(story, promise, statement, needs, judge)
    if production.alertmanager is None:
        return
    paged = (*_BASE, Need("pages"), Need("alerts"))
    for promise, statement, judge in (*_paging(story), *_relations(story)):
        yield _clause(story, promise, statement, paged, judge)


Link = tuple[str, str, Callable[[AlertStory, Evidence], Judgement]]
"""A promise of the chain, its words and its judge."""


def _clause(
    story: AlertStory,
    promise: str,
    statement: str,
    needs: tuple[Need, ...],
    judge: Callable[[AlertStory, Evidence], Judgement],
) -> Clause:
    cell = story.cell
    return Clause(cell, "alerts", story.alert, promise, story.source, statement, needs, partial(judge, story), (cell,))


def _firing(story: AlertStory) -> Iterator[Link]:
    facts, name = story.facts, story.alert
    if facts.timing.for_s:
        yield "pends", f"{name} becomes pending: {facts.rule.expression.strip()}", judge_pends
    yield "fires", f"{name} fires; {fire_window(facts.timing)}", judge_fires


def _paging(story: AlertStory) -> Iterator[Link]:
    name, receiver = story.alert, story.receiver
    means = ", ".join(story.facts.integrations) or "nothing"
    all_told = " and ".join((receiver, *story.listeners))
    once = f"{name} pages once for one problem, also while it recovers, and nobody but {all_told}"
    yield "pages", f"{name} pages {receiver} by {means}", pages.judge_pages
    yield "pages_once", once, pages.judge_pages_once
    if story.listeners:
        yield "also_told", f"{', '.join(story.listeners)} is told of {name} as well", pages.judge_also_told
    yield "renders", f"notices of {name} hold no unrendered or empty field", pages.judge_renders


def _relations(story: AlertStory) -> Iterator[Link]:
    name, before, inhibits = story.alert, story.rule.before, story.rule.inhibits
    if before:
        yield f"before_{before}", f"{name} pages before {before}", partial(_judge_before, before)
    if inhibits:
        statement = f"while {name} fires, {inhibits} is inhibited"
        yield f"inhibits_{inhibits}", statement, partial(_judge_inhibits, inhibits)
    if story.rule.resolves:
        latest = resolve_bounds(story.facts.timing).latest
        yield "resolves", f"{name} resolves and {story.receiver} is told; {latest}", pages.judge_resolves


def _judge_before(other: str, story: AlertStory, evidence: Evidence) -> Judgement:
    return pages.judge_before(story, other, evidence)


def _judge_inhibits(other: str, story: AlertStory, evidence: Evidence) -> Judgement:
    return pages.judge_inhibits(story, other, evidence)
