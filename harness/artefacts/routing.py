"""Alertmanager's way of choosing receivers: matchers in both syntaxes, the route tree, inhibition."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harness.artefacts.promql import Matcher
from harness.artefacts.reading import Node
from harness.core.errors import ConfigError, Location
from harness.core.source import DocumentPath

__all__ = ["InhibitRule", "Route", "read_inhibit_rule", "read_route"]

Labels = Mapping[str, str]
_MATCHER = re.compile(
    r"""\s*(?P<name>"(?:\\.|[^"\\])*"|[^\s=!~"{},]+)\s*(?P<operator>=~|!~|!=|=)\s*"""
    r"""(?P<value>"(?:\\.|[^"\\])*"|[^,"}]*?)\s*(?:,|$)"""
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the route tree with its effective settings; times in production seconds.

    ``group_by`` is ``("...",)`` where all labels group.
    """

    receiver: str
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    mute_time_intervals: tuple[str, ...]
    active_time_intervals: tuple[str, ...]
    goes_on: bool
    routes: tuple[Route, ...]
    path: DocumentPath
    location: Location

    @property
    def repeats_after_s(self) -> float:
        """Production seconds between two notices while nothing changes: Alertmanager looks once a group interval."""
        if not self.group_interval_s:
            return self.repeat_interval_s
        return math.ceil(self.repeat_interval_s / self.group_interval_s) * self.group_interval_s

    @property
    def times(self) -> str:
        """When it tells anybody, by the names of its time intervals; empty where it always does."""
        only, never = ", ".join(self.active_time_intervals), ", ".join(self.mute_time_intervals)
        words = (f"only during {only}" if only else "", f"not during {never}" if never else "")
        return " and ".join(each for each in words if each)

    def matching(self, labels: Labels) -> tuple[Route, ...]:
        """The routes that handle an alert with ``labels``, in order; empty where this node does not match."""
        if not _all_accept(self.matchers, labels):
            return ()
        found: list[Route] = []
        for child in self.routes:
            matches = child.matching(labels)
            found += matches
            if matches and not child.goes_on:
                break
        return tuple(found) or (self,)

    def group_labels(self, labels: Labels) -> dict[str, str]:
        """The labels that name the group of an alert with ``labels``."""
        if "..." in self.group_by:
            return dict(labels)
        return {name: labels[name] for name in sorted(self.group_by) if name in labels}

    def walk(self) -> Iterator[Route]:
        """This node and all below it."""
        yield self
        for child in self.routes:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """Which firing alerts silence which others."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]
    location: Location

    def inhibits(self, source: Labels, target: Labels) -> bool:
        """Whether a firing alert ``source`` silences ``target``.

        An alert that matches both sides is never silenced by one for which the same holds.
        """
        if not (_all_accept(self.source, source) and _all_accept(self.target, target)):
            return False
        if any(source.get(name, "") != target.get(name, "") for name in self.equal):
            return False
        return not (_all_accept(self.source, target) and _all_accept(self.target, source))


def read_route(node: Node, parent: Route | None = None) -> Route:
    """The route tree under ``node``; settings that a node does not write come from its parent."""
    own = _settings(node, parent)
    routes = tuple(read_route(each, own) for each in node.get("routes").items())
    return replace(own, routes=routes)


def read_inhibit_rule(node: Node) -> InhibitRule:
    """One inhibition rule in the old or the new syntax."""
    return InhibitRule(
        source=_matchers(node, "source_match", "source_match_re", "source_matchers"),
        target=_matchers(node, "target_match", "target_match_re", "target_matchers"),
        equal=node.get("equal").texts(),
        location=node.location,
    )


def _settings(node: Node, parent: Route | None) -> Route:
    group_by = node.get("group_by").texts()
    return Route(
        receiver=node.get("receiver").text(parent.receiver if parent else ""),
        matchers=_matchers(node, "match", "match_re", "matchers"),
        group_by=group_by or (parent.group_by if parent else ()),
        group_wait_s=node.get("group_wait").seconds(parent.group_wait_s if parent else 30),
        group_interval_s=node.get("group_interval").seconds(parent.group_interval_s if parent else 300),
        repeat_interval_s=node.get("repeat_interval").seconds(parent.repeat_interval_s if parent else 14400),
        mute_time_intervals=node.get("mute_time_intervals").texts(),
        active_time_intervals=node.get("active_time_intervals").texts(),
        goes_on=node.get("continue").flag(False),
        routes=(),
        path=node.path,
        location=node.location,
    )


def _all_accept(matchers: tuple[Matcher, ...], labels: Labels) -> bool:
    return all(each.accepts(labels.get(each.name, "")) for each in matchers)


def _matchers(node: Node, equal: str, regex: str, new: str) -> tuple[Matcher, ...]:
    old = [Matcher(name, "=", value) for name, value in node.get(equal).text_map().items()]
    old += [Matcher(name, "=~", value) for name, value in node.get(regex).text_map().items()]
    written = [each for item in node.get(new).items() for each in _parsed(item)]
    return (*old, *written)


def _parsed(item: Node) -> Iterator[Matcher]:
    text = item.text().strip()
    body = text[1:-1].strip() if text.startswith("{") and text.endswith("}") else text
    at = 0
    while at < len(body):
        found = _MATCHER.match(body, at)
        if not found or found.end() == at:
            raise ConfigError(f'{text!r} is not a matcher such as severity="critical"', location=item.location)
        yield Matcher(_unquoted(found["name"]), found["operator"], _unquoted(found["value"]))
        at = found.end()


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return _ESCAPE.sub(lambda match: {"n": "\n"}.get(match[1], match[1]), text[1:-1])
