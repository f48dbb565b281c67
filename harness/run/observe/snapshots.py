"""PromQL that is asked at the end of every phase only: what a person would see who looked at a panel then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from harness.clauses.model import REFUSED, Need
from harness.evidence.records import Record, Series, Unmet
from harness.run.clients.http import HttpFault
from harness.run.clients.prometheus import PrometheusClient
from harness.run.observe.source import Clock, Moment

__all__ = ["SnapshotSource"]

_REFUSALS: Final = frozenset({400, 422})


class SnapshotSource:
    """Values of many expressions at one instant, at every mark. A refused one is unmet; the others go on."""

    every_s = math.inf
    components = frozenset({"prometheus"})

    def __init__(self, cell: str, client: PrometheusClient, needs: tuple[Need, ...], clock: Clock) -> None:
        self.needs = needs
        self.cells = (cell,)
        self._cell, self._client, self._clock = cell, client, clock
        self._waiting = True
        self._owed: list[float] = []
        self._refused: set[Need] = set()

    def read(self, now: float, moment: Moment) -> Sequence[Record]:
        """All expressions at every mark that is owed; the first poll comes before any phase has ended."""
        if moment == "poll" and not self._waiting:
            self._owed.append(now)
        self._waiting = False
        asked = ((need, at) for at in self._owed for need in self.needs if need not in self._refused)
        records = [record for need, at in asked for record in self._ask(need, at)]
        self._owed.clear()
        return records

    def _ask(self, need: Need, at: float) -> Sequence[Record]:
        try:
            result = self._client.query(need.detail, at=at)
        except HttpFault as fault:
            if fault.status not in _REFUSALS:
                raise
            self._refused.add(need)
            return [Unmet(self._cell, self._clock(), str(need), REFUSED + (fault.excerpt or fault.reason))]
        return [
            Series(self._cell, self._clock(), str(need), series.labels, series.points)
            for series in result.series
            if series.points
        ]
