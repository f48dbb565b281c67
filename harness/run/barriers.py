"""Conservation barriers of one cell: everything that was sent has settled in metrics and logs; never a sleep."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from harness.artefacts.promql import parse
from harness.clauses.model import Need, NeedKind
from harness.core.errors import Location
from harness.run.cell import Cell
from harness.run.clients.http import Http
from harness.run.load_desk import LoadDesk
from harness.run.observe.barriers import BarrierCondition, LogsBarrier, MetricsBarrier, pass_barrier
from harness.run.observe.cell import CellObserver
from harness.run.stack.wait import NotYet, WaitTimeoutError

__all__ = ["Ticking", "pass_barriers"]

_SCRAPES = 4
"""Scrapes within which two in succession can be equal: one may be under way, and one may be slow."""
_METRICS_S = 3.0
"""Wall seconds beside those scrapes."""
_LOGS_S = 15.0
_STALLED_S = 4.0
"""Wall seconds without a single new line or document after which no more will come."""
_LOGS: frozenset[NeedKind] = frozenset({"documents", "lines"})


def pass_barriers(cell: Cell, observer: CellObserver, load: LoadDesk, tick: Callable[[], None]) -> None:
    """Record for each plane that clauses compare whether it came to rest, and what was last seen if not."""
    needs = cell.plan.needs
    if Need("barriers", "metrics") in needs and "prometheus" in cell.plan.parts:
        scrapes_s = _SCRAPES * cell.context.production.scrape_s / cell.speed
        _pass(cell, _metrics(cell, load), _METRICS_S + scrapes_s, _METRICS_S + scrapes_s, tick)
    if Need("barriers", "logs") in needs and "filebeat" in cell.plan.parts:
        _pass(cell, _logs(cell, observer), _LOGS_S, _STALLED_S, tick)


def _pass(cell: Cell, condition: BarrierCondition, within_s: float, stalled_s: float, tick: Callable[[], None]) -> None:
    ticking = Ticking(condition, tick, stalled_s)
    cell.context.recorder.add(pass_barrier(cell.name, ticking, within_s=within_s, cancel=cell.context.cancel))


class Ticking:
    """A condition that goes on recording while it is waited for, and is given up once nothing moves any more."""

    def __init__(self, condition: BarrierCondition, tick: Callable[[], None], stalled_s: float) -> None:
        self.plane, self._condition, self._tick, self._stalled_s = condition.plane, condition, tick, stalled_s
        self._seen, self._since = "", time.monotonic()

    def check(self) -> str:
        """As the condition's own."""
        self._tick()
        try:
            return self._condition.check()
        except NotYet as answer:
            self._give_up_if_stalled(str(answer))
            raise

    def _give_up_if_stalled(self, seen: str) -> None:
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        elif now - self._since >= self._stalled_s:
            raise WaitTimeoutError(f"the {self.plane} barrier: nothing has moved for {self._stalled_s:g} s; {seen}")


def _metrics(cell: Cell, load: LoadDesk) -> MetricsBarrier:
    """The counters that clauses compare with the ledger, by the selectors of their queries."""
    queries = [need.detail for need in cell.plan.needs if need.kind == "query"]
    metrics = {each.metric for text in queries for each in parse(text, Location("query")).selectors if each.metric}
    http = Http(f"http://{cell.place.part('prometheus')}")
    return MetricsBarrier(http, sorted(metrics), lambda: 0 if load.drained() else 1)


def _logs(cell: Cell, observer: CellObserver) -> LogsBarrier:
    streams = {need.detail for need in cell.plan.needs if need.kind == "documents"}

    def shipped(counts: Mapping[str, int]) -> dict[str, int]:
        return {stream: count for stream, count in counts.items() if stream in streams}

    return LogsBarrier(
        refresh=lambda: observer.settle(time.time(), _LOGS),
        lines=lambda: shipped(observer.line_counts()),
        documents=lambda: shipped(observer.document_counts(cell.name)),
    )
