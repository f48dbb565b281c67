"""What a ledger adds up to: response and service times, lateness, rates, and counts that must conserve."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.run.load.ledger import Request

__all__ = ["Figures", "Spread", "count_by", "figures", "spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Exact figures of a set of seconds: each percentile is a value that occurred (nearest rank)."""

    count: int
    p50_s: float
    p95_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One set of requests. ``intended = sent + dropped`` and ``sent = ended + aborted + lost`` always hold.

    ``ended`` had a whole answer, ``lost`` had none (refused, reset, timed out, unreadable, or the driver was
    stopped), ``aborted`` were left by the client as declared. ``unexpected`` of the sent ones did not end as
    their kind declares. ``response`` counts from the intended time and ``service`` from sending, both over
    whole answers and time-outs: leaving time-outs out would flatter. A spread is None where nothing occurred.
    ``throughput_per_s`` is whole answers per wall second from the first intended time to the last end.
    """

    intended: int
    sent: int
    dropped: int
    ended: int
    aborted: int
    lost: int
    unexpected: int
    response: Spread | None
    service: Spread | None
    first_token: Spread | None
    lateness: Spread | None
    throughput_per_s: float


def spread(values: Iterable[float]) -> Spread | None:
    """The spread of ``values`` in seconds, None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99))
    return Spread(len(ordered), p50, p95, p99, ordered[-1])


def figures(requests: Sequence[Request]) -> Figures:
    """The figures of ``requests``: of one cell, or of whatever part of one was selected."""
    sent = [row for row in requests if row.sent_t is not None]
    aborted = [row for row in sent if row.aborted and row.error_kind is None]
    ended = [row for row in sent if row.error_kind in (None, "status") and not row.aborted]
    timed = ended + [row for row in sent if row.error_kind == "timeout"]
    return Figures(
        intended=len(requests),
        sent=len(sent),
        dropped=sum(row.dropped for row in requests),
        ended=len(ended),
        aborted=len(aborted),
        lost=len(sent) - len(ended) - len(aborted),
        unexpected=sum(not row.expected for row in sent),
        response=spread(row.end_t - row.intended_t for row in timed if row.end_t is not None),
        service=spread(row.end_t - row.sent_t for row in timed if row.end_t and row.sent_t),
        first_token=spread(row.first_token_t - row.intended_t for row in sent if row.first_token_t),
        lateness=spread(row.sent_t - row.intended_t for row in sent if row.sent_t),
        throughput_per_s=_throughput(requests, ended),
    )


def _throughput(requests: Sequence[Request], ended: Sequence[Request]) -> float:
    if not ended:
        return 0.0
    started = min(row.intended_t for row in requests)
    stopped = max(row.end_t for row in ended if row.end_t is not None)
    return len(ended) / (stopped - started) if stopped > started else 0.0


def count_by(requests: Iterable[Request], *columns: str) -> Counter[tuple[object, ...]]:
    """How many requests there are for each combination of ``columns`` (names of fields, or ``label:NAME``)."""
    return Counter(tuple(_cell(row, column) for column in columns) for row in requests)


def _cell(row: Request, column: str) -> object:
    if column.startswith("label:"):
        return row.labels.get(column.removeprefix("label:"))
    value: object = getattr(row, column)
    return value
