"""Which alerts of a rule file are about a service, and the scrape job that they expect."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.artefacts.promql import Selector
from harness.artefacts.rules import Rule, RuleFile, read_rules
from harness.core.errors import ConfigError, Location
from harness.core.source import load_yaml

__all__ = ["Ruled", "read_rule_file"]

_PART: Final = re.compile(r"_(?:bucket|sum|count)$")
_ALWAYS_THERE: Final = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule file: ``alerts`` are about metrics that the service shows, by name with what each means."""

    path: Path
    alerts: dict[str, str]
    foreign: dict[str, str]
    """The other alerts, each with a metric that the service does not show."""
    job: str
    """The one scrape job that expressions name; empty where they name none, or several."""


def read_rule_file(path: Path, families: Collection[str]) -> Ruled:
    """Read a rule file as Prometheus does; raises ``ConfigError`` with line and column for what it would not load."""
    document = load_yaml(path)
    rules = read_rules(document)
    if not rules.alerts:
        remedy = "name a file with groups: of alerting rules, or leave --rules out"
        raise ConfigError("it holds no alert", location=Location(str(path)), remedy=remedy)
    recorded = {rule.name for rule in rules.recordings}
    known = {*families, *recorded, *_ALWAYS_THERE}
    missing = {rule.name: next(_unknown(rule, known), "") for rule in rules.alerts}
    return Ruled(
        path,
        {rule.name: _meaning(rule) for rule in rules.alerts if not missing[rule.name]},
        {name: metric for name, metric in missing.items() if metric},
        _job(rules),
    )


def _unknown(rule: Rule, known: Collection[str]) -> Iterator[str]:
    for selector in rule.query.selectors:
        name = selector.metric
        if name and name not in known and _PART.sub("", name) not in known:
            yield name


def _job(rules: RuleFile) -> str:
    names = {job for rule in rules.rules for job in _jobs(rule.query.selectors)}
    return names.pop() if len(names) == 1 else ""


def _jobs(selectors: Iterable[Selector]) -> Iterator[str]:
    matchers = (each for selector in selectors for each in selector.matchers)
    return (each.value for each in matchers if (each.name, each.operator) == ("job", "="))


def _meaning(rule: Rule) -> str:
    """Its summary, where no template stands in it; values of labels come in by templates alone."""
    summary = " ".join(rule.annotations.get("summary", "").split())
    if summary and "{{" not in summary and len(summary) <= _LONGEST:
        return summary
    return f"the expression in line {rule.location.line} holds for {rule.for_s:g}s"
