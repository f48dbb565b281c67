"""The hops of the monitoring that production has, how each can be cut, which of them an alert passes through.

A hop is ``scrape`` (the way from Prometheus to the subject), ``prometheus``, ``rules``, ``alertmanager``, a kind of
integration that people are told by (``email``, ``slack``), ``filebeat``, or ``elasticsearch`` (the way to it). An
integration that carries watchdogs alone is no hop of its own: silence is what it is there for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.artefacts.integrations import INTEGRATIONS
from harness.clauses.production import AlertFacts, Production
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError, Location
from harness.core.source import nearest
from harness.core.units import parse_duration

__all__ = [
    "FORGOTTEN",
    "LINKS",
    "PROCESS",
    "check_cuts",
    "check_manner",
    "cuts_pipeline",
    "hops_of",
    "is_integration",
    "is_link",
    "kind_of",
    "link_value",
    "links_cut",
    "passes_through",
    "way_of",
]

PROCESS: Final = ("killed", "hung")
FORGOTTEN: Final = "forgotten"
"""A shipper that is killed, and when it starts again knows no more what it sent: it sends everything once more."""
LINKS: Final = ("down", "blackhole", "reset", "latency", "bandwidth")
"""How a way between two parts is disturbed; two take a value: ``latency 2s`` (wall), ``bandwidth 1`` (KB/s)."""


def hops_of(campaign: Campaign, production: Production) -> Mapping[str, tuple[str, ...]]:
    """Every hop of the declared artefacts, and the manners in which a story can cut it."""
    hops: dict[str, tuple[str, ...]] = {}
    if production.prometheus:
        if scraped_jobs(campaign, production):
            hops["scrape"] = LINKS
        hops["prometheus"] = PROCESS
        groups = [group.name for file in production.rules for group in file.groups]
        if groups:
            hops["rules"] = tuple(dict.fromkeys(groups))
    if production.prometheus and production.alertmanager:
        hops["alertmanager"] = (*PROCESS, *LINKS)
        hops |= dict.fromkeys(_kinds(campaign, production), ("refused",))
    if production.filebeat:
        hops["filebeat"] = (*PROCESS, FORGOTTEN)
        hops |= {"elasticsearch": LINKS} if production.filebeat.output == "elasticsearch" else {}
    return hops


def cuts_pipeline(scenario: Scenario) -> bool:
    """Whether the story cuts a part that serves all stories: it gets a Filebeat and a way of its own."""
    return any({"filebeat", "elasticsearch"} & phase.cut.keys() for phase in scenario.phases)


def scraped_jobs(campaign: Campaign, production: Production) -> tuple[str, ...]:
    """Scrape jobs that the instances of the subject stand for."""
    jobs = {job.name for job in production.prometheus.jobs} if production.prometheus else set()
    entries = [
        each for each in campaign.profile.stands_for if not (each.part or each.exposition or each.helper or each.drop)
    ]
    addresses = {each.address for each in entries if each.address}
    return tuple(
        name
        for name in sorted(jobs)
        if any(each.job == name for each in entries)
        or addresses & set(production.prometheus.job(name).discovery.static_targets if production.prometheus else ())
    )


def is_link(hop: str, manner: str) -> bool:
    """Whether the cut of a hop in this manner is a disturbed way between two parts."""
    return not is_integration(hop) and hop != "rules" and manner.partition(" ")[0] in LINKS


def links_cut(scenario: Scenario) -> frozenset[str]:
    """Hops whose ways the story disturbs: they lead through a proxy in its cell."""
    return frozenset(hop for phase in scenario.phases for hop, manner in phase.cut.items() if is_link(hop, manner))


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
            check_manner(hop, manner, hops[hop], where)


def check_manner(hop: str, manner: str, known: tuple[str, ...], where: Location) -> None:
    """Raise ``ConfigError`` where ``hop`` cannot be cut in this manner."""
    word = manner if hop == "rules" else manner.partition(" ")[0]
    if word not in known:
        remedy = nearest(manner, known) or f"known: {', '.join(known)}"
        raise ConfigError(f"{hop} cannot be cut by {manner!r}", location=where, remedy=remedy)
    if not is_link(hop, manner):
        return
    try:
        link_value(manner)
    except ValueError as error:
        remedy = "write latency 2s (wall), bandwidth 1 (kilobytes per second), down, blackhole or reset"
        raise ConfigError(f"{manner!r}: {error}", location=where, remedy=remedy) from None


def link_value(manner: str) -> float:
    """Wall seconds of a latency, kilobytes per second of a bandwidth, 0 of the others; raises ``ValueError``."""
    word, _, value = manner.partition(" ")
    if word == "latency":
        return parse_duration(value)
    if word == "bandwidth":
        return float(value)
    if value:
        raise ValueError(f"{word} takes no value")
    return 0.0
