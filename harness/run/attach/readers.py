"""What each server is asked, and what is made of it: one reader for each kind of thing, all of them read only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import yaml

from harness.clauses.as_written import TOLD, routing_of
from harness.clauses.attached import ATTACHED
from harness.clauses.model import Need
from harness.contract.planes import Endpoint
from harness.evidence.records import HttpAnswer, LoadedRule, Reading, Record, Routing, RuleState
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.http import HttpFault
from harness.run.clients.prometheus import PrometheusClient
from harness.run.observe.alerts import AlertSource
from harness.run.observe.endpoints import AnswerSource, ExpositionSource
from harness.run.observe.rules import RuleSource

__all__ = [
    "Alerts",
    "Answers",
    "NotThereError",
    "Reader",
    "Routes",
    "Rules",
    "Texts",
]

Clock = Callable[[], float]
_REFUSED: Final = frozenset({401, 403})


class NotThereError(Exception):
    """The server answers, but has not what is asked for: the text says what, and why as far as it is known."""


class Reader(Protocol):
    """One kind of thing that one server is asked for."""

    @property
    def server(self) -> str:
        """The server's name, as people give it."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it meets."""

    @property
    def once(self) -> bool:
        """Whether one read is all."""

    def read(self, now: float) -> Iterable[Record]:
        """Ask; raises ``HttpFault`` or ``NotThereError``."""


@dataclass
class Rules:
    """Rules as Prometheus has loaded them, and the states of those that alert."""

    client: PrometheusClient
    clock: Clock
    server: str = "Prometheus"
    needs: tuple[Need, ...] = (Need("rules"), Need("loaded"))
    once: bool = False

    def read(self, now: float) -> Iterator[Record]:
        """All rules, all states, and how many Alertmanagers are told of them."""
        states = RuleSource(ATTACHED, self.client, self.clock, evaluation_s=1.0).read(now, "settle")
        yield from (state for state in states if isinstance(state, RuleState))
        for group in self.client.rules():
            yield from (_loaded(self.clock(), group["name"], rule) for rule in group["rules"])
        try:
            told = self.client.alertmanagers()
        except HttpFault as fault:
            if fault.status in {0, *_REFUSED}:
                raise
            return  # what stands in for Prometheus need not know
        yield Reading(ATTACHED, self.clock(), "prometheus", TOLD, float(len(told)))


def _loaded(t: float, group: str, rule: Mapping[str, Any]) -> LoadedRule:
    return LoadedRule(
        ATTACHED,
        t,
        group,
        rule["name"],
        "alert" if rule.get("type") == "alerting" else "record",
        rule["query"],
        float(rule.get("duration", 0.0)),
        float(rule.get("keepFiringFor", 0.0)),
        dict(rule.get("labels") or {}),
        dict(rule.get("annotations") or {}),
    )


@dataclass
class Alerts:
    """Alerts that Alertmanager holds."""

    client: AlertmanagerClient
    clock: Clock
    server: str = "Alertmanager"
    needs: tuple[Need, ...] = (Need("alerts"),)
    once: bool = False

    def __post_init__(self) -> None:
        self._source = AlertSource(ATTACHED, self.client, self.clock, evaluation_s=1.0)

    def read(self, now: float) -> Iterable[Record]:
        """What changed since the last read."""
        return self._source.read(now, "poll")


@dataclass
class Routes:
    """What Alertmanager does with alerts, without a word of how receivers are entered."""

    client: AlertmanagerClient
    clock: Clock
    server: str = "Alertmanager"
    needs: tuple[Need, ...] = (Need("routing"),)
    once: bool = True

    def read(self, _now: float) -> Iterator[Record]:
        """The running configuration, cut down."""
        try:
            config = yaml.safe_load(self.client.config())
        except (yaml.YAMLError, KeyError, TypeError):
            config = None
        if not isinstance(config, dict):
            raise NotThereError("it does not show its configuration")
        yield Routing(ATTACHED, self.clock(), routing_of(config))


@dataclass
class Texts:
    """The metrics text of one instance, from itself."""

    source: ExpositionSource
    server: str
    needs: tuple[Need, ...] = (Need("expositions"),)
    once: bool = False

    def read(self, now: float) -> Iterable[Record]:
        """The text as it stands."""
        return self.source.read(now, "poll")


@dataclass
class Answers:
    """What one endpoint of one instance answers to probes. One that never answered was never there to be judged."""

    source: AnswerSource
    endpoint: Endpoint
    name: str
    server: str
    once: bool = False
    _silent: list[HttpAnswer] = field(default_factory=list)
    _answered: bool = False

    @property
    def needs(self) -> tuple[Need, ...]:
        """Answers of this endpoint."""
        return (Need("answers", self.name),)

    def read(self, now: float) -> Iterator[Record]:
        """One probe; those without an answer count once there was one."""
        for record in self.source.read(now, "poll"):
            assert isinstance(record, HttpAnswer)
            if record.status in _REFUSED and record.status not in self.endpoint.answers:
                raise HttpFault(self.endpoint.method, self.endpoint.path, status=record.status)
            if record.status == 0 and not self._answered:
                self._silent.append(record)
                raise HttpFault(self.endpoint.method, self.endpoint.path, reason=record.error)
            self._answered = True
            yield from self._silent
            self._silent.clear()
            yield record
