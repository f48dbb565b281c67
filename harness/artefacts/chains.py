"""Chains of recording rules: what an alert reads in the end, and how much later and further back it looks for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser as pp

from harness.artefacts.promql import children
from harness.artefacts.rules import Rule, RuleFile, RuleGroup
from harness.core.errors import ConfigError

__all__ = ["Chains", "Recording"]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule, with its group: its interval is what the recorded series is late by."""

    rule: Rule
    group: RuleGroup


class Chains:
    """All recording rules of some rule files; ``evaluation_s`` and ``offset_s`` hold where a group names none.

    What is asked raises ``ConfigError`` for a recording that is made of itself.
    """

    def __init__(self, files: Iterable[RuleFile], evaluation_s: float, offset_s: float = 0.0) -> None:
        self._evaluation_s, self._offset_s = evaluation_s, offset_s
        self._known: dict[str, list[Recording]] = {}
        for file in files:
            for group in file.groups:
                for rule in group.rules:
                    if not rule.is_alert:
                        self._known.setdefault(rule.name, []).append(Recording(rule, group))

    def needed_by(self, rule: Rule) -> tuple[Recording, ...]:
        """The recordings without which the expression of ``rule`` is empty, what is recorded first first."""
        self._refuse_circles(rule, ())
        return tuple({id(each.rule): each for each in self._needed(rule)}.values())

    def _needed(self, rule: Rule) -> Iterator[Recording]:
        names = set(_needed_names(rule.query.tree))
        for each in self._direct(rule):
            if each.rule.name in names:
                yield from self._needed(each.rule)
                yield each

    def range_s(self, rule: Rule) -> float:
        """How far back ``rule`` looks, the windows of its recordings included."""
        self._refuse_circles(rule, ())
        return self._range_s(rule)

    def _range_s(self, rule: Rule) -> float:
        return rule.query.longest_range_s + max((self._range_s(each.rule) for each in self._direct(rule)), default=0.0)

    def read_by(self, rule: Rule) -> tuple[Rule, ...]:
        """All recording rules that ``rule`` reads, directly or through others."""
        self._refuse_circles(rule, ())
        found: dict[int, Rule] = {}
        for each in self._direct(rule):
            found |= {id(one): one for one in (each.rule, *self.read_by(each.rule))}
        return tuple(found.values())

    def pasts(self, rule: Rule) -> dict[float, float]:
        """How far back ``rule`` looks for what it compares, by the offset: several where it knows its own past."""
        self._refuse_circles(rule, ())
        found: dict[float, float] = {}
        for offset_s, window_s in self._looks(rule):
            found[offset_s] = max(found.get(offset_s, 0.0), offset_s + window_s)
        return dict(sorted(found.items()))

    def _looks(self, rule: Rule) -> Iterator[tuple[float, float]]:
        known = {name: [each for each in self._known.get(name, ()) if each.rule is not rule] for name in self._known}
        for name, offset_s, window_s in _looks(rule.query.tree):
            deeper = [look for each in known.get(name, ()) for look in self._looks(each.rule)]
            yield from ((offset_s + more_s, window_s + wider_s) for more_s, wider_s in deeper or [(0.0, 0.0)])

    def recorded_s(self, rule: Rule) -> float:
        """How late the series that ``rule`` reads may be: one evaluation for every recording on the longest way."""
        self._refuse_circles(rule, ())
        return self._recorded_s(rule)

    def _recorded_s(self, rule: Rule) -> float:
        ways = (self._late_s(each.group) + self._recorded_s(each.rule) for each in self._direct(rule))
        return max(ways, default=0.0)

    def offset_s(self, group: RuleGroup) -> float:
        """By how much a group looks into the past."""
        return self._offset_s if group.query_offset_s is None else group.query_offset_s

    def _late_s(self, group: RuleGroup) -> float:
        return (group.interval_s or self._evaluation_s) + self.offset_s(group)

    def _refuse_circles(self, rule: Rule, above: Sequence[str]) -> None:
        for each in self._direct(rule):
            if each.rule.name in above:
                problem = f"the recording {each.rule.name} is made of itself"
                raise ConfigError(problem, location=each.rule.location, remedy="record it under another name")
            self._refuse_circles(each.rule, (*above, each.rule.name))

    def _direct(self, rule: Rule) -> Iterator[Recording]:
        names = dict.fromkeys(each.metric for each in rule.query.selectors)
        return (each for name in names for each in self._known.get(name, ()) if each.rule is not rule)


def _looks(node: Any, offset_s: float = 0.0, window_s: float = 0.0) -> Iterator[tuple[str, float, float]]:
    """Every series with how far it is moved into the past, and how long a stretch of it is read."""
    offset_s += _seconds(getattr(node, "offset", None))
    window_s += _seconds(getattr(node, "range", None))
    if isinstance(node, pp.VectorSelector):
        yield node.name or "", offset_s, window_s
    for child in children(node):
        yield from _looks(child, offset_s, window_s)


def _seconds(length: timedelta | None) -> float:
    return length.total_seconds() if length is not None else 0.0


def _needed_names(node: Any) -> Iterator[str]:
    """Series that must be there: ``or`` can do without, ``unless`` takes away, ``absent`` wants them gone."""
    sign = str(node.op) if isinstance(node, pp.BinaryExpr) else ""
    if sign == "or" or (isinstance(node, pp.Call) and node.func.name.startswith("absent")):
        return
    if isinstance(node, pp.VectorSelector) and node.name:
        yield node.name
    below = children(node)
    for child in below[:1] if sign == "unless" else below:
        yield from _needed_names(child)
