"""Which metrics and labels the contract and the configuration know: what may an expression speak of?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.artefacts.dimensions import NAMED, Quantity, quantity_of
from harness.artefacts.groupings import groupings_of
from harness.artefacts.promql import Matcher, Query, Selector
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.fields import LabelRule
from harness.contract.planes import MetricFamily
from harness.core.source import nearest

__all__ = ["Vocabulary", "vocabulary_of"]

_SUFFIXES: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
_SERVERS_OWN: Final = re.compile("up|ALERTS|ALERTS_FOR_STATE|scrape_.*")
"""Series that Prometheus itself writes, of every target and alert."""
_ALWAYS: Final = frozenset({"job", "instance", "__name__"})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Families by their full names, what recording rules add, and the labels that scraping adds."""

    prefix: str
    families: Mapping[str, MetricFamily]
    recorded: frozenset[str]
    scraped: frozenset[str] | None
    """Labels of targets; ``None`` where discovery may add any."""
    units: Mapping[str, Quantity | None]

    def problems(self, query: Query) -> Iterator[str]:
        """What ``query`` speaks of that is declared nowhere, one line each."""
        for selector in query.selectors:
            yield from self._selector(selector)
        for grouping in groupings_of(query):
            known = self._labels_of(grouping.selectors)
            for label in grouping.labels if known is not None else ():
                if known is not None and label not in known | grouping.made:
                    yield f"{grouping.word} ({label}): nothing below it has that label{_hint(label, known)}"

    def strangers(self, query: Query) -> tuple[str, ...]:
        """Metrics of ``query`` that neither the contract nor a rule names: those of other services."""
        names = (each.metric for each in query.selectors if each.metric and not _SERVERS_OWN.fullmatch(each.metric))
        return tuple(dict.fromkeys(n for n in names if self._family(n) is None and n not in self.recorded))

    def _selector(self, selector: Selector) -> Iterator[str]:
        name, family = selector.metric, self._family(selector.metric)
        if family is None:
            if self.prefix and name.startswith(self.prefix) and name not in self.recorded:
                yield f"{name} is declared nowhere{_hint(name, self._series())}"
            return
        if family.buckets is not None and name in self.families:
            yield f"{name} is a histogram: its series are {name}_bucket, {name}_sum and {name}_count"
        known = self._labels_of((selector,))
        for matcher in selector.matchers:
            if known is not None and matcher.name not in known:
                yield f"{name} has no label {matcher.name}{_hint(matcher.name, known)}"
            elif matcher.name in family.labels:
                yield from _value(name, matcher, family.labels[matcher.name])

    def _labels_of(self, selectors: tuple[Selector, ...]) -> frozenset[str] | None:
        """Labels that series of ``selectors`` carry; ``None`` where nobody says."""
        families = [self._family(each.metric) for each in selectors]
        if self.scraped is None or None in families or not families:
            return None
        own = {label for family in families if family for label in family.labels}
        extra = {"le", "quantile"} if any(family and family.type in _SUFFIXES for family in families) else set()
        return frozenset(own | extra) | self.scraped | _ALWAYS

    def _family(self, name: str) -> MetricFamily | None:
        if name in self.families:
            return self.families[name]
        for kind, suffixes in _SUFFIXES.items():
            for suffix in suffixes:
                family = self.families.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
                if family is not None and family.type == kind:
                    return family
        return None

    def _series(self) -> frozenset[str]:
        found = set(self.families) | self.recorded
        for name, family in self.families.items():
            found |= {name + suffix for suffix in _SUFFIXES.get(family.type, ())}
        return frozenset(found)


def _value(metric: str, matcher: Matcher, rule: LabelRule) -> Iterator[str]:
    shown = f"{matcher.name}{matcher.operator}{matcher.value!r}"
    if rule.one_of is not None and not any(matcher.accepts(value) for value in rule.one_of):
        yield f"{metric}: no declared value of {matcher.name} passes {shown}{_hint(matcher.value, rule.one_of)}"
    elif matcher.operator == "=" and not rule.fits(matcher.value):
        yield f"{metric}: {shown} can never be, by the declared pattern {rule.pattern}"


def _hint(name: str, known: Any) -> str:
    found = nearest(name, known)
    return f"; {found}" if found else ""


def vocabulary_of(campaign: Campaign, production: Production) -> Vocabulary:
    """The vocabulary of a campaign; its families are none where the contract declares no metrics."""
    plane = campaign.contract.metrics
    families = {plane.prefix + name: family for name, family in plane.families.items()} if plane else {}
    recordings = [rule for file in production.rules for rule in file.recordings]
    units: dict[str, Quantity | None] = {
        name: NAMED[family.measures] if family.measures else None for name, family in families.items()
    }
    for rule in recordings:
        units[rule.name] = quantity_of(rule.query, units)
    return Vocabulary(
        prefix=plane.prefix if plane else "",
        families=families,
        recorded=frozenset(rule.name for rule in recordings),
        scraped=_scraped(production),
        units=units,
    )


def _scraped(production: Production) -> frozenset[str] | None:
    """Labels that targets and relabelling add; ``None`` where they cannot be told from the files."""
    document = production.prometheus_document
    if document is None or production.prometheus is None:
        return None
    found: set[str] = set()
    for each in production.prometheus.jobs:
        found |= set(each.discovery.labels)
    written = (document, *production.scrape_documents.values())
    for job in (job for each in written for job in each.data.get("scrape_configs") or ()):
        rules = [*(job.get("relabel_configs") or ()), *(job.get("metric_relabel_configs") or ())]
        if any(rule.get("action") == "labelmap" for rule in rules):
            return None
        found |= {rule["target_label"] for rule in rules if "target_label" in rule}
    return frozenset(found)
