"""The hops of the monitoring that production has, how each can be cut, which of them an alert passes through.

A hop is ``prometheus``, ``rules``, ``alertmanager`` or a kind of integration that people are told by (``email``,
``slack``). An integration that carries watchdogs alone is no hop of its own: silence is what it is there for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.artefacts.bind_prometheus import resend_delay_s
from harness.artefacts.bounds import Bound, FaultTiming, Term, fire_bounds, resolve_bounds
from harness.artefacts.integrations import INTEGRATIONS
from harness.clauses.production import AlertFacts, Production
from harness.clauses.watchdog import MISSED_REPEATS
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError
from harness.core.source import nearest

__all__ = [
    "check_cuts",
    "heard_bound",
    "hops_of",
    "is_integration",
    "kind_of",
    "passes_through",
    "resolved_bound",
    "silent_bound",
    "told_bound",
    "way_of",
]

PROCESS: Final = ("killed", "hung")
_RETRY_S: Final = 10.0
"""Wall seconds that Alertmanager goes on trying a delivery at least, whatever its group_interval."""
_GIVEN_UP: Final = "alertmanager_notifications_failed_total"
"""Its counter of deliveries given up; every other one moves at the first refusal."""
_HELD_ENDS: Final = 4
"""Prometheus tells Alertmanager to hold an alert for so many resend delays without another word."""


def hops_of(campaign: Campaign, production: Production) -> Mapping[str, tuple[str, ...]]:
    """Every hop of the declared artefacts, and the manners in which a story can cut it."""
    hops: dict[str, tuple[str, ...]] = {}
    if production.prometheus:
        hops["prometheus"] = PROCESS
        groups = [group.name for file in production.rules for group in file.groups]
        if groups:
            hops["rules"] = tuple(dict.fromkeys(groups))
    if production.prometheus and production.alertmanager:
        hops["alertmanager"] = PROCESS
        hops |= dict.fromkeys(_kinds(campaign, production), ("refused",))
    return hops


def _kinds(campaign: Campaign, production: Production) -> list[str]:
    """Kinds of integrations that tell of alerts other than watchdogs."""
    always = {name for name, alert in campaign.contract.alerts.items() if alert.always}
    found = (production.alert(name, 0.0) for name in production.alert_names if name not in always)
    return list(dict.fromkeys(kind_of(name) for facts in found if facts for name in facts.integrations))


def kind_of(integration: str) -> str:
    """The kind of an integration by its name: ``slack 2`` is of the kind ``slack``."""
    return integration.partition(" ")[0]


def is_integration(hop: str) -> bool:
    """Whether a hop is a kind of integration."""
    return hop in INTEGRATIONS


def way_of(facts: AlertFacts) -> tuple[str, ...]:
    """The hops between the condition of an alert and the people who are told, in order."""
    kinds = dict.fromkeys(kind_of(name) for name in facts.integrations)
    return ("prometheus", f"rules {facts.group.name}", "alertmanager", *kinds)


def passes_through(facts: AlertFacts, hop: str, manner: str) -> bool:
    """Whether the alert cannot be told while ``hop`` is dead; one that another integration tells can be."""
    dead = f"rules {manner}" if hop == "rules" else hop
    if is_integration(hop):
        return {kind_of(name) for name in facts.integrations} <= {hop}
    return dead in way_of(facts)


def check_cuts(campaign: Campaign, production: Production, scenario: Scenario) -> None:
    """Raise ``ConfigError`` for a cut of a hop that production has not, or in a manner that it has not."""
    hops = hops_of(campaign, production)
    for index, phase in enumerate(scenario.phases):
        for hop, manner in phase.cut.items():
            where = scenario.place("phases", index, "cut", hop, key=True)
            if hop not in hops:
                remedy = nearest(hop, hops) or f"known: {', '.join(hops) or 'none'}"
                raise ConfigError(f"production has no hop {hop!r} to cut", location=where, remedy=remedy)
            if manner not in hops[hop]:
                remedy = nearest(manner, hops[hop]) or f"known: {', '.join(hops[hop])}"
                raise ConfigError(f"{hop} cannot be cut by {manner!r}", location=where, remedy=remedy)


# --- windows, counted from the instant at which the hop was seen dead, or alive again


def silent_bound(production: Production, facts: AlertFacts, hop: str) -> Bound:
    """Until the dead man's switch gives the alarm at the latest."""
    repeat_s = facts.route.repeat_interval_s if facts.route else 0.0
    held_s = _HELD_ENDS * _resend_s(production, facts) if hop in {"prometheus", "rules"} else 0.0
    delivery_s = facts.timing.delivery_s
    return Bound(
        (
            Term("until Alertmanager lets go of the alert", held_s),
            Term("delivery of the last notice", delivery_s, "wall"),
            Term(f"{MISSED_REPEATS} missed repeats", MISSED_REPEATS * repeat_s),
            Term("delivery", delivery_s, "wall"),
        )
    )


def told_bound(facts: AlertFacts, hop: str) -> Bound:
    """Until somebody is told at the latest; a counter of deliveries given up moves only then."""
    given_up = any(each.metric == _GIVEN_UP for each in facts.rule.query.selectors)
    retries = (Term("Alertmanager's retries", _RETRY_S, "wall"),) if given_up and is_integration(hop) else ()
    latest = fire_bounds(facts.timing, FaultTiming(crossing_s=facts.timing.range_s)).latest
    return Bound((*retries, *latest.terms))


def heard_bound(production: Production, facts: AlertFacts, hop: str) -> Bound:
    """Until the watchdog is heard again at the latest."""
    timing = facts.timing
    retries = (Term("Alertmanager's next try", _RETRY_S, "wall"),) if is_integration(hop) else ()
    return Bound(
        (
            *retries,
            Term("evaluation", timing.evaluation_s),
            Term("resend delay", _resend_s(production, facts)),
            Term("group_wait", timing.group_wait_s),
            Term("group_interval", timing.group_interval_s),
            Term("delivery", timing.delivery_s, "wall"),
        )
    )


def resolved_bound(facts: AlertFacts, hop: str) -> Bound:
    """Until the end of the alert is told at the latest: a group waits for its integrations, dead ones included."""
    retries = (Term("Alertmanager's next try", _RETRY_S, "wall"),) if is_integration(hop) else ()
    return Bound((*retries, *resolve_bounds(facts.timing).latest.terms))


def _resend_s(production: Production, facts: AlertFacts) -> float:
    assert production.prometheus is not None
    return max(resend_delay_s(production.prometheus), facts.timing.evaluation_s)
