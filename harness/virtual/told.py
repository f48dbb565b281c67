"""Who is told of every alert, by which route, together with whom: what the promises about its notices are about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.artefacts.alertmanager_config import AlertmanagerConfig, Integration
from harness.artefacts.routing import Route
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.alert import Alert
from harness.contract.notices import Notices
from harness.core.errors import ConfigError
from harness.core.source import Document, nearest
from harness.virtual.answers import FiredAlert
from harness.virtual.design import Examined
from harness.virtual.rendering import Group
from harness.virtual.verdicts import Cell

__all__ = ["Told", "all_told", "as_fired", "cell_about"]

_VALUES: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True)
class Told:
    """One receiver of one alert: the route that leads there, and who is told how."""

    name: str
    alert: str
    route: Route
    group: Group
    promised: Notices
    integrations: Mapping[str, Integration]
    document: Document
    promise: Alert
    addresses: Mapping[str, str | list[str]] | None


def all_told(campaign: Campaign, production: Production, alerts: Mapping[str, Sequence[FiredAlert]]) -> Iterator[Told]:
    """Every receiver of every alert that the contract declares, in the order of ``alerts``.

    These are the alerts as they fired, by name, with the server's external labels. Raises ``ConfigError`` for a
    receiver that the contract knows and alertmanager.yml does not.
    """
    config, document = production.alertmanager, production.alertmanager_document
    if config is None or document is None:
        return
    _check_receivers(campaign, config)
    for name, fired in alerts.items():
        if fired and fired[0].labels["alertname"] in campaign.contract.alerts:
            yield from _receivers(campaign, config, document, name, fired)


def cell_about(campaign: Campaign, told: Told, what: str, does: str, problem: str) -> Cell:
    """What is said of one receiver of one alert under the name ``what``."""
    place = campaign.promise("alerts", told.alert, "notices")
    return Cell(told.name, what, "violated" if problem else "held", does, "", problem, promise=place)


def as_fired(
    examined: Sequence[Examined], fired: Mapping[str, Sequence[FiredAlert]], external: Mapping[str, str]
) -> dict[str, tuple[FiredAlert, ...]]:
    """The alerts that ``fired``, with the labels of their server; of one that did not, what its rule says of it."""
    found: dict[str, tuple[FiredAlert, ...]] = {}
    for each in examined:
        alerts = fired.get(each.name) or (_as_written(each),)
        found[each.name] = tuple(replace(alert, labels={**external, **alert.labels}) for alert in alerts)
    return found


def _as_written(examined: Examined) -> FiredAlert:
    """Its values are unknown: what stands for them is not empty."""
    texts = {name: _VALUES.sub("…", text) for name, text in examined.rule.annotations.items()}
    return FiredAlert(examined.static_labels, texts)


def _check_receivers(campaign: Campaign, config: AlertmanagerConfig) -> None:
    known = [each.name for each in config.receivers]
    for name in campaign.contract.receivers:
        if name not in known:
            remedy = nearest(name, known) or f"known: {', '.join(known)}"
            where = campaign.promise("receivers", name)
            raise ConfigError(f"alertmanager.yml has no receiver {name!r}", location=where, remedy=remedy)


def _receivers(
    campaign: Campaign,
    config: AlertmanagerConfig,
    document: Document,
    name: str,
    fired: Sequence[FiredAlert],
) -> Iterator[Told]:
    first = fired[0]
    alert = first.labels["alertname"]
    for route in config.routes_for(first.labels):
        labels = route.group_labels(first.labels)
        together = tuple(each for each in fired if route.group_labels(each.labels) == labels)
        yield Told(
            name=name,
            alert=alert,
            route=route,
            group=Group(route.receiver, together, labels),
            promised=campaign.contract.notices_of(alert),
            integrations=config.receiver(route.receiver).named(),
            document=document,
            promise=campaign.contract.alerts[alert],
            addresses=campaign.contract.receivers.get(route.receiver),
        )
