"""The alerts of a campaign as they are put to the test, read from its artefacts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from harness.artefacts.bounds import AlertTiming
from harness.artefacts.rules import Rule, RuleFile, RuleGroup
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.virtual.design import Examined
from harness.virtual.extracts import extract, stands_on
from harness.virtual.families import leaves
from harness.virtual.promtool import RuleSet

__all__ = ["examined_alerts", "is_long", "recordings_of", "rule_set"]


_STEPS_OF_EXPERIMENT: Final = 20
"""Scrapes and evaluations that an experiment takes beside window and ``for``, generously."""
_WHOLE: Final = 5
"""Files of up to so many rules are run as they are."""


def rule_set(
    production: Production, needed: Collection[Path] | None = None, alerts: Collection[Examined] = ()
) -> RuleSet:
    """The untouched rule files (those ``needed``), their groups as written, and the server's external labels.

    Long ones are cut down to what ``alerts`` stand on, rule by rule as written.
    """
    pairs = [(path, file) for path, file in _paired(production) if needed is None or path in needed]
    external = production.prometheus.external_labels if production.prometheus else {}
    kept = _kept(production, alerts) if is_long(production, [path for path, _file in pairs]) else None
    if kept is None:
        groups = tuple(group.name for _path, file in pairs for group in file.groups)
        return RuleSet(tuple(path for path, _file in pairs), groups, external)
    texts = tuple(extract(production.rule_documents[path], file, kept) for path, file in pairs)
    ids = {id(rule) for rule in kept}
    left = [group for _path, file in pairs for group in file.groups if any(id(rule) in ids for rule in group.rules)]
    return RuleSet((), tuple(group.name for group in left), external, texts)


def is_long(production: Production, files: Collection[Path]) -> bool:
    """Whether experiments on ``files`` are better run on what they need of them."""
    return sum(len(file.rules) for path, file in _paired(production) if path in files) > _WHOLE


def _kept(production: Production, alerts: Collection[Examined]) -> tuple[Rule, ...] | None:
    recordings: dict[str, list[Rule]] = {}
    for rule in (rule for file in production.rules for rule in file.recordings):
        recordings.setdefault(rule.name, []).append(rule)
    return stands_on((each.rule for each in alerts), recordings) if alerts else None


def recordings_of(production: Production) -> dict[str, Rule]:
    """All recording rules by the name of what they record."""
    return {rule.name: rule for file in production.rules for rule in file.recordings}


def examined_alerts(campaign: Campaign, production: Production) -> tuple[Examined, ...]:
    """All alert rules with their timing; a name that stands more than once is told apart by its severity."""
    recordings = recordings_of(production)
    rules = [(group, rule) for file in production.rules for group in file.groups for rule in group.rules]
    alerts = [(group, rule) for group, rule in rules if rule.is_alert]
    homes = {id(rule): path for path, file in _paired(production) for rule in file.rules}
    labels: dict[str, set[str]] = {}
    for group, rule in alerts:
        labels.setdefault(rule.name, set()).update(group.labels, rule.labels)
    names = Counter(rule.name for _group, rule in alerts)
    return tuple(
        _examined(
            campaign,
            production,
            group,
            rule,
            recordings,
            _files(rule, recordings, homes),
            is_ambiguous=names[rule.name] > 1,
            lacks=tuple(sorted(labels[rule.name] - {*group.labels, *rule.labels})),
        )
        for group, rule in alerts
    )


def _paired(production: Production) -> Iterator[tuple[Path, RuleFile]]:
    return zip(production.rule_documents, production.rules, strict=True)


def _files(rule: Rule, recordings: Mapping[str, Rule], homes: Mapping[int, Path]) -> frozenset[Path]:
    read = [recordings[each.metric] for each in rule.query.selectors if each.metric in recordings]
    deeper = (_files(each, recordings, homes) for each in read if each is not rule)
    return frozenset({homes[id(rule)]}).union(*deeper)


def _examined(
    campaign: Campaign,
    production: Production,
    group: RuleGroup,
    rule: Rule,
    recordings: Mapping[str, Rule],
    files: frozenset[Path],
    *,
    is_ambiguous: bool,
    lacks: tuple[str, ...],
) -> Examined:
    evaluation_s = group.interval_s or production.evaluation_s
    promise = campaign.contract.alerts.get(rule.name)
    scrapes = production.prometheus.scrapes_of(rule.query.selectors) if production.prometheus else None
    scrape_s = scrapes.longest_s if scrapes else production.scrape_s
    range_s = production.chains.range_s(rule) + production.chains.recorded_s(rule)
    fresh_s, past_s = _memory(production, rule, scrape_s + evaluation_s)
    timing = AlertTiming(
        scrape_s=scrape_s,
        evaluation_s=evaluation_s,
        range_s=fresh_s if past_s else range_s,
        for_s=rule.for_s,
        keep_firing_for_s=rule.keep_firing_for_s,
        offset_s=production.chains.offset_s(group),
    )
    name = f"{rule.name}[{rule.labels.get('severity', group.name)}]" if is_ambiguous else rule.name
    read = [rule, *production.chains.read_by(rule)]
    windows = [each.range_s for each in leaves(rule, recordings) if each.range_s]
    shortest_s = min(windows, default=math.inf)
    always = bool(promise and promise.always)
    return Examined(
        name=name,
        rule=rule,
        group=group,
        timing=timing,
        reads_recordings=len(read) > 1,
        files=files,
        shortest_range_s=shortest_s,
        reach_s=range_s if past_s else 0.0,
        past_s=past_s,
        functions=frozenset[str]().union(*(each.query.functions for each in read)),
        lacks=lacks,
        always=always,
    )


def _memory(production: Production, rule: Rule, step_s: float) -> tuple[float, float]:
    """How far back an alert looks that knows its past, but for that past; and how long ago that is.

    0 where it knows none, or one so near that an experiment would outlast it.
    """
    pasts = production.chains.pasts(rule)
    if len(pasts) < 2:
        return 0.0, 0.0
    now_s, then_s = list(pasts)[:2]
    fresh_s = pasts[now_s] + production.chains.recorded_s(rule)
    is_short = then_s - now_s < fresh_s + rule.for_s + _STEPS_OF_EXPERIMENT * step_s
    return (0.0, 0.0) if is_short else (fresh_s, then_s - now_s)
