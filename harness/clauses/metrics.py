"""Metrics plane: each family exists with its type, labels, label values and buckets, and no other does.

Judged on the text that instances themselves expose, so a scrape problem never hides a naming problem.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from harness.clauses.model import Clause, Judge, Judgement, Need, held, still_open, violated
from harness.contract import Campaign
from harness.contract.fields import LabelRule
from harness.contract.files import MetricFamily
from harness.core.errors import Location
from harness.evidence.records import CAMPAIGN, Exposition
from harness.evidence.store import Evidence

__all__ = ["compile_metrics", "parse_exposition"]

_NEED = (Need("expositions"),)
_OWN_LABELS = {"histogram": frozenset({"le"}), "summary": frozenset({"quantile"})}
Check = Callable[[Metric], Iterator[str]]


@lru_cache(maxsize=128)
def parse_exposition(text: str) -> dict[str, Metric]:
    """Families by the name that operators query; raises ``ValueError`` on text that is not an exposition."""
    families: dict[str, Metric] = {}
    try:
        for family in text_string_to_metric_families(text):
            families[_queried(family, text)] = family
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # the parser stumbles in several ways over text that is none
        raise ValueError(f"not an exposition: {error}") from None
    return families


def _queried(family: Metric, text: str) -> str:
    """The parser gives every counter the suffix ``_total``; Prometheus takes names as they stand in the text."""
    total = f"{family.name}_total"
    suffixed = family.type == "counter" and re.search(rf"^(# TYPE )?{re.escape(total)}[\s{{]", text, re.MULTILINE)
    return total if suffixed else family.name


def compile_metrics(campaign: Campaign) -> Iterator[Clause]:
    """The campaign's clauses on metrics; none where the contract declares no metrics plane."""
    plane = campaign.contract.metrics
    if plane is None:
        return
    cells = tuple(scenario.name for scenario in campaign.scenarios)

    def clause(name: str, promise: str, statement: str, judge: Judge, source: Location) -> Clause:
        return Clause(CAMPAIGN, "metrics", name, promise, source, statement, _NEED, judge, cells)

    for short, family in plane.families.items():
        name = plane.prefix + short
        source = campaign.promise("metrics", "families", short)
        for promise, statement, judge in _promises(name, family):
            yield clause(name, promise, statement, judge, source)
    declared = frozenset(plane.prefix + short for short in plane.families)
    if plane.prefix:
        statement = f"every family that begins with {plane.prefix} is declared in the contract"
        judge = _judge_undeclared(plane.prefix, declared)
        yield clause(plane.prefix.rstrip("_"), "declared", statement, judge, campaign.promise("metrics"))


def _promises(name: str, family: MetricFamily) -> Iterator[tuple[str, str, Judge]]:
    def each(check: Check, label: str | None = None) -> Judge:
        return _judge_each(name, check, label, optional=family.optional)

    yield "exists", f"every instance exposes {name}", _judge_exists(name, optional=family.optional)
    if family.type != "untyped":
        yield "type", f"{name} is a {family.type}", each(_check_type(family.type))
    labels = frozenset(family.labels)
    yield "labels", f"{name} carries {_listed(labels)}", each(_check_labels(labels), "")
    if family.labels:
        yield "label_values", f"labels of {name} stay within their values", each(_check_values(family), "")
    if family.buckets is not None:
        bounds = [*family.buckets, math.inf]
        yield "buckets", f"{name} has the declared buckets", each(_check_buckets(bounds), "le")


def _listed(labels: Iterable[str]) -> str:
    return f"the labels {', '.join(sorted(labels))}" if labels else "no labels"


def _expositions(evidence: Evidence) -> Iterator[Exposition]:
    for cell in evidence.cells():
        yield from evidence.of(Exposition, cell)


def _judge_exists(name: str, *, optional: bool) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = False
        for item in _expositions(evidence):
            families = _families(item)
            present = families is not None and name in families
            seen |= present
            if not present and not optional:
                why = "" if families is not None else "; its text cannot be parsed"
                message = f"{name} is not exposed by {item.cell}/{item.instance}{why}"
                return violated(message, hop="exposition", at=item.t)
        if not evidence.all_completed():
            return still_open(f"{name} was not seen to the end of every story")
        unread = _unread(evidence)
        if unread:
            return still_open(f"the metrics of {unread} were never read")
        return held(f"{name} is exposed by every instance" if seen else "it is optional, and never exposed")

    return judge


def _unread(evidence: Evidence) -> str:
    """An instance of which no exposition was read, or the empty string."""
    for cell in evidence.cells():
        start = evidence.started(cell)
        read = {item.instance for item in evidence.of(Exposition, cell)}
        for instance in start.instances if start else ():
            if instance not in read:
                return f"{cell}/{instance}"
    return ""


def _judge_each(name: str, check: Check, label: str | None, *, optional: bool) -> Judge:
    """``label`` tells which samples there must be to check: any (None: not even one), or those that carry it."""

    def judge(evidence: Evidence) -> Judgement:
        seen = read = 0
        for item in _expositions(evidence):
            read += 1
            family = (_families(item) or {}).get(name)
            if family is None:
                continue
            seen += label is None or any(not label or label in sample.labels for sample in family.samples)
            problems = tuple(dict.fromkeys(check(family)))
            if problems:
                return violated(f"{problems[0]} (instance {item.instance})", *problems[1:6], at=item.t)
        if not evidence.all_completed():
            return still_open("the stories are not over")
        if seen or (optional and read):
            return held(f"as declared in {seen} expositions")
        return still_open(f"no sample of {name} was ever exposed")

    return judge


def _judge_undeclared(prefix: str, declared: frozenset[str]) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for item in _expositions(evidence):
            families = _families(item)
            if families is None:
                continue
            seen += 1
            others = sorted(n for n in families if n.startswith(prefix) and not _covered(n, declared))
            if others:
                return violated(f"{others[0]} is exposed but not declared", *others[1:6], at=item.t)
        if seen and evidence.all_completed():
            return held(f"no undeclared family in {seen} expositions")
        return still_open("no exposition was read" if not seen else "the stories are not over")

    return judge


def _covered(name: str, declared: frozenset[str]) -> bool:
    # client libraries expose the birth of counters and histograms beside them, as OpenMetrics' _created
    return name in declared or (name.endswith("_created") and _created_of(name) & declared != frozenset())


def _created_of(name: str) -> frozenset[str]:
    stem = name.removesuffix("_created")
    return frozenset({stem, f"{stem}_total"})


def _families(item: Exposition) -> dict[str, Metric] | None:
    try:
        return parse_exposition(item.text)
    except ValueError:
        return None


def _check_type(expected: str) -> Check:
    def check(family: Metric) -> Iterator[str]:
        if family.type != expected:
            yield f"its type is {family.type}, not {expected}"

    return check


def _check_labels(expected: frozenset[str]) -> Check:
    def check(family: Metric) -> Iterator[str]:
        for sample in family.samples:
            names = frozenset(sample.labels) - _OWN_LABELS.get(family.type, frozenset())
            if names != expected:
                yield f"{sample.name} carries {_listed(names)}, not {_listed(expected)}"

    return check


def _check_values(declared: MetricFamily) -> Check:
    def check(family: Metric) -> Iterator[str]:
        for label, rule in declared.labels.items():
            values = dict.fromkeys(s.labels[label] for s in family.samples if label in s.labels)
            yield from _broken_values(label, list(values), rule)

    return check


def _broken_values(label: str, values: list[str], rule: LabelRule) -> Iterator[str]:
    for value in values:
        if rule.one_of is not None and value not in rule.one_of:
            yield f"{label}={value!r} is not one of {', '.join(rule.one_of)}"
        if rule.pattern is not None and not re.fullmatch(rule.pattern, value):
            yield f"{label}={value!r} does not match {rule.pattern}"
    if rule.at_most is not None and len(values) > rule.at_most:
        yield f"{label} takes {len(values)} values, at most {rule.at_most} are allowed"


def _check_buckets(expected: list[float]) -> Check:
    def check(family: Metric) -> Iterator[str]:
        series: dict[frozenset[tuple[str, str]], list[float]] = {}
        for sample in family.samples:
            if "le" in sample.labels:
                rest = frozenset((k, v) for k, v in sample.labels.items() if k != "le")
                series.setdefault(rest, []).append(_bound(sample.labels["le"]))
        for bounds in series.values():
            if sorted(bounds) != expected:
                yield f"its buckets are {_shown(sorted(bounds))}, not {_shown(expected)}"

    return check


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _shown(bounds: list[float]) -> str:
    return " ".join(f"{bound:g}" for bound in bounds)
