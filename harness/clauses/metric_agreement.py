"""At rest everybody tells the same of a family: the instances, Prometheus, and a second endpoint in JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harness.clauses.exposition import (
    SeriesKey,
    by_instance,
    families_of,
    key_of,
    last_texts,
    parse_exposition,
    shown_series,
)
from harness.clauses.model import Judge, Judgement, held, still_open, violated
from harness.clauses.scrapes import refusals
from harness.evidence.records import Exposition, Federated, HttpAnswer
from harness.evidence.store import Evidence

__all__ = ["judge_also_at", "judge_scraped"]

Values = dict[SeriesKey, float]
Told = Counter[tuple[SeriesKey, float | None]]
"""How often each series was told with each value; ``None`` stands for whatever value."""
_BOUNDS: Final = frozenset({"le", "quantile"})


def judge_scraped(name: str) -> Judge:
    """Prometheus holds every series of the family as instances expose it, under the same labels."""

    def judge(evidence: Evidence) -> Judgement:
        compared, natively = 0, ""
        for cell in evidence.cells():
            found = evidence.of(Federated, cell)
            if not found:
                continue
            for told in _twice(evidence, cell, name):
                return violated(told, "Prometheus keeps the first of them", hop="exposition")
            exposed = _standing(evidence, cell, found[-1].t, name)
            if _is_native(found[-1].text, name):
                natively = " as a native histogram, whose buckets the text does not show"
                exposed = Counter({each: n for each, n in exposed.items() if each[0][0] != f"{name}_bucket"})
            compared += exposed.total()
            missing = exposed - _held_by(found[-1].text, exposed)
            if missing:
                shown = [shown_series(key) + ("" if value is None else f" {value:g}") for key, value in missing]
                why = refusals(evidence, cell)
                return violated(f"Prometheus does not hold {shown[0]} of {cell}", *shown[1:6], *why, hop="scrape")
        if compared and evidence.all_completed():
            return held(f"{compared} series are in Prometheus as exposed{natively}")
        return still_open("nothing was compared at rest" if not compared else "the stories are not over")

    return judge


def _twice(evidence: Evidence, cell: str, name: str) -> Iterator[str]:
    """Series that a text holds more than once, with different values."""
    for instance, texts in by_instance(evidence, cell).items():
        family = (families_of(texts[-1]) or {}).get(name)
        values: dict[SeriesKey, set[float]] = defaultdict(set)
        for sample in family.samples if family else ():
            values[_normal(key_of(sample))].add(sample.value)
        for key in (key for key, found in values.items() if len(found) > 1):
            yield f"{shown_series(key)} stands {len(values[key])} times in one text, with different values ({instance})"


def _is_native(text: str, name: str) -> bool:
    """Whether Prometheus holds the family as a native histogram, and not also by classic buckets."""
    return f"# native {name}\n" in text and f"{name}_bucket" not in text


def _standing(evidence: Evidence, cell: str, t: float, name: str) -> Told:
    """Series of all instances right before and after ``t``; with their value where it is the same both times."""
    found: Told = Counter()
    for texts in by_instance(evidence, cell).values():
        before, after = _around(texts, t)
        if before is not None and after is not None:
            earlier, later = _values(before, name), _values(after, name)
            restless = _restless(texts, name)
            found.update(
                (k, v if later[k] == v and k not in restless else None) for k, v in earlier.items() if k in later
            )
    return found


def _restless(texts: list[Exposition], name: str) -> frozenset[SeriesKey]:
    """Gauges and quantiles that moved in the story: between two readings they may move and come back."""
    seen: dict[SeriesKey, set[float]] = defaultdict(set)
    for item in texts:
        family = (families_of(item) or {}).get(name)
        for sample in family.samples if family else ():
            if family and (family.type == "gauge" or "quantile" in sample.labels):
                seen[_normal(key_of(sample))].add(sample.value)
    return frozenset(key for key, values in seen.items() if len(values) > 1)


def _around(texts: list[Exposition], t: float) -> tuple[Exposition | None, Exposition | None]:
    before = [item for item in texts if item.t <= t]
    after = [item for item in texts if item.t > t]
    return (before[-1] if before else None), (after[0] if after else None)


def _values(item: Exposition, name: str) -> Values:
    family = (families_of(item) or {}).get(name)
    return {_normal(key_of(sample)): sample.value for sample in family.samples} if family else {}


def _normal(key: SeriesKey) -> SeriesKey:
    """A label without a value is no label: Prometheus does not keep it."""
    return key[0], frozenset((label, _bound(label, value)) for label, value in key[1] if value)


def _bound(label: str, value: str) -> str:
    """Prometheus writes the bounds of buckets its own way: ``1`` becomes ``1.0``."""
    return str(_number(value)) if label in _BOUNDS else value


def _held_by(text: str, wanted: Told) -> Told:
    """What Prometheus holds under the wanted names; labels that the exposition does not have are the target's."""
    own: dict[str, set[frozenset[str]]] = defaultdict(set)
    for (name, labels), _ in wanted:
        own[name].add(frozenset(label for label, _ in labels))
    found: Told = Counter()
    for family in parse_exposition(text).values():
        for sample in family.samples:
            for names in own.get(sample.name, ()):
                key = sample.name, frozenset((k, _bound(k, v)) for k, v in sample.labels.items() if k in names)
                found[key, sample.value] += 1
                found[key, None] += 1
    return found


def judge_also_at(endpoint: str, names: frozenset[str]) -> Judge:
    """At rest the endpoint tells every declared series with the value of the metrics text, as JSON or as text."""

    def judge(evidence: Evidence) -> Judgement:
        compared = 0
        for cell in evidence.cells():
            for last in last_texts(evidence, cell):
                answer = _answer_before(evidence, endpoint, last)
                if answer is None:
                    continue
                told = dict(_samples_in(answer.body))
                standing = _standing_of(evidence, cell, last, answer.t, names)
                compared += len(standing)
                for key, value in standing.items():
                    if told.get(key) != value:
                        return _disagree(answer, key, value, told.get(key))
        if compared and evidence.all_completed():
            return held(f"{compared} values agree")
        return still_open("nothing was compared at rest" if not compared else "the stories are not over")

    return judge


def _answer_before(evidence: Evidence, endpoint: str, last: Exposition) -> HttpAnswer | None:
    found = [
        answer
        for answer in evidence.of(HttpAnswer, last.cell)
        if answer.endpoint == endpoint and answer.instance == last.instance and answer.t <= last.t and answer.status
    ]
    return found[-1] if found else None


def _standing_of(evidence: Evidence, cell: str, last: Exposition, t: float, names: frozenset[str]) -> Values:
    texts = by_instance(evidence, cell)[last.instance]
    before, after = _around(texts, t)
    if before is None or after is None:
        return {}
    standing: Values = {}
    for name in names:
        later, restless = _values(after, name), _restless(texts, name)
        same = ((key, value) for key, value in _values(before, name).items() if later.get(key) == value)
        standing |= {key: value for key, value in same if key not in restless}
    return standing


def _samples_in(document: Any) -> Iterator[tuple[SeriesKey, float]]:
    """Every object with a name, labels and a value, wherever it stands in the document; every sample of a text."""
    if isinstance(document, str):
        yield from _samples_of_text(document)
    if isinstance(document, list):
        for item in document:
            yield from _samples_in(item)
    elif isinstance(document, Mapping):
        name, labels, value = document.get("name"), document.get("labels"), document.get("value")
        if isinstance(name, str) and isinstance(labels, Mapping) and value is not None:
            yield _normal((name, frozenset((str(k), str(v)) for k, v in labels.items()))), _number(value)
        for item in document.values():
            yield from _samples_in(item)


def _samples_of_text(text: str) -> Iterator[tuple[SeriesKey, float]]:
    try:
        families = parse_exposition(text)
    except ValueError:
        return
    for family in families.values():
        yield from ((_normal(key_of(sample)), sample.value) for sample in family.samples)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _disagree(answer: HttpAnswer, key: SeriesKey, value: float, told: float | None) -> Judgement:
    instead = "does not hold it" if told is None else f"says {told:g}"
    where = f"{answer.cell}/{answer.instance}"
    return violated(f"{shown_series(key)} is {value:g}, but {answer.endpoint} {instead} ({where})", at=answer.t)
