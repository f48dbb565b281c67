"""What only several metrics texts show of a family: it never goes back, was whole from the start, comes to rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from harness.clauses.exposition import SeriesKey, by_instance, families_of, key_of, last_texts, shown_series
from harness.clauses.model import Judge, Judgement, held, inconclusive, still_open, violated
from harness.contract.planes import MetricFamily
from harness.evidence.records import CAMPAIGN, Barrier, ComponentState, Exposition, Request
from harness.evidence.store import Evidence

__all__ = ["judge_from_start", "judge_monotonic", "judge_moves", "judge_rests"]

_COUNTING = ("_total", "_bucket", "_count")


def judge_monotonic(name: str, *, optional: bool) -> Judge:
    """Between two texts of one instance nothing counted falls or goes missing, unless it was started again."""

    def judge(evidence: Evidence) -> Judgement:
        compared = 0
        for cell in evidence.cells():
            for texts in by_instance(evidence, cell).values():
                before: dict[SeriesKey, float] = {}
                last_t = -math.inf
                for item in texts:
                    now = _counted(families_of(item) or {}, name)
                    if _restarted(evidence, item, last_t):
                        before = {}
                    for key, value in before.items():
                        compared += 1
                        if not now.get(key, -1.0) >= value:
                            return _fell(item, key, value, now.get(key))
                    before, last_t = now, item.t
        if not evidence.all_completed():
            return still_open("the stories are not over")
        if compared or optional:
            return held(f"{compared} values were not below the one before")
        return still_open(f"{name} was never read twice")

    return judge


def _counted(families: Mapping[str, Metric], name: str) -> dict[SeriesKey, float]:
    family = families.get(name)
    if family is None:
        return {}
    # what a summary tells under its own name are quantiles: they rise and fall
    alone = family.type != "summary"
    samples = (s for s in family.samples if (alone and s.name == name) or s.name.endswith(_COUNTING))
    return {key_of(sample): sample.value for sample in samples}


def _fell(item: Exposition, key: SeriesKey, before: float, now: float | None) -> Judgement:
    what = "is gone" if now is None else f"fell to {now:g}"
    return violated(f"{shown_series(key)} {what} after {before:g} ({item.cell}/{item.instance})", at=item.t)


def _restarted(evidence: Evidence, item: Exposition, since: float) -> bool:
    states = evidence.of(ComponentState, item.cell)
    return any(s.component == item.instance and s.action == "exited" and since < s.t <= item.t for s in states)


def judge_from_start(name: str, declared: MetricFamily) -> Judge:
    """The first text of each instance, read before any request was answered, holds every promised label set."""
    promised = _combinations(declared)

    def judge(evidence: Evidence) -> Judgement:
        looked, late = 0, False
        for first in _first_texts(evidence):
            if first.t > _first_answer(evidence, first.cell):
                late = True
                continue
            family = (families_of(first) or {}).get(name)
            if family is None or any(not declared.labels.keys() <= s.labels.keys() for s in family.samples):
                return inconclusive(f"because of {CAMPAIGN}::metrics::{name}::{'labels' if family else 'exists'}")
            missing = list(_missing(family.samples, promised))
            if missing:
                where = f"{first.cell}/{first.instance}"
                return violated(f"{missing[0]} does not exist from the start ({where})", *missing[1:6], at=first.t)
            looked += 1
        if looked and evidence.all_completed():
            return held(f"there at once in {looked} instances")
        if looked or not late:
            return still_open("no instance's first text was read" if not looked else "the stories are not over")
        return still_open("every first text was read after the first answer: the series may be younger than the start")

    return judge


def _first_texts(evidence: Evidence) -> Iterator[Exposition]:
    for cell in evidence.cells():
        for texts in by_instance(evidence, cell).values():
            yield texts[0]


def _first_answer(evidence: Evidence, cell: str) -> float:
    return min((r.end_t for r in evidence.of(Request, cell) if r.end_t is not None), default=math.inf)


def _combinations(declared: MetricFamily) -> list[dict[str, list[str]]]:
    if declared.from_start == "all":
        return [{label: rule.one_of for label, rule in declared.labels.items() if rule.one_of is not None}]
    return declared.from_start


def _missing(samples: Sequence[Sample], promised: Sequence[Mapping[str, Sequence[str]]]) -> Iterator[str]:
    """Label sets that are promised and not there; a label that the promise leaves out takes each value it has."""
    for lists in promised:
        there: dict[frozenset[tuple[str, str]], set[tuple[str, ...]]] = {}
        for sample in samples:
            open_ones = frozenset((k, v) for k, v in sample.labels.items() if k not in lists and k != "le")
            there.setdefault(open_ones, set()).add(tuple(sample.labels.get(label, "") for label in lists))
        for others, found in (there or {frozenset(): set()}).items():
            for values in product(*lists.values()):
                if values not in found:
                    yield shown_series(("", others | frozenset(zip(lists, values, strict=True))))


def judge_moves(name: str) -> Judge:
    """In some story two texts of one instance differ in what they say of the family; one that never moves is broken.

    Where no request was answered it proves nothing.
    """

    def judge(evidence: Evidence) -> Judgement:
        read = 0
        for cell in evidence.cells():
            for texts in by_instance(evidence, cell).values():
                first: dict[SeriesKey, float] | None = None
                for item in texts:
                    now = _values(families_of(item) or {}, name)
                    read += first is not None
                    if first is not None and now != first:
                        return held(f"it moved in {cell} ({item.instance})", at=item.t)
                    first = now if first is None else first
        if not evidence.all_completed():
            return still_open("the stories are not over")
        if not read or not any(_answered(evidence, cell) for cell in evidence.cells()):
            return still_open("no request was answered between two texts")
        return violated(f"it stands still in {read} texts, though requests were answered", hop="metric")

    return judge


def _values(families: Mapping[str, Metric], name: str) -> dict[SeriesKey, float]:
    return {key_of(sample): sample.value for sample in families[name].samples} if name in families else {}


def _answered(evidence: Evidence, cell: str) -> bool:
    return any(request.expected and not request.aborted and request.status for request in evidence.of(Request, cell))


def judge_rests(name: str, value: float) -> Judge:
    """After a story, when nothing is in flight and no fault is in force, every series stands at ``value``."""

    def judge(evidence: Evidence) -> Judgement:
        looked = 0
        for cell in evidence.cells():
            for item in last_texts(evidence, cell):
                family = (families_of(item) or {}).get(name)
                for sample in family.samples if family else ():
                    looked += 1
                    if sample.value != value:
                        return _restless(evidence, item, sample, value)
        if looked and evidence.all_completed():
            return held(f"{looked} series came to rest at {value:g}")
        return still_open("no text was read after a story" if not looked else "the stories are not over")

    return judge


def _restless(evidence: Evidence, item: Exposition, sample: Sample, value: float) -> Judgement:
    message = f"{shown_series(key_of(sample))} stands at {sample.value:g} after {item.cell} ({item.instance})"
    waited = [b for b in evidence.of(Barrier, item.cell) if b.plane == "rest"]
    if not waited:
        return inconclusive(f"{message}, but nobody waited for it to rest at {value:g}")
    return violated(message, waited[-1].detail, hop="metric", at=item.t)
