"""Monitoring plane: when a hop of the monitoring is dead, somebody notices, by a way that does not lead through it.

A hop that the contract names is cut by the story that it names; its promises are told from that story's evidence. A
hop that exists in the artefacts and that the contract does not name is violated: nobody notices its death.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePath

from harness.artefacts.bounds import Bound, Term
from harness.clauses.hop_bounds import heard_bound, resolved_bound, silent_bound, told_bound
from harness.clauses.hops import hops_of, passes_through, way_of
from harness.clauses.model import Clause, Judgement, Need, inconclusive, violated
from harness.clauses.monitoring_judges import HopStory, judge_noticed, judge_recovers
from harness.clauses.production import AlertFacts, Production
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.planes import Hop
from harness.core.errors import ConfigError, Location
from harness.core.source import nearest
from harness.evidence.records import CAMPAIGN
from harness.evidence.store import Evidence

__all__ = ["compile_monitoring", "cuts_in", "notice_bounds", "noticing"]

_NEEDS = (Need("faults"), Need("pages"), Need("rules"), Need("alerts"), Need("series", "ALERTS"))


def compile_monitoring(campaign: Campaign, production: Production) -> Iterator[Clause]:
    """The clauses of every hop, where the contract has a monitoring plane."""
    plane = campaign.contract.monitoring
    if plane is None:
        return
    hops = hops_of(campaign, production)
    for name in plane.hops:
        if name not in hops:
            remedy = nearest(name, hops) or f"known: {', '.join(hops) or 'none'}"
            source = campaign.promise("monitoring", "hops", name)
            raise ConfigError(f"production has no hop {name!r}", location=source, remedy=remedy)
    for name in hops:
        if name not in plane.hops:
            yield _unnoticed(campaign, name)
    for name, hop in plane.hops.items():
        for story in hop.stories:
            yield from _hop(campaign, production, name, hop, story)


def _unnoticed(campaign: Campaign, name: str) -> Clause:
    verdict = violated(
        "nobody notices",
        f"remedy: name {name} under monitoring.hops, with the alert that notices and a story that cuts",
    )
    statement = f"somebody notices when {name} is dead"
    return _clause(CAMPAIGN, name, "noticed", campaign.promise("monitoring"), statement, (), verdict)


def _clause(
    scope: str, hop: str, promise: str, source: Location, statement: str, needs: tuple[Need, ...], verdict: Judgement
) -> Clause:
    def judge(_evidence: Evidence) -> Judgement:
        return verdict

    return Clause(scope, "monitoring", hop, promise, source, statement, needs, judge, ())


def _hop(campaign: Campaign, production: Production, name: str, hop: Hop, cut_in: str) -> Iterator[Clause]:
    source = campaign.promise("monitoring", "hops", name)
    scenario = next((each for each in campaign.scenarios if each.name == cut_in), None)
    if scenario is None:
        if _is_due(campaign, cut_in):
            verdict = inconclusive(f"the campaign has no story {cut_in}, which is to cut {name}")
            yield _clause(CAMPAIGN, name, "noticed", source, f"somebody notices when {name} is dead", (), verdict)
        return
    story = _story(campaign, production, scenario, name, hop)
    cell = (scenario.name,)
    clause = partial(
        Clause, scope=scenario.name, plane="monitoring", name=name, source=source, needs=_needs(story), cells=cell
    )
    by = f"the silence of {story.alert}" if story.always else story.alert
    yield clause(
        promise="noticed",
        statement=f"{name} {story.manner} is noticed by {by}; latest: {story.notice}",
        judge=partial(judge_noticed, story),
    )
    ends = f"{story.alert} is heard again" if story.always else f"the end of {story.alert} is told"
    yield clause(
        promise="recovers",
        statement=f"once {name} is alive again, {ends}; latest: {story.recovery}",
        judge=partial(judge_recovers, story),
    )


def _needs(story: HopStory) -> tuple[Need, ...]:
    comparison = None if story.always else story.facts.rule.query.comparison
    return (*_NEEDS, Need("query", comparison.left)) if comparison else _NEEDS


def _is_due(campaign: Campaign, story: str) -> bool:
    """Whether this campaign cuts hops at all, and lists every story but this one."""
    plane = campaign.contract.monitoring
    listed = {PurePath(path).stem for path in campaign.spec.scenarios} or {each.name for each in campaign.scenarios}
    cutting = {story for hop in plane.hops.values() for story in hop.stories} if plane else set()
    return story not in listed and bool(cutting & listed)


def _story(campaign: Campaign, production: Production, scenario: Scenario, name: str, hop: Hop) -> HopStory:
    if not any(name in phase.cut for phase in scenario.phases):
        where = campaign.promise("monitoring", "hops", name)
        raise ConfigError(
            f"the story {scenario.name} does not cut {name}",
            location=where,
            remedy=f"give a phase of {scenario.source.shown} cut: {{{name}: …}}",
        )
    facts = production.alert(hop.noticed_by, campaign.contract.budgets.delivery)
    assert facts is not None  # the conduct of every declared alert is compiled first
    always, manner = campaign.contract.alerts[hop.noticed_by].always, _manner(scenario, name)
    notice, recovery = notice_bounds(campaign, production, scenario, name, hop)
    return HopStory(
        cell=scenario.name,
        hop=name,
        manner=manner,
        alert=hop.noticed_by,
        always=always,
        facts=facts,
        phases=tuple(phase.name for phase in scenario.phases if name in phase.cut),
        notice=notice,
        recovery=recovery,
        doubts=tuple(_doubts(facts, name, manner, always=always)),
    )


def notice_bounds(
    campaign: Campaign, production: Production, scenario: Scenario, name: str, hop: Hop
) -> tuple[Bound, Bound]:
    """When the death of a hop that the story cuts must be noticed at the latest, and when its return."""
    speed, manner = campaign.speed_of(scenario), _manner(scenario, name)
    facts = production.alert(hop.noticed_by, campaign.contract.budgets.delivery)
    assert facts is not None
    if campaign.contract.alerts[hop.noticed_by].always:
        notice, recovery = silent_bound(production, facts, name, manner), heard_bound(production, facts, name)
    else:
        notice, recovery = told_bound(facts, name), resolved_bound(facts, name)
    limit = None if hop.within is None else Bound((Term("that the contract allows", hop.within),))
    if limit and limit.production_s(speed) < notice.production_s(speed):
        return limit, recovery
    return notice, recovery


def _manner(scenario: Scenario, hop: str) -> str:
    return next(phase.cut[hop] for phase in scenario.phases if hop in phase.cut)


def _doubts(facts: AlertFacts, hop: str, manner: str, *, always: bool) -> Iterator[str]:
    """Why the alert cannot notice, as far as the files alone tell."""
    name, way = facts.rule.name, " → ".join(way_of(facts))
    passes = passes_through(facts, hop, manner)
    if passes and not always:
        yield f"{name} is told through the dead hop itself: {way}"
    if always and not passes:
        yield f"{name} does not pass through {hop}: {way}"
    if not facts.integrations:
        yield f"the receiver {facts.receiver or 'of it'} has no integration"


def cuts_in(campaign: Campaign, scenario: Scenario) -> dict[str, Hop]:
    """The hops that a story cuts and that the contract names, with who is to notice."""
    plane = campaign.contract.monitoring
    cut = {hop for phase in scenario.phases for hop in phase.cut}
    return {name: hop for name, hop in plane.hops.items() if name in cut} if plane else {}


def noticing(campaign: Campaign, scenario: Scenario) -> frozenset[str]:
    """Alerts that are to notice what the story cuts, watchdogs included."""
    return frozenset(hop.noticed_by for hop in cuts_in(campaign, scenario).values())
