"""What a ledger adds up to. The arithmetic is that of the evidence: a row becomes the record that judges read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.evidence import figures as recorded
from harness.evidence.figures import Figures, Spread, spread
from harness.evidence.requests import Request as Record
from harness.run.load.ledger import Request

__all__ = ["Figures", "Spread", "count_by", "figures", "record_of", "spread"]


def figures(requests: Sequence[Request]) -> Figures:
    """The figures of ``requests``: of one cell, or of whatever part of one was selected."""
    return recorded.figures([record_of(row) for row in requests])


def record_of(row: Request) -> Record:
    """The row as evidence keeps it."""
    return Record(
        cell=row.cell,
        phase=row.phase,
        kind=row.kind,
        seq=row.seq,
        request_id=row.request_id or "",
        instance=row.instance,
        intended_t=row.intended_t,
        sent_t=row.sent_t,
        first_byte_t=row.first_byte_t,
        first_token_t=row.first_token_t,
        end_t=row.end_t,
        status=row.status or 0,
        expected=row.expected,
        bytes_in=row.bytes_in,
        bytes_out=row.bytes_out,
        work_units=row.work_units or 0.0,
        labels=dict(row.labels),
        error=row.error_kind or "",
        aborted=row.aborted,
        dropped=row.dropped,
        gaps=row.gaps,
        loop=row.loop,
        worker=row.worker,
        warm_up=row.warm_up,
        answer=row.answer,
    )


def count_by(requests: Iterable[Request], *columns: str) -> Counter[tuple[object, ...]]:
    """How many requests there are for each combination of ``columns`` (names of fields, or ``label:NAME``)."""
    return Counter(tuple(_cell(row, column) for column in columns) for row in requests)


def _cell(row: Request, column: str) -> object:
    if column.startswith("label:"):
        return row.labels.get(column.removeprefix("label:"))
    value: object = getattr(row, column)
    return value
