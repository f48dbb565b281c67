"""Promises about all alerts of a story or campaign: rules armed, watchdogs always on, nobody else paged, quiet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from harness.artefacts.bounds import FaultTiming, fire_bounds
from harness.clauses.alert_places import expects_alert
from harness.clauses.bounds import story_bound_s
from harness.clauses.cutting import cut_stretches
from harness.clauses.hops import passes_through
from harness.clauses.live import only_armed
from harness.clauses.model import Clause, Judgement, Need, held, still_open, violated
from harness.clauses.production import AlertFacts, Production
from harness.clauses.timeline import alert_instants, mentions, notices
from harness.clauses.watchdog import MISSED_REPEATS, silence_s
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.files import Phase
from harness.core.errors import ConfigError
from harness.core.units import format_duration
from harness.evidence.records import CAMPAIGN, Notification, RuleState, Unmet
from harness.evidence.store import Evidence

__all__ = ["compile_conduct", "compile_others", "compile_quiet"]

_RULES = (Need("rules"), Need("series", "ALERTS"))
_PAGES = (*_RULES, Need("pages"), Need("alerts"))


def compile_conduct(campaign: Campaign, production: Production) -> Iterator[Clause]:
    """Campaign clauses: every declared alert is armed, and those that are always on never fall silent."""
    cells = tuple(scenario.name for scenario in campaign.scenarios)
    if production.prometheus is None:
        return
    for name, alert in campaign.contract.alerts.items():
        source = campaign.promise("alerts", name)
        facts = production.alert(name, campaign.contract.budgets.delivery, alert.reaches)
        if facts is None:
            known = ", ".join(production.alert_names) or "none"
            raise ConfigError(f"no rule file defines the alert {name}", location=source, remedy=f"defined: {known}")
        clause = partial(Clause, scope=CAMPAIGN, plane="alerts", name=name, source=source, cells=cells)
        beyond = only_armed(campaign, facts)
        armed = f"Prometheus has loaded {name} and evaluates it without error"
        yield clause(
            promise="armed",
            statement=f"{armed}; {beyond}" if beyond else armed,
            needs=_RULES,
            judge=partial(_judge_armed, name, beyond),
        )
        if alert.always and production.alertmanager:
            yield clause(
                promise="always_fires",
                statement=f"{name} reaches {alert.reaches or facts.receiver} again and again; its silence is the alarm",
                needs=_PAGES,
                judge=partial(_judge_always, name, facts, alert.reaches or facts.receiver),
            )


def _judge_armed(name: str, beyond: str, evidence: Evidence) -> Judgement:
    seen = 0
    for cell in evidence.cells():
        states = [state for state in evidence.of(RuleState, cell) if state.alert == name]
        broken = [state for state in states if state.health == "err" and not _cut_on_purpose(evidence, state)]
        if broken:
            return violated(f"its evaluation failed in {cell}: {broken[0].last_error}", hop="rule", at=broken[0].t)
        if not states and evidence.completed(cell) and not _unread(evidence, cell):
            return violated(f"Prometheus did not load it in {cell}", hop="rule")
        seen += sum(state.health == "ok" for state in states)
    if seen and evidence.all_completed():
        return held("loaded, and no evaluation failed", *([beyond] if beyond else []))
    return still_open("no evaluation was seen" if not seen else "the stories are not over")


def _unread(evidence: Evidence, cell: str) -> bool:
    """Whether nobody could ask for the rules there."""
    return any(item.need == "rules" for item in evidence.of(Unmet, cell))


def _cut_on_purpose(evidence: Evidence, state: RuleState) -> bool:
    """Whether the story had made the group fail; what was read just before its return may be told just after."""
    start = evidence.started(state.cell)
    grace_s = start.evaluation_s if start else 0.0
    return any(
        cut.hop == "rules" and cut.manner == state.group and cut.meets(state.t - grace_s, state.t)
        for cut in cut_stretches(evidence, state.cell)
    )


def _judge_always(name: str, facts: AlertFacts, receiver: str, evidence: Evidence) -> Judgement:
    total = 0
    for cell in evidence.cells():
        finished, start = evidence.finished(cell), evidence.started(cell)
        told = [n.t for n in notices(evidence, cell, name, "firing") if n.receiver == receiver]
        total += len(told)
        if finished is None or start is None:
            return still_open("the stories are not over")
        problem = _silence(facts, evidence, cell, [start.t, *told, finished.t])
        if problem:
            return violated(f"{cell}: {problem}", hop="receiver")
    if total and evidence.all_completed():
        return held(f"told {receiver} {total} times without a gap")
    return still_open("the stories are not over" if total else f"it never reached {receiver}")


def _silence(facts: AlertFacts, evidence: Evidence, cell: str, instants: list[float]) -> str:
    """The first silence that is a notice and that no cut of the alert's own way explains."""
    start = evidence.started(cell)
    speed = start.speed if start else 1.0
    allowed = max(fire_bounds(facts.timing, FaultTiming()).latest.wall_s(speed), silence_s(facts, speed))
    cuts = [cut for cut in cut_stretches(evidence, cell) if passes_through(facts, cut.hop, cut.manner)]
    for earlier, later in pairwise(sorted(instants)):
        if later - earlier > allowed and not any(cut.meets(earlier, later) for cut in cuts):
            length = format_duration((later - earlier) * speed)
            return f"nothing arrived for {length} production; {MISSED_REPEATS} missed repeats are a notice"
    return ""


def compile_others(campaign: Campaign, scenario: Scenario, expected: frozenset[str]) -> Iterator[Clause]:
    """Nobody is paged about an alert that the story neither expects nor allows."""
    always = {name for name, alert in campaign.contract.alerts.items() if alert.always}
    allowed = expected | frozenset(scenario.spec.may_fire) | always
    known = frozenset(campaign.contract.alerts)
    yield Clause(
        scenario.name,
        "alerts",
        "others",
        "do_not_page",
        scenario.place("may_fire") if scenario.spec.may_fire else scenario.place("story"),
        f"no page about any alert other than {', '.join(sorted(allowed)) or 'none'}",
        _PAGES,
        partial(_judge_others, scenario.name, allowed, known),
        (scenario.name,),
    )


def _judge_others(cell: str, allowed: frozenset[str], known: frozenset[str], evidence: Evidence) -> Judgement:
    start = evidence.started(cell)
    for notice in evidence.of(Notification, cell):
        if start is None or notice.status == "resolved":
            continue  # the word that it is over belongs to no story
        strangers = _strangers(notice, allowed, known)
        if notice.t < start.t:  # nor does what the start of the stack gave rise to, unless it goes on
            strangers = [name for name in strangers if alert_instants(evidence, cell, name, "firing")]
        if strangers:
            message = f"{', '.join(strangers)} paged {notice.receiver} {_when(evidence, cell, notice.t, start.t)}"
            return violated(message, notice.title, hop="expression", at=max(notice.t, start.t))
    if evidence.completed(cell):
        return held("nobody else was paged")
    return still_open("the story is not over")


def _when(evidence: Evidence, cell: str, t: float, start_t: float) -> str:
    if t < start_t:
        return "before the story began, and goes on firing"
    return f"at {format_duration(evidence.production_s(cell, t))} of the story"


def _strangers(notice: Notification, allowed: frozenset[str], known: frozenset[str]) -> list[str]:
    if notice.alerts:
        named = {str((item.get("labels") or {}).get("alertname")) for item in notice.alerts}
        return sorted(named - allowed)
    if any(mentions(notice, name) for name in allowed):
        return []
    return sorted(name for name in known - allowed if mentions(notice, name)) or ["an undeclared alert"]


def compile_quiet(campaign: Campaign, production: Production, scenario: Scenario) -> Iterator[Clause]:
    """Alerts that the story claims to stay quiet, each watched for at least its own latest fire bound."""
    names = scenario.spec.quiet
    if names == "all":
        names = [name for name, alert in campaign.contract.alerts.items() if not alert.always]
    for index, name in enumerate(names):
        facts = production.alert(name, campaign.contract.budgets.delivery)
        source = scenario.place("quiet", index)
        if facts is None:
            raise ConfigError(f"no rule file defines the alert {name}", location=source)
        bound = fire_bounds(facts.timing, FaultTiming(crossing_s=facts.timing.range_s)).latest
        planned = sum(phase.lasts or 0.0 for phase in scenario.phases if not _cuts(campaign, phase))
        if planned < bound.production_s(campaign.speed_of(scenario)):
            if scenario.spec.quiet == "all":
                continue
            raise ConfigError(
                f"the story is too short to claim that {name} stays quiet: it may fire after {bound}", location=source
            )
        others = [s for s in campaign.scenarios if s is not scenario and expects_alert(campaign, s, name)]
        elsewhere = tuple(s.name for s in sorted(others, key=partial(story_bound_s, campaign, production)))
        yield Clause(
            scenario.name,
            "alerts",
            name,
            "stays_quiet",
            source,
            f"{name} does not fire, though it was armed and watched for {bound}",
            _PAGES,
            partial(_judge_quiet, scenario.name, name, elsewhere),
            (scenario.name, *elsewhere[:1]),
        )


def _cuts(campaign: Campaign, phase: Phase) -> bool:
    """Whether a phase cuts the monitoring itself: a subject that is stopped or killed cannot be scraped."""
    return bool(phase.cut) or any(campaign.profile.faults[name].befalls_process for name in phase.fault)


def _judge_quiet(cell: str, name: str, elsewhere: tuple[str, ...], evidence: Evidence) -> Judgement:
    firing = alert_instants(evidence, cell, name, "firing")
    if firing:
        when = format_duration(evidence.production_s(cell, firing[0]))
        return violated(f"it fired at {when} of the story", hop="expression", at=firing[0])
    states = [state for state in evidence.of(RuleState, cell) if state.alert == name]
    if any(state.health == "err" for state in states):
        return still_open("the rule was not armed: its evaluation failed")
    if not states or not evidence.completed(cell):
        return still_open("the story is not over")
    fired = [other for other in elsewhere if alert_instants(evidence, other, name, "firing")]
    if fired:
        return held(f"quiet throughout; the same rule fired in {fired[0]}")
    return still_open("the same rule did not fire anywhere in the campaign: its silence proves nothing")
