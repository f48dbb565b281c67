"""PromQL expectations of a story: a counter that grows one for one with requests, a value above or below."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from harness.clauses.conservation import by_label, mismatches
from harness.clauses.counting import demand, describe, requests_meant
from harness.clauses.model import Clause, Judge, Judgement, Need, held, inconclusive, still_open, violated
from harness.clauses.timeline import unconfirmed
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectMetric
from harness.evidence.records import ASKED_FROM, Barrier, Reading, Series, Unmet
from harness.evidence.store import Evidence

__all__ = ["compile_metric_expectation", "points_in", "unrecorded", "values_of", "window_of"]

Point = tuple[float, float]
_SAME_INSTANT_S: Final = 0.0005
"""Prometheus answers in whole milliseconds."""


def compile_metric_expectation(campaign: Campaign, scenario: Scenario, item: Expected) -> Iterator[Clause]:
    """What a story says about the value of a PromQL expression."""
    rule = item.rule
    assert isinstance(rule, ExpectMetric)
    for promise, statement, judge in _promises(campaign, scenario.name, item.about, rule):
        needs = (Need("query", item.about), *((Need("ledger"), Need("barriers", "metrics")) if rule.counts else ()))
        yield Clause(
            scenario.name, "metrics", item.about, promise, item.source, statement, needs, judge, (scenario.name,)
        )


def _promises(campaign: Campaign, cell: str, query: str, rule: ExpectMetric) -> Iterator[tuple[str, str, Judge]]:
    when = f" during {rule.during}" if rule.during else ""
    tag = f"_in_{rule.during.replace(' ', '_')}" if rule.during else ""
    if rule.counts:
        each = f" for each {' and '.join(rule.by)}" if rule.by else ""
        tail = "".join(f"_by_{label}" for label in rule.by)
        if rule.within is not None:
            scaled = campaign.profile.clock == "scaled"
            statement = f"{query} grows by {rule.counts}, to {rule.within:.0%} of them"
            yield rule.counts.replace(" ", "_"), statement, _judge_seconds(cell, query, rule, scaled=scaled)
        else:
            judge = _judge_counts(cell, query, rule, campaign.contract.counting.aborted)
            yield rule.counts.replace(" ", "_") + tail, f"{query} grows by exactly {rule.counts}{each}", judge
    if rule.rises_in:
        promise = f"rises_in_{rule.rises_in.replace(' ', '_')}"
        yield promise, f"{query} rises during {rule.rises_in}", _judge_rises(cell, query, rule.rises_in)
    if rule.above is not None:
        yield f"above_{rule.above:g}{tag}", f"{query} exceeds {rule.above:g}{when}", _judge_above(cell, query, rule)
    if rule.below is not None:
        yield f"below_{rule.below:g}{tag}", f"{query} stays below {rule.below:g}{when}", _judge_below(cell, query, rule)


def values_of(evidence: Evidence, cell: str, query: str) -> list[Point]:
    """Points of all series that answer ``query``, in order of time; what is no number says nothing."""
    return sorted(point for points in _series_of(evidence, cell, query) for point in points)


def _series_of(evidence: Evidence, cell: str, query: str) -> list[list[Point]]:
    """Points of each series that answers ``query``, in order of time."""
    return list(_labelled(evidence, cell, query).values())


def _labelled(evidence: Evidence, cell: str, query: str) -> dict[frozenset[tuple[str, str]], list[Point]]:
    """As ``_series_of``, by labels."""
    found: dict[frozenset[tuple[str, str]], list[Point]] = defaultdict(list)
    for series in evidence.of(Series, cell):
        if series.query == query:
            found[frozenset(series.labels.items())] += (p for p in series.points if not math.isnan(p[1]))
    return {labels: sorted(points) for labels, points in found.items() if points}


def unrecorded(evidence: Evidence, cell: str, query: str) -> Judgement | None:
    """Why the values of ``query`` are not known, where they could not be recorded."""
    need = str(Need("query", query))
    unmet = next((item for item in evidence.of(Unmet, cell) if item.need == need), None)
    return still_open(f"{need} was not recorded: {unmet.reason}") if unmet else None


def _judge_counts(cell: str, query: str, rule: ExpectMetric, aborted: Sequence[int]) -> Judge:
    wanted = demand(rule.counts or "")

    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        if not requests_meant(evidence, cell, wanted):
            return inconclusive(f"the generator sent no {describe(wanted)}: nothing was compared")
        series = _labelled(evidence, cell, query)
        if not series:
            return unrecorded(evidence, cell, query) or violated(
                f"{query} returned nothing throughout the story", hop="metric"
            )
        grown: dict[tuple[str, ...], float] = defaultdict(float)
        for labels, points in series.items():
            grown[tuple(dict(labels).get(label, "") for label in rule.by)] += _growth(evidence, cell, points)
        ledger = by_label(evidence, cell, wanted, list(rule.by.values()), aborted)
        problems, growth = mismatches(ledger, grown), sum(grown.values())
        what = f"{wanted.measure} of {describe(wanted)}" if wanted.measure == "work units" else describe(wanted)
        if not problems:
            return held(f"grew by {growth:g}: {ledger.total:g} of {what}", *_told(grown, rule))
        restless = [item for item in evidence.of(Barrier, cell) if item.plane == "metrics" and not item.passed]
        if restless:
            return inconclusive(f"the metrics never came to rest: {restless[-1].detail}")
        message = f"grew by {growth:g}, but there were {ledger.total:g} of {what}"
        return violated(message, *(problems[:6] if rule.by else ()), hop="metric")

    return judge


def _judge_seconds(cell: str, query: str, rule: ExpectMetric, *, scaled: bool) -> Judge:
    """What the service timed is about what its clients waited, on the service's own clock."""
    wanted, within = demand(rule.counts or ""), rule.within or 0.0

    def judge(evidence: Evidence) -> Judgement:
        start = evidence.started(cell)
        if start is None or not evidence.completed(cell):
            return still_open("the story is not over")
        meant = [each for each in requests_meant(evidence, cell, wanted) if each.end_t and each.sent_t]
        if not meant:
            return inconclusive(f"the generator sent no {describe(wanted)}: nothing was compared")
        series = _series_of(evidence, cell, query)
        if not series:
            missing = unrecorded(evidence, cell, query)
            return missing or violated(f"{query} returned nothing throughout the story", hop="metric")
        growth = sum(_growth(evidence, cell, points) for points in series)
        waited_s = sum((each.end_t or 0.0) - (each.sent_t or 0.0) for each in meant) * (start.speed if scaled else 1.0)
        message = f"grew by {growth:.4g} s, the clients of {len(meant)} {describe(wanted)} waited {waited_s:.4g} s"
        agrees = abs(growth - waited_s) <= within * waited_s
        return held(message) if agrees else violated(message, hop="metric")

    return judge


def _told(grown: Mapping[tuple[str, ...], float], rule: ExpectMetric) -> Iterator[str]:
    """How much of the growth stood under which labels."""
    if rule.by:
        yield "; ".join(f"{', '.join(key)}: {value:g}" for key, value in sorted(grown.items()) if value)


def _growth(evidence: Evidence, cell: str, points: list[Point]) -> float:
    """From the beginning of the story to its end; a series that was born in the story began at zero."""
    return points[-1][1] - (0.0 if points[0][0] > _born_after(evidence, cell) else points[0][1])


def _born_after(evidence: Evidence, cell: str) -> float:
    """From when on a series was not there before the story: its first value was asked for before the first request."""
    asked = [item.t for item in evidence.of(Reading, cell) if item.name == ASKED_FROM]
    if asked:
        return max(asked) + _SAME_INSTANT_S
    start = evidence.started(cell)  # an older bundle, which only lets it be guessed
    return start.t + 2 * (start.scrape_s + start.evaluation_s) if start else math.inf


def window_of(evidence: Evidence, cell: str, phase: str | None) -> tuple[float | None, float, bool]:
    """Wall beginning and end of a phase (None: of the story), and whether all of it has been watched."""
    if phase is None:
        start = evidence.started(cell)
        return (start.t if start else None), float("inf"), evidence.completed(cell)
    begin, end = evidence.phase(cell, phase)
    return begin, end if end is not None else float("inf"), end is not None and evidence.horizon(cell) >= end


def points_in(evidence: Evidence, cell: str, query: str, phase: str | None) -> tuple[list[list[Point]], bool]:
    """Points of each series in ``phase``, and whether all of them are known."""
    begin, end, over = window_of(evidence, cell, phase)
    if begin is None:
        return [], False
    series = _series_of(evidence, cell, query)
    inside = ([point for point in points if begin <= point[0] <= end] for points in series)
    return [points for points in inside if points], over


def _unseen(evidence: Evidence, cell: str, query: str, phase: str | None, message: str) -> Judgement:
    """The judgement on a value that was not seen though the whole phase was watched."""
    missing = unrecorded(evidence, cell, query) or unconfirmed(evidence, cell, phase)
    return missing or violated(message, hop="metric")


def _judge_rises(cell: str, query: str, phase: str) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        series, over = points_in(evidence, cell, query, phase)
        for points in series:
            for earlier, later in pairwise(points):
                if later[1] > earlier[1]:
                    return held(f"rose from {earlier[1]:g} to {later[1]:g}", at=later[0])
        if not over:
            return still_open("the phase is not over")
        count = sum(map(len, series))
        return _unseen(evidence, cell, query, phase, f"did not rise in {count} evaluations")

    return judge


def _judge_above(cell: str, query: str, rule: ExpectMetric) -> Judge:
    assert rule.above is not None
    limit = rule.above

    def judge(evidence: Evidence) -> Judgement:
        series, over = points_in(evidence, cell, query, rule.during)
        points = sorted(point for points in series for point in points)
        for t, value in points:
            if value > limit:
                return held(f"reached {value:g}", at=t)
        if not over:
            return still_open("the phase is not over")
        highest = f"never exceeded {max(value for _, value in points):g}" if points else "it returned nothing"
        return _unseen(evidence, cell, query, rule.during, highest)

    return judge


def _judge_below(cell: str, query: str, rule: ExpectMetric) -> Judge:
    assert rule.below is not None
    limit = rule.below

    def judge(evidence: Evidence) -> Judgement:
        series, over = points_in(evidence, cell, query, rule.during)
        points = sorted(point for points in series for point in points)
        for t, value in points:
            if value >= limit:
                return unconfirmed(evidence, cell, rule.during) or violated(f"reached {value:g}", hop="metric", at=t)
        if over and points:
            return held(f"at most {max(value for _, value in points):g} in {len(points)} evaluations")
        return still_open("it returned nothing" if over else "the phase is not over")

    return judge
