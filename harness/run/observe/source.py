"""What a source of records is, and the stretches of time that are read one after the other, none lost, none twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, Protocol

from harness.clauses.model import Need
from harness.evidence.records import Record

__all__ = ["Clock", "Moment", "Source", "Stretch", "epoch_s"]

Clock = Callable[[], float]
Moment = Literal["poll", "settle", "finish"]
"""How thorough a read is: ``settle`` reads all that is there, ``finish`` also what may still have been on its way."""


class Source(Protocol):
    """One thing that is read again and again; it keeps what it saw, so that only news becomes a record."""

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells for which it reads."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """Needs that it meets."""

    @property
    def components(self) -> frozenset[str]:
        """Parts that must live for it to be read: the first death ends it."""

    @property
    def every_s(self) -> float:
        """Wall seconds between two reads; infinite for one that is read at marks only."""

    def read(self, now: float, moment: Moment) -> Sequence[Record]:
        """News at ``now`` (epoch seconds). Raises ``HttpFault`` or ``OSError``: it is then asked again later."""


class Stretch:
    """Hands out (after, until] stretches that touch and never overlap, with ends on a grid of whole milliseconds.

    The stretch in hand stays open until ``close``: one that could not be read is handed out again, longer. What lies
    less than ``lag_s`` back is left for later, because samples reach the database after their own time.
    """

    def __init__(self, since: float, step_s: float, lag_s: float) -> None:
        self._step_ms = max(1, round(step_s * 1000))
        self._lag_s = lag_s
        self._done = math.ceil(since * 1000 / self._step_ms) - 1

    @property
    def step_s(self) -> float:
        """The grid, in seconds."""
        return self._step_ms / 1000

    def next(self, now: float, moment: Moment) -> tuple[float, float] | None:
        """The stretch to read now; None where the grid has no new point."""
        until_s = now if moment == "finish" else now - self._lag_s
        until = math.floor(until_s * 1000 / self._step_ms)
        if until <= self._done:
            return None
        return self._done * self._step_ms / 1000, until * self._step_ms / 1000

    def close(self, until: float) -> None:
        """The stretch up to ``until`` was read."""
        self._done = round(until * 1000 / self._step_ms)


def epoch_s(text: str) -> float:
    """Epoch seconds of an RFC 3339 instant; 0 for Go's zero time, which stands for never."""
    return max(0.0, datetime.fromisoformat(text).timestamp()) if not text.startswith("0001-") else 0.0
