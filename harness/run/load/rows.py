"""What became of one intended request, as its row of the ledger. Only the driver process uses this module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.run.load.answer import read_answer
from harness.run.load.ledger import Request
from harness.run.load.plan import Instance
from harness.run.load.requests import RequestKind
from harness.run.load.tally import PhaseRun
from harness.run.load.wire import Exchange

__all__ = ["Due", "dropped_row", "sent_row"]


@dataclass(frozen=True, slots=True)
class Due:
    """One intended request before anything became of it. ``body`` is the number of its prompt."""

    cell: str
    worker: str
    phase: PhaseRun
    kind: RequestKind
    instance: Instance
    seq: int
    body: int
    intended_t: float
    loop: Literal["open", "closed"] = "open"

    @property
    def warm_up(self) -> bool:
        """Whether it is part of the phase's warm-up."""
        return self.intended_t < self.phase.warm_until_t


def dropped_row(due: Due) -> Request:
    """The row of a request that was never sent."""
    return Request(
        cell=due.cell,
        phase=due.phase.load.name,
        kind=due.kind.name,
        seq=due.seq,
        request_id=None,
        instance=due.instance.name,
        intended_t=due.intended_t,
        labels=due.kind.labels,
        error_kind="dropped",
        dropped=True,
        loop=due.loop,
        worker=due.worker,
        warm_up=due.warm_up,
    )


def sent_row(due: Due, exchange: Exchange, name: str | None) -> Request:
    """The row of a request that was sent; ``name`` is the id that it carried, None where it carried none."""
    kind = due.kind
    reading = read_answer(kind.read, exchange.header, exchange.documents())
    tokens = exchange.tokens
    if exchange.error_kind is None and not exchange.aborted and exchange.status not in kind.expect_status:
        exchange.error_kind = "status"
    return Request(
        cell=due.cell,
        phase=due.phase.load.name,
        kind=kind.name,
        seq=due.seq,
        request_id=reading.request_id or name,
        instance=due.instance.name,
        intended_t=exchange.sent_t if due.loop == "closed" else due.intended_t,
        sent_t=exchange.sent_t,
        first_byte_t=exchange.first_byte_t,
        first_token_t=tokens.token_times[0] if tokens and tokens.token_times else None,
        gaps=tokens.gaps() if tokens else None,
        end_t=exchange.end_t,
        status=exchange.status,
        expected=exchange.error_kind is None,
        bytes_in=exchange.bytes_in,
        bytes_out=exchange.bytes_out,
        work_units=reading.work_units,
        labels={**kind.labels, **reading.labels},
        error_kind=exchange.error_kind,
        aborted=exchange.aborted,
        loop=due.loop,
        worker=due.worker,
        warm_up=due.warm_up,
    )
