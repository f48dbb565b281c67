"""Rules that a cell of some speed cannot run: they are left out of it by name, and with them whatever reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.artefacts.clock import Clock
from harness.artefacts.prometheus_config import PrometheusConfig
from harness.artefacts.rules import Rule, RuleFile
from harness.core.errors import ConfigError

__all__ = ["LeftOut", "left_out"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A rule that is not part of a cell, and why in words."""

    rule: Rule
    why: str

    def __str__(self) -> str:
        return f"{self.rule.location}: {self.rule.name} is left out of the cell: {self.why}"


def left_out(files: Iterable[RuleFile], clock: Clock, config: PrometheusConfig | None) -> tuple[LeftOut, ...]:
    """Rules of ``files`` that ``clock`` cannot scale, and those that read what one of them records."""
    rules = [rule for file in files for rule in file.rules]
    found = {id(rule): LeftOut(rule, why) for rule in rules if (why := _problem(rule, clock, config))}
    while True:
        lost = {each.rule.name: each for each in found.values() if not each.rule.is_alert}
        more = {id(rule): LeftOut(rule, why) for rule in rules if id(rule) not in found for why in _reads(rule, lost)}
        if not more:
            return tuple(found[id(rule)] for rule in rules if id(rule) in found)
        found |= more


def _problem(rule: Rule, clock: Clock, config: PrometheusConfig | None) -> str:
    try:
        clock.expression(rule.query, config.scrapes_of(rule.query.selectors) if config else None)
        for length_s in (rule.for_s, rule.keep_firing_for_s):
            clock.seconds(length_s)
    except ConfigError as error:
        return error.problem
    return ""


def _reads(rule: Rule, lost: Mapping[str, LeftOut]) -> Iterator[str]:
    for each in rule.query.selectors:
        if each.metric in lost:
            yield f"it reads {each.metric}, which is left out as well"
            return
