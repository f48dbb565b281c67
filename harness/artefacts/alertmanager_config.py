"""alertmanager.yml as data: who is told of what, how fast, and what silences what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.artefacts.reading import Node
from harness.artefacts.routing import InhibitRule, Route, read_inhibit_rule, read_route
from harness.core.errors import ConfigError, Location
from harness.core.source import Document, DocumentPath, nearest

__all__ = ["AlertmanagerConfig", "Integration", "Receiver", "read_alertmanager"]

RESOLVE_TIMEOUT_S = 300.0
_SILENT_WHEN_RESOLVED = frozenset({"email", "slack", "wechat", "rocketchat"})


@dataclass(frozen=True, slots=True)
class Integration:
    """One way a receiver is told: ``kind`` is ``email``, ``slack``, …; ``index`` counts within its kind."""

    receiver: str
    kind: str
    index: int
    send_resolved: bool
    path: DocumentPath
    location: Location


@dataclass(frozen=True, slots=True)
class Receiver:
    """A named receiver; one without integrations swallows alerts on purpose."""

    name: str
    integrations: tuple[Integration, ...]
    path: DocumentPath
    location: Location

    def named(self) -> Mapping[str, Integration]:
        """Its integrations by the names that people use: the kind, numbered where there are several (``slack 2``)."""
        kinds = [each.kind for each in self.integrations]
        return {
            each.kind if kinds.count(each.kind) == 1 else f"{each.kind} {each.index + 1}": each
            for each in self.integrations
        }


@dataclass(frozen=True, slots=True)
class AlertmanagerConfig:
    """One alertmanager.yml; template patterns are as written, relative to that file."""

    file: str
    route: Route
    receivers: tuple[Receiver, ...]
    inhibit_rules: tuple[InhibitRule, ...]
    templates: tuple[str, ...]
    resolve_timeout_s: float

    def receiver(self, name: str) -> Receiver:
        """The receiver of this name; raises ``KeyError`` where there is none."""
        return {each.name: each for each in self.receivers}[name]

    def routes_for(self, labels: Mapping[str, str]) -> tuple[Route, ...]:
        """The routes that handle an alert with ``labels``, in order."""
        return self.route.matching(labels)

    def route_to(self, receiver: str | None, labels: Mapping[str, str]) -> Route:
        """The route by which an alert with ``labels`` comes to ``receiver``, else the first that it takes.

        Where a label is a template nobody knows yet which routes match: any that leads there will do.
        """
        routes = self.routes_for(labels)
        unknown = any("{{" in value for value in labels.values())
        candidates = (*routes, *(self.route.walk() if unknown else ()))
        return next((each for each in candidates if each.receiver == receiver), routes[0])

    def receivers_for(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Names of the receivers that an alert with ``labels`` reaches, each once, in order."""
        return tuple(dict.fromkeys(route.receiver for route in self.routes_for(labels)))

    def inhibited_by(self, target: Mapping[str, str], firing: Iterable[Mapping[str, str]]) -> Mapping[str, str] | None:
        """Labels of the first firing alert that silences ``target``, or ``None``."""
        others = [labels for labels in firing if labels != target]
        return next((each for each in others if any(rule.inhibits(each, target) for rule in self.inhibit_rules)), None)


def read_alertmanager(document: Document) -> AlertmanagerConfig:
    """View of an alertmanager.yml; raises ``ConfigError`` for what Alertmanager would not load."""
    root = Node.root(document)
    receivers = tuple(_receiver(node) for node in root.get("receivers").items())
    route = read_route(root.need("route"))
    _check(route, receivers)
    _check_times(root, route)
    return AlertmanagerConfig(
        file=document.file,
        route=route,
        receivers=receivers,
        inhibit_rules=tuple(read_inhibit_rule(node) for node in root.get("inhibit_rules").items()),
        templates=root.get("templates").texts(),
        resolve_timeout_s=root.get("global").get("resolve_timeout").seconds(RESOLVE_TIMEOUT_S),
    )


def _check(route: Route, receivers: tuple[Receiver, ...]) -> None:
    names = [receiver.name for receiver in receivers]
    for receiver in receivers:
        if names.count(receiver.name) > 1:
            raise ConfigError(f"the receiver {receiver.name!r} appears twice", location=receiver.location)
    if not route.receiver:
        raise ConfigError("the root route names no receiver", location=route.location)
    for each in route.walk():
        if each.receiver not in names:
            problem = f"the route names the receiver {each.receiver!r}, which is not defined"
            raise ConfigError(problem, location=each.location, remedy=nearest(each.receiver, names))


def _check_times(root: Node, route: Route) -> None:
    sections = (root.get("time_intervals"), root.get("mute_time_intervals"))
    known = [each.need("name").text() for section in sections for each in section.items()]
    for each in route.walk():
        for name in (*each.mute_time_intervals, *each.active_time_intervals):
            if name not in known:
                problem = f"the route names the time interval {name!r}, which is not defined"
                raise ConfigError(problem, location=each.location, remedy=nearest(name, known) or "add it")


def _receiver(node: Node) -> Receiver:
    name = node.need("name").text()
    kinds = [key for key in node.mapping() if key.endswith("_configs")]
    integrations = (_integration(name, kind, each) for kind in kinds for each in node.get(kind).items())
    return Receiver(name, tuple(integrations), node.path, node.location)


def _integration(receiver: str, key: str, node: Node) -> Integration:
    kind = key.removesuffix("_configs")
    return Integration(
        receiver=receiver,
        kind=kind,
        index=int(node.path[-1]),
        send_resolved=node.get("send_resolved").flag(kind not in _SILENT_WHEN_RESOLVED),
        path=node.path,
        location=node.location,
    )
