"""Series from Prometheus: PromQL over the whole story on a fixed grid, and raw samples with their own times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.clauses.model import Need
from harness.evidence.records import ASKED_FROM, Reading, Record, Series
from harness.run.clients.prometheus import PrometheusClient, Result
from harness.run.observe.source import Clock, Moment, Stretch

__all__ = ["PROMETHEUS", "QuerySource", "SampleSource"]

PROMETHEUS: Final = frozenset({"prometheus"})
_POINTS_PER_CALL: Final = 10_000
_EVERY_S: Final = 0.5
_NEXT_S: Final = 0.001
"""Instants are whole milliseconds: so much later is another one."""


class QuerySource:
    """Values of one expression at every ``step_s``, as the live server computes them.

    Its first value, off the grid, is that of the instant ``began`` (epoch seconds; None: when the source was made):
    what counters held before the first request. A grid point before it may lie before the first scrape, and one after
    it may hold requests. The reading ``asked_from`` tells that it was asked: a series without a value then is younger.
    Whoever asks for it later may see a scrape that was on its way at that instant, and holds requests as well.
    """

    components = PROMETHEUS

    def __init__(
        self,
        cell: str,
        client: PrometheusClient,
        need: Need,
        clock: Clock,
        *,
        step_s: float,
        lag_s: float,
        began: float | None = None,
    ) -> None:
        self.needs = (need,)
        self.every_s = max(_EVERY_S, step_s)
        self.warnings: tuple[str, ...] = ()
        self.cells = (cell,)
        self._cell, self._client, self._clock = cell, client, clock
        began = round(clock() if began is None else began, 3)
        self._began: float | None = began
        self._stretch = Stretch(began + _NEXT_S, step_s, lag_s)

    def read(self, now: float, moment: Moment) -> Sequence[Record]:
        """Points that the grid has gained; at the end also the value, off the grid, with which all came to rest."""
        stretch = self._stretch.next(now, moment)
        records: list[Record] = []
        if self._began is not None:
            records += self._ask(self._began, self._began)
            records.append(Reading(self._cell, self._began, "queries", ASKED_FROM, 0.0))
        if stretch is not None:
            records += self._ask_grid(*stretch)
        if moment == "finish" and (stretch is None or stretch[1] < now):
            records += self._ask(now, now)
        self._began = None
        if stretch is not None:
            self._stretch.close(stretch[1])
        return records

    def _ask_grid(self, after: float, until: float) -> list[Series]:
        found: list[Series] = []
        step_s = self._stretch.step_s
        while after < until:
            end = min(until, after + _POINTS_PER_CALL * step_s)
            found += self._ask(after + step_s, end)
            after = end
        return found

    def _ask(self, first: float, last: float) -> list[Series]:
        expression = self.needs[0].detail
        result = self._client.query_range(expression, first, last, self._stretch.step_s)
        self.warnings = result.warnings or self.warnings
        return _series(self.cells[0], self._clock(), expression, result)


class SampleSource:
    """Raw samples of one selector. ``query`` names them; None: each by its own metric name."""

    components = PROMETHEUS

    def __init__(
        self,
        cell: str,
        client: PrometheusClient,
        selector: str,
        clock: Clock,
        *,
        lag_s: float,
        needs: tuple[Need, ...] = (),
        query: str | None = None,
    ) -> None:
        self.needs, self.every_s = needs, _EVERY_S
        self.cells = (cell,)
        self._cell, self._client, self._clock = cell, client, clock
        self._selector, self._query = selector, query
        self._stretch = Stretch(clock(), 0.001, lag_s)

    def read(self, now: float, moment: Moment) -> Sequence[Record]:
        """The samples of the stretch that has passed."""
        return self.stretches(now, moment)

    def stretches(self, now: float, moment: Moment) -> Sequence[Series]:
        """As ``read``, for those who look at the samples themselves."""
        stretch = self._stretch.next(now, moment)
        if stretch is None:
            return ()
        result = self._client.samples(self._selector, *stretch)
        self._stretch.close(stretch[1])
        return _series(self._cell, self._clock(), self._query, result)


def _series(cell: str, t: float, query: str | None, result: Result) -> list[Series]:
    return [
        Series(cell, t, query or series.labels.get("__name__", ""), series.labels, series.points)
        for series in result.series
        if series.points
    ]
