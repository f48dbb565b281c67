"""What a finding is, and what the checks are given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from harness.artefacts.alertmanager_config import AlertmanagerConfig
from harness.artefacts.dimensions import Quantity
from harness.artefacts.prometheus_config import PrometheusConfig
from harness.artefacts.promql import Query
from harness.artefacts.rules import Rule, RuleFile, RuleGroup
from harness.contract.planes import MetricFamily
from harness.core.errors import Location

__all__ = ["Check", "Files", "Finding", "Told"]


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one campaign; a plane that it does not have is ``None`` or empty.

    ``families`` are declared metrics by their full names, ``units`` what series measure, ``undeclared`` tells what an
    expression speaks of that is declared nowhere.
    """

    rules: tuple[RuleFile, ...] = ()
    prometheus: PrometheusConfig | None = None
    alertmanager: AlertmanagerConfig | None = None
    families: Mapping[str, MetricFamily] = field(default_factory=dict)
    units: Mapping[str, Quantity | None] = field(default_factory=dict)
    undeclared: Callable[[Query], Iterable[str]] = lambda _: ()

    def written(self) -> Iterator[tuple[RuleGroup, Rule]]:
        """Every rule with its group."""
        return ((group, rule) for file in self.rules for group in file.groups for rule in group.rules)

    def alerts(self) -> Iterator[tuple[RuleGroup, Rule]]:
        """Every alert with its group."""
        return ((group, rule) for group, rule in self.written() if rule.is_alert)


@dataclass(frozen=True, slots=True)
class Told:
    """What a check has found: where, what, and how to mend it; ``about`` is where the rule around it begins."""

    location: Location
    problem: str
    remedy: str
    about: Location | None = None

    @classmethod
    def of(cls, rule: Rule, problem: str, remedy: str) -> Told:
        """Something about the expression of ``rule``."""
        return cls(rule.query.place(0), f"{rule.name}: {problem}", remedy, rule.location)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that can be wrong: ``why`` says what it does to whoever relies on the alert."""

    code: str
    title: str
    why: str
    look: Callable[[Files], Iterable[Told]]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A coded problem in a file; sorted by place."""

    location: Location
    code: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.location}: {self.problem} [{self.code}]\n  remedy: {self.remedy}"
