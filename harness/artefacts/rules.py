"""Rule files as data: groups, alerts and recording rules, each with the place of its expression."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from harness.artefacts.clock import PER_SECOND, PER_WINDOW, Clock
from harness.artefacts.promql import Query, parse
from harness.artefacts.reading import Node
from harness.core.errors import ConfigError, Location
from harness.core.positions import inside
from harness.core.source import Document, DocumentPath

__all__ = ["Rule", "RuleFile", "RuleGroup", "named_labels", "read_rules", "with_recorded_families"]

_LABELS: Final = re.compile(r"(?:\$labels|\.Labels)\.(\w+)")
_ASKS: Final = re.compile(r"\{\{-?\s*(?:if|with|range)\b")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, exactly as written: an alert or, with ``record``, a recording rule; durations in production seconds."""

    name: str
    is_alert: bool
    query: Query
    for_s: float
    keep_firing_for_s: float
    labels: dict[str, str]
    annotations: dict[str, str]
    path: DocumentPath
    location: Location

    @property
    def expression(self) -> str:
        """The PromQL text."""
        return self.query.text


def named_labels(template: str) -> list[str]:
    """Labels that an annotation prints in any case; one that asks first may do without them."""
    return [] if _ASKS.search(template) else _LABELS.findall(template)


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules evaluated together; ``interval_s`` and ``query_offset_s`` are ``None`` where the global values hold."""

    name: str
    interval_s: float | None
    query_offset_s: float | None
    labels: dict[str, str]
    rules: tuple[Rule, ...]
    path: DocumentPath
    location: Location


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One rule file."""

    file: str
    groups: tuple[RuleGroup, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules of all groups."""
        return tuple(rule for group in self.groups for rule in group.rules)

    @property
    def alerts(self) -> tuple[Rule, ...]:
        """All alerts; one name may stand more than once (say, with another severity)."""
        return tuple(rule for rule in self.rules if rule.is_alert)

    @property
    def recordings(self) -> tuple[Rule, ...]:
        """All recording rules."""
        return tuple(rule for rule in self.rules if not rule.is_alert)


def read_rules(document: Document) -> RuleFile:
    """View of a rule file; raises ``ConfigError`` for what Prometheus would not load."""
    root = Node.root(document)
    if root.get("kind").value == "PrometheusRule":
        raise ConfigError(
            "this is a resource for the Prometheus operator, no rule file",
            location=root.get("kind").location,
            remedy="write what stands under spec into a file of its own, as the operator does",
        )
    root.only("groups")
    groups = tuple(_group(node) for node in root.get("groups").items())
    seen: set[str] = set()
    for group in groups:
        if group.name in seen:
            raise ConfigError(f"the group {group.name!r} appears twice in one file", location=group.location)
        seen.add(group.name)
    return RuleFile(document.file, groups)


def with_recorded_families(clock: Clock, files: Iterable[RuleFile]) -> Clock:
    """``clock`` that also knows which recorded series still tick on the wall clock.

    A recording rule that only sums a family of the wall clock hands its ticking on; one that takes a
    rate has turned it into a finished value.
    """
    recordings = [rule for file in files for rule in file.recordings]
    known = clock
    while True:
        more = {rule.name for rule in recordings if _still_ticks(known, rule)} - known.wall_families
        if not more:
            return known
        known = Clock(known.speed, known.wall_families | more)


def _still_ticks(clock: Clock, rule: Rule) -> bool:
    instants = [each for each in rule.query.selectors if each.function not in PER_SECOND | PER_WINDOW]
    return any(each.metric and clock.is_wall(each) for each in instants)


def _group(node: Node) -> RuleGroup:
    node.only("name", "interval", "query_offset", "limit", "labels", "rules")
    interval, offset = node.get("interval"), node.get("query_offset")
    return RuleGroup(
        name=node.need("name").text(),
        interval_s=None if interval.value is None else interval.seconds(0),
        query_offset_s=None if offset.value is None else offset.seconds(0),
        labels=node.get("labels").text_map(),
        rules=tuple(_rule(each) for each in node.get("rules").items()),
        path=node.path,
        location=node.location,
    )


def _rule(node: Node) -> Rule:
    node.only("alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations")
    named = [key for key in ("alert", "record") if node.get(key).value is not None]
    if len(named) != 1:
        raise ConfigError("a rule has either alert or record", location=node.location)
    expression = node.need("expr")
    place = inside(node.document, expression.path)
    return Rule(
        name=node.get(named[0]).text(),
        is_alert=named[0] == "alert",
        query=parse(expression.text(), place),
        for_s=node.get("for").seconds(0),
        keep_firing_for_s=node.get("keep_firing_for").seconds(0),
        labels=node.get("labels").text_map(),
        annotations=node.get("annotations").text_map(),
        path=node.path,
        location=node.location,
    )
