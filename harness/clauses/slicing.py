"""One step of a load that goes on: its own evidence, as if it were a whole story, for the same judges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.clauses.fitness import COUNTED_HERE, COUNTERS
from harness.evidence.records import (
    ASKED_FROM,
    RECORD_TYPES,
    CellFinished,
    CellStarted,
    PhaseMark,
    Reading,
    Request,
    Series,
    Watched,
)
from harness.evidence.store import Evidence

__all__ = ["OFFERED", "SETTLED", "Step", "steps_of"]

OFFERED: Final = "offered_per_s"
"""Reading at the beginning of a step: the rate that it offers, per production second."""
SETTLED: Final = "settled"
"""Reading at the end of a step, when all that it sent has ended and come to rest in metrics and logs: 1; else 0."""
_WHOLE: Final = (CellStarted, CellFinished, Watched, Request, Reading, Series)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that has been played, with the evidence that is its own."""

    number: int
    phase: str
    rate_per_s: float
    settled: bool
    evidence: Evidence


def steps_of(evidence: Evidence, cell: str) -> tuple[Step, ...]:
    """The steps that have come to rest, or to their end, in order."""
    start = evidence.started(cell)
    offered = [reading for reading in evidence.of(Reading, cell) if reading.name == OFFERED]
    settled = [reading for reading in evidence.of(Reading, cell) if reading.name == SETTLED]
    phases = [mark.phase for mark in evidence.of(PhaseMark, cell) if mark.action == "start"]
    if start is None:
        return ()
    return tuple(
        Step(number, phase, begin.value, bool(end.value), _slice(evidence, start, phase, begin.t, end.t))
        for number, (phase, begin, end) in enumerate(zip(phases, offered, settled, strict=False), start=1)
    )


def _slice(evidence: Evidence, start: CellStarted, phase: str, since: float, until: float) -> Evidence:
    cell = start.cell
    return Evidence(
        [
            replace(start, t=since),
            *_rest(evidence, cell, since, until),
            *(row for row in evidence.of(Request, cell) if row.phase == phase),
            *_series(evidence.of(Series, cell), since, until),
            Watched(cell, until),
            CellFinished(cell, until, completed=True),
        ],
        planned=(cell,),
    )


def _rest(evidence: Evidence, cell: str, since: float, until: float) -> Iterator[Any]:
    for kind in RECORD_TYPES.values():
        if kind not in _WHOLE:
            yield from (record for record in evidence.of(kind, cell) if since <= record.t < until)
    yield from _readings(evidence.of(Reading, cell), since, until)


def _readings(readings: Iterable[Reading], since: float, until: float) -> Iterator[Reading]:
    """Counters of components go on from their last value before the step; those of the harness count from it."""
    before: dict[tuple[str, str], float] = {}
    inside: list[Reading] = []
    for item in readings:
        if item.t < since:
            before[item.component, item.name] = item.value
        elif item.t < until:
            inside.append(item)
    cell = inside[0].cell if inside else ""
    for (component, name), value in before.items():
        if inside and (name in COUNTERS or name == ASKED_FROM):
            yield Reading(cell, since, component, name, value)
    for item in inside:
        base = before.get((item.component, item.name), 0.0) if item.name in COUNTED_HERE else 0.0
        yield replace(item, value=item.value - base)


def _series(stretches: Iterable[Series], since: float, until: float) -> Iterator[Series]:
    """What a series held when the step began is its first point; the points of the step follow."""
    before: dict[tuple[str, frozenset[tuple[str, str]]], tuple[float, float]] = {}
    inside: list[Series] = []
    for series in stretches:
        earlier = [point for point in series.points if point[0] < since]
        if earlier:
            before[series.query, frozenset(series.labels.items())] = earlier[-1]
        points = tuple(point for point in series.points if since <= point[0] < until)
        if points:
            inside.append(replace(series, points=points))
    for series in inside:
        last = before.pop((series.query, frozenset(series.labels.items())), None)
        points = ((since, last[1]), *series.points) if last else series.points
        yield replace(series, points=points)
