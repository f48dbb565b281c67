"""Metrics plane: each family exists as declared and behaves, and no other does.

Judged on the text that instances themselves expose, so a scrape problem never hides a naming problem.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.metrics_core import Metric

from harness.clauses.exposition import expositions, families_of
from harness.clauses.metric_agreement import judge_also_at, judge_scraped
from harness.clauses.metric_course import judge_from_start, judge_monotonic, judge_moves, judge_rests
from harness.clauses.metric_form import Check, check_filled, check_help, check_histogram, check_name, check_size
from harness.clauses.metric_text import judge_duration, judge_length
from harness.clauses.model import Clause, Judge, Judgement, Need, held, still_open, violated
from harness.contract import Campaign
from harness.contract.fields import LabelRule
from harness.contract.planes import MetricFamily, Metrics
from harness.core.errors import Location
from harness.evidence.records import CAMPAIGN, Exposition
from harness.evidence.store import Evidence

__all__ = ["compile_metrics"]

_NEED = (Need("expositions"),)
_OWN_LABELS = {"histogram": frozenset({"le"}), "summary": frozenset({"quantile"})}
_Promise = tuple[str, str, Judge, tuple[Need, ...]]
"""Promise, statement, judge, and what it needs beside the texts."""


def compile_metrics(campaign: Campaign) -> Iterator[Clause]:
    """The campaign's clauses on metrics; none where the contract declares no metrics plane."""
    plane = campaign.contract.metrics
    if plane is None:
        return
    cells = tuple(scenario.name for scenario in campaign.scenarios)

    def clause(name: str, promise: _Promise, source: Location) -> Clause:
        label, statement, judge, needs = promise
        return Clause(CAMPAIGN, "metrics", name, label, source, statement, _NEED + needs, judge, cells)

    selector = _selector(plane) if campaign.artefact("prometheus") else ""
    for short, family in plane.families.items():
        name = plane.prefix + short
        source = campaign.promise("metrics", "families", short)
        documented = (family.help or plane.help) == "required"
        for promise in (*_form(name, family, documented=documented), *_course(name, family, selector)):
            yield clause(name, promise, source)
    for name, promise in _of_the_text(campaign, plane):
        yield clause(name, promise, campaign.promise("metrics"))


def _of_the_text(campaign: Campaign, plane: Metrics) -> Iterator[tuple[str, _Promise]]:
    """Promises about the metrics text as a whole."""
    declared = frozenset(plane.prefix + short for short in plane.families)
    if plane.prefix:
        statement = f"every family that begins with {plane.prefix} is declared in the contract"
        yield plane.prefix.rstrip("_"), ("declared", statement, _judge_undeclared(plane.prefix, declared), ())
    compared = frozenset(plane.prefix + name for name, f in plane.families.items() if f.clock == "production")
    for name in plane.told_at:
        statement = f"at rest {name} tells the same values as the metrics text"
        yield name, ("agrees", statement, judge_also_at(name, compared), (Need("answers", name),))
    budgets = campaign.contract.budgets
    if budgets.exposition is not None:
        statement = f"half of the reads of a metrics text take at most {budgets.exposition:g} s wall"
        yield "exposition", ("takes_at_most", statement, judge_duration(budgets.exposition), ())
    if budgets.exposition_bytes is not None:
        statement = f"no metrics text is longer than {budgets.exposition_bytes} bytes"
        yield "exposition", ("holds_at_most", statement, judge_length(budgets.exposition_bytes), ())


def _form(name: str, family: MetricFamily, *, documented: bool) -> Iterator[_Promise]:
    """What each text shows by itself."""

    def each(check: Check, label: str | None = None) -> Judge:
        return _judge_each(name, check, label, optional=family.optional)

    yield "exists", f"every instance exposes {name}", _judge_exists(name, optional=family.optional), ()
    if family.type != "untyped":
        yield "type", f"{name} is a {family.type}", each(_check_type(family.type)), ()
    if documented:
        yield "documented", f"{name} has a help text", each(check_help), ()
    yield "named", f"the name {name} says what its values are", each(check_name(name, family)), ()
    labels = frozenset(family.labels)
    yield "labels", f"{name} carries {_listed(labels)}", each(_check_labels(labels), ""), ()
    if family.labels:
        yield "label_values", f"labels of {name} stay within their values", each(_check_values(family), ""), ()
        yield "filled", f"no label of {name} holds a placeholder", each(check_filled(family), ""), ()
    if family.at_most is not None:
        yield "series", f"{name} has at most {family.at_most} series", each(check_size(family.at_most)), ()
    if family.buckets is not None:
        bounds = [*family.buckets, math.inf]
        yield "buckets", f"{name} has the declared buckets", each(_check_buckets(bounds), "le"), ()
    if family.type == "histogram":
        statement = f"buckets of {name} are cumulative and agree with its count and sum"
        yield "well_formed", statement, each(check_histogram), ()


def _course(name: str, family: MetricFamily, selector: str) -> Iterator[_Promise]:
    """What several texts show together."""
    if family.type in {"counter", "histogram", "summary"}:
        statement = f"{name} never goes back while its instance runs"
        yield "monotonic", statement, judge_monotonic(name, optional=family.optional), (Need("subject"),)
    if family.from_start:
        statement = f"every promised label set of {name} exists from the start"
        yield "from_start", statement, judge_from_start(name, family), (Need("ledger"),)
    if family.moves:
        statement = f"{name} moves while requests are answered"
        yield "moves", statement, judge_moves(name), (Need("ledger"),)
    if family.rests_at is not None:
        statement = f"{name} returns to {family.rests_at:g} after a story"
        yield "rests", statement, judge_rests(name, family.rests_at), (Need("barriers", "rest"),)
    if selector and not family.optional and family.clock == "production":
        statement = f"at rest Prometheus holds {name} as instances expose it"
        yield "scraped", statement, judge_scraped(name), (Need("federated", selector),)


def _selector(plane: Metrics) -> str:
    """Every series of the declared families, with those that belong to a histogram or a summary."""
    names = "|".join(re.escape(name) for name in plane.families)
    pattern = f"{re.escape(plane.prefix)}.+" if plane.prefix else f"(?:{names})(?:_bucket|_sum|_count)?"
    return f"{{__name__=~{json.dumps(pattern, ensure_ascii=False)}}}"  # names may hold dots and quotes


def _listed(labels: Iterable[str]) -> str:
    return f"the labels {', '.join(sorted(labels))}" if labels else "no labels"


_COMES_LATER: Final = "a family that comes with its first event is declared with optional: true"


def _judge_exists(name: str, *, optional: bool) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = False
        for item in expositions(evidence):
            families = families_of(item)
            present = families is not None and name in families
            seen |= present
            if not present and not optional:
                why = "" if families is not None else "; its text cannot be parsed"
                message = f"{name} is not exposed by {item.cell}/{item.instance}{why}"
                return violated(message, _COMES_LATER, hop="exposition", at=item.t)
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
        for item in expositions(evidence):
            read += 1
            family = (families_of(item) or {}).get(name)
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
        for item in expositions(evidence):
            families = families_of(item)
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
        if not rule.fits(value):
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
