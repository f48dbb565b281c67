"""What panels showed: the answers of Prometheus at the end of each phase, judged panel by panel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.clauses.model import (
    REFUSED,
    Clause,
    Judge,
    Judgement,
    Need,
    held,
    inconclusive,
    recorded_as,
    still_open,
    violated,
)
from harness.clauses.panels import AskedQuery
from harness.core.errors import Location
from harness.evidence.records import CAMPAIGN, Series, Unmet
from harness.evidence.store import Evidence

__all__ = ["Subject", "judge_data", "judge_legend", "judge_plausible", "need_of"]

_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Subject:
    """A panel or a variable of a board, its queries, and the stories that show it."""

    name: str
    location: Location
    queries: tuple[AskedQuery, ...]
    cells: tuple[str, ...]
    others: str = ""
    """What else it asks, which is no Prometheus query."""

    @property
    def askable(self) -> tuple[AskedQuery, ...]:
        """The queries that can be asked in the stories."""
        return tuple(q for q in self.queries if q.query is not None and not q.unknown and not q.empty)

    def clause(self, promise: str, statement: str, judge: Judge, *needs: Need, reason: str = "") -> Clause:
        """A clause about it; ``reason`` is why it does not apply. One without needs is about files, not stories."""
        cells = self.cells if needs else ()
        return Clause(CAMPAIGN, "dashboards", self.name, promise, self.location, statement, needs, judge, cells, reason)


def need_of(asked: AskedQuery) -> Need:
    """What must be recorded to see the query's data."""
    assert asked.query is not None
    return Need("snapshot", asked.query.text)


def _series(evidence: Evidence, subject: Subject, asked: AskedQuery) -> Iterator[Series]:
    """What the query returned, numbers only."""
    name = recorded_as(need_of(asked))
    for cell in subject.cells:
        for series in evidence.of(Series, cell):
            if series.query == name and any(math.isfinite(value) for _, value in series.points):
                yield series


def _over(evidence: Evidence, subject: Subject) -> bool:
    """Whether every story that shows the subject, and was chosen to be played, has been played."""
    cells = [cell for cell in subject.cells if not evidence.planned or cell in evidence.planned]
    return bool(cells) and all(evidence.completed(cell) for cell in cells)


def judge_data(subject: Subject, note: str, premise: str, evidence: Evidence) -> Judgement:
    """Whether every query returned a number at the end of some phase; ``premise`` is why it may well not have."""
    told: list[str] = []
    for asked in subject.askable:
        refusal = _unmet(evidence, subject, asked)
        if refusal.startswith(REFUSED):
            return violated(f"{asked.ref}: {refusal}", hop="dashboard")
        found = list(_series(evidence, subject, asked))
        if not found and _over(evidence, subject):
            if refusal or premise:
                return inconclusive(premise or f"{asked.ref} was not asked: {refusal}")
            return violated(f"{asked.ref} returned nothing: {_one_line(asked)}", hop="dashboard")
        count = len({frozenset(series.labels.items()) for series in found})
        told.append(f"{asked.ref} returned {count} series")
    if not _over(evidence, subject):
        return still_open("the stories are not over")
    return held(", ".join(told) + note)


def _one_line(asked: AskedQuery) -> str:
    return " ".join(asked.query.text.split()) if asked.query else ""


def _unmet(evidence: Evidence, subject: Subject, asked: AskedQuery) -> str:
    need = str(need_of(asked))
    found = (item.reason for cell in subject.cells for item in evidence.of(Unmet, cell) if item.need == need)
    return next(found, "")


def judge_plausible(subject: Subject, ranges: dict[AskedQuery, tuple[float, float]], evidence: Evidence) -> Judgement:
    """Whether all values lie in their ranges."""
    seen: list[float] = []
    for asked, (low, high) in ranges.items():
        slack = _ROUNDING * max(1.0, high if high < math.inf else 1.0)
        for series in _series(evidence, subject, asked):
            for t, value in series.points:
                if not low - slack <= value <= high + slack:
                    words = f"{asked.ref} was {value:g}, outside {low:g} to {high:g}"
                    return violated(words, hop="dashboard", at=t)
                seen.append(value)
    return _closing(evidence, subject, f"from {min(seen):g} to {max(seen):g}" if seen else "")


def judge_legend(
    subject: Subject, legends: dict[AskedQuery, frozenset[str]], premise: str, evidence: Evidence
) -> Judgement:
    """Whether every series carries the labels that the legend of its query names; ``premise`` is why it may not."""
    seen = 0
    for asked, labels in legends.items():
        for series in _series(evidence, subject, asked):
            missing = sorted(labels - set(series.labels))
            if missing and premise:
                return inconclusive(premise)
            if missing:
                carried = ", ".join(sorted(series.labels)) or "none"
                return violated(f"{asked.ref} returned a series without {missing[0]}; its labels: {carried}")
            seen += 1
    return _closing(evidence, subject, f"{seen} series carry them" if seen else "")


def _closing(evidence: Evidence, subject: Subject, told: str) -> Judgement:
    """Held once all is over, if anything was seen."""
    if not _over(evidence, subject):
        return still_open("the stories are not over")
    return held(told) if told else inconclusive(f"because of has_data of {subject.name}: it returned nothing")
