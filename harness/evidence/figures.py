"""What a set of requests adds up to, exactly: every percentile is a value that occurred, nothing is bucketed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.evidence.requests import Request

__all__ = ["MEASURES", "Figures", "Good", "Measure", "Spread", "Tally", "figures", "percentile", "spread", "tally"]

Measure = Callable[[Request], float | None]
Good = Callable[[Request], bool]
_ANSWERED = frozenset({"", "status"})


@dataclass(frozen=True, slots=True)
class Spread:
    """Exact figures of a set of seconds: each percentile is a value that occurred (nearest rank)."""

    count: int
    p50_s: float
    p90_s: float
    p95_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One set of requests. ``intended = sent + dropped`` and ``sent = ended + aborted + lost`` always hold.

    ``ended`` had a whole answer, ``lost`` had none (refused, reset, timed out, unreadable, or the driver was
    stopped), ``aborted`` were left by the client as declared. ``unexpected`` of the sent ones did not end as
    their kind declares; ``good`` of the intended ones met every objective. A spread is None where nothing
    occurred. Rates are per wall second over ``duration_s``.
    """

    intended: int
    sent: int
    dropped: int
    ended: int
    aborted: int
    lost: int
    unexpected: int
    good: int
    work_units: float
    response: Spread | None
    service: Spread | None
    first_token: Spread | None
    inter_token: Spread | None
    widest_gap: Spread | None
    lateness: Spread | None
    duration_s: float

    @property
    def throughput_per_s(self) -> float:
        """Whole answers per wall second."""
        return self._rate(self.ended)

    @property
    def goodput_per_s(self) -> float:
        """Requests that met every objective, per wall second."""
        return self._rate(self.good)

    @property
    def work_per_s(self) -> float:
        """Work units, such as tokens, per wall second."""
        return self._rate(self.work_units)

    def _rate(self, amount: float) -> float:
        return amount / self.duration_s if self.duration_s > 0 else 0.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of values in rising order: the smallest that ``share`` of them do not exceed."""
    return ordered[rank(share, len(ordered)) - 1]


def rank(share: float, count: int) -> int:
    """How many of ``count`` values lie at or below their percentile ``share``."""
    return max(1, math.ceil(round(share * count, 9)))  # 0.99 * 100 is a little more than 99


def spread(values: Iterable[float]) -> Spread | None:
    """The spread of ``values`` in seconds, None of nothing."""
    return _spread(sorted(values))


def _spread(ordered: Sequence[float]) -> Spread | None:
    if not ordered:
        return None
    p50, p90, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.9, 0.95, 0.99))
    return Spread(len(ordered), p50, p90, p95, p99, ordered[-1])


def _timed(row: Request) -> bool:
    """Whole answers and time-outs: leaving time-outs out would flatter."""
    return row.sent_t is not None and (row.error == "timeout" or (row.error in _ANSWERED and not row.aborted))


def _response(row: Request) -> float | None:
    return row.end_t - row.intended_t if row.end_t is not None and _timed(row) else None


def _service(row: Request) -> float | None:
    return row.end_t - row.sent_t if row.end_t is not None and row.sent_t is not None and _timed(row) else None


def _first_token(row: Request) -> float | None:
    return row.first_token_t - row.intended_t if row.first_token_t is not None else None


def _lateness(row: Request) -> float | None:
    return row.sent_t - row.intended_t if row.sent_t is not None else None


MEASURES: dict[str, Measure] = {
    "response": _response,
    "service": _service,
    "first token": _first_token,
    "inter-token": lambda row: row.gaps.mean_s if row.gaps else None,
    "widest gap": lambda row: row.gaps.max_s if row.gaps else None,
    "lateness": _lateness,
}
"""Wall seconds that are told of a single request, by name; None where it has none.

Response time and first token count from the intended instant: what a user of an open system waits. Service time
counts from sending. ``inter-token`` is the mean gap between the tokens of one stream, ``widest gap`` the longest.
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a set of requests adds up to. Two tallies of disjoint sets add up to that of both, without a second look.

    ``ordered`` holds the values of each measure in rising order.
    """

    intended: int = 0
    sent: int = 0
    dropped: int = 0
    ended: int = 0
    aborted: int = 0
    unexpected: int = 0
    good: int = 0
    work_units: float = 0.0
    loops: frozenset[str] = frozenset()
    ordered: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        # sorting what consists of two sorted runs is one merge
        names = self.ordered.keys() | other.ordered.keys()
        ordered = {name: sorted([*self.ordered.get(name, ()), *other.ordered.get(name, ())]) for name in names}
        return Tally(
            self.intended + other.intended,
            self.sent + other.sent,
            self.dropped + other.dropped,
            self.ended + other.ended,
            self.aborted + other.aborted,
            self.unexpected + other.unexpected,
            self.good + other.good,
            self.work_units + other.work_units,
            self.loops | other.loops,
            ordered,
        )

    def figures(self, duration_s: float) -> Figures:
        """The figures, over ``duration_s`` wall seconds of load."""
        spreads = {name: _spread(self.ordered.get(name, ())) for name in MEASURES}
        return Figures(
            intended=self.intended,
            sent=self.sent,
            dropped=self.dropped,
            ended=self.ended,
            aborted=self.aborted,
            lost=self.sent - self.ended - self.aborted,
            unexpected=self.unexpected,
            good=self.good,
            work_units=self.work_units,
            response=spreads["response"],
            service=spreads["service"],
            first_token=spreads["first token"],
            inter_token=spreads["inter-token"],
            widest_gap=spreads["widest gap"],
            lateness=spreads["lateness"],
            duration_s=duration_s,
        )


def tally(requests: Sequence[Request], good: Good | None = None) -> Tally:
    """The tally of ``requests``; ``good`` says whether one met every objective (default: it ended as declared)."""
    sent = [row for row in requests if row.sent_t is not None]
    return Tally(
        intended=len(requests),
        sent=len(sent),
        dropped=sum(row.dropped for row in requests),
        ended=sum(row.error in _ANSWERED and not row.aborted for row in sent),
        aborted=sum(row.aborted and not row.error for row in sent),
        unexpected=sum(not row.expected for row in sent),
        good=sum(map(good, requests)) if good else sum(row.expected for row in requests),
        work_units=sum(row.work_units for row in sent),
        loops=frozenset(row.loop for row in requests),
        ordered={name: sorted(_values(requests, measure)) for name, measure in MEASURES.items()},
    )


def figures(requests: Sequence[Request], good: Good | None = None, duration_s: float | None = None) -> Figures:
    """The figures of ``requests``: of one cell, or of whatever part of one was selected, those of warm-ups included.

    ``good`` is as for ``tally``. ``duration_s`` are the wall seconds of load; without them, from the first intended
    instant to the last end.
    """
    return tally(requests, good).figures(_lasted(requests) if duration_s is None else duration_s)


def _values(requests: Iterable[Request], measure: Measure) -> Iterator[float]:
    return (value for row in requests if (value := measure(row)) is not None)


def _lasted(requests: Sequence[Request]) -> float:
    """From the first intended instant to the last whole answer."""
    ends = [row.end_t for row in requests if row.end_t is not None and row.error in _ANSWERED and not row.aborted]
    return max(ends) - min(row.intended_t for row in requests) if ends else 0.0
