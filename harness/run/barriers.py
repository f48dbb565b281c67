"""Conservation barriers: wait until everything that was sent has settled in metrics and logs; never a sleep."""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.clauses.model import Need
from harness.evidence.records import Barrier, Document, LogLine
from harness.run.cell import Cell
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient
from harness.run.load_desk import LoadDesk
from harness.run.observe.cell import CellObserver
from harness.run.observe.source import epoch_s
from harness.run.stack.wait import NotYet, WaitTimeoutError, eventually

__all__ = ["pass_barriers"]

_METRICS_S = 10.0
_LOGS_S = 15.0


def pass_barriers(cell: Cell, observer: CellObserver, load: LoadDesk, tick: Callable[[], None]) -> None:
    """Record for each plane that clauses compare whether it came to rest, and what was last seen if not."""
    needs = cell.plan.needs
    if Need("barriers", "metrics") in needs and "prometheus" in cell.plan.parts:
        _pass(cell, "metrics", _MetricsAtRest(cell, load), _METRICS_S, tick)
    if Need("barriers", "logs") in needs:
        _pass(cell, "logs", _LogsAtRest(cell, observer), _LOGS_S, tick)


def _pass(cell: Cell, plane: str, at_rest: Callable[[], bool], within_s: float, tick: Callable[[], None]) -> None:
    def probe() -> bool:
        tick()
        return at_rest()

    try:
        eventually(
            probe, what=f"{plane} to come to rest", within_s=within_s, every_s=0.05, retry_on=(OSError, HttpFault)
        )
    except WaitTimeoutError as error:
        cell.context.recorder.add(Barrier(cell.name, time.time(), plane, False, error.problem))
    else:
        cell.context.recorder.add(Barrier(cell.name, time.time(), plane, True))


class _MetricsAtRest:
    """Nothing is in flight, and every target of the cell was scraped twice since."""

    def __init__(self, cell: Cell, load: LoadDesk) -> None:
        self._client = PrometheusClient(Http(f"http://{cell.place.part('prometheus')}"))
        self._load, self._since = load, 0.0
        self._rest_s = 2 * cell.context.production.scrape_s / cell.speed

    def __call__(self) -> bool:
        if not self._load.drained():
            raise NotYet("requests are in flight")
        self._since = self._since or time.time()
        if time.time() < self._since + self._rest_s:
            raise NotYet("the last scrapes are not yet two intervals old")
        before = self._since
        for target in self._client.targets():
            if epoch_s(target["lastScrape"]) < before:
                raise NotYet(f"{target['scrapeUrl']} was not scraped since")
        return True


class _LogsAtRest:
    """Every line that the subject wrote is a document, and two looks apart find no new line."""

    def __init__(self, cell: Cell, observer: CellObserver) -> None:
        self._cell, self._observer = cell, observer
        self._streams = {need.detail for need in cell.plan.needs if need.kind == "documents"}
        self._last: tuple[int, int] = (-1, -1)

    def __call__(self) -> bool:
        self._observer.settle(time.time())
        evidence, name = self._cell.context.recorder.evidence, self._cell.name
        lines = sum(line.stream in self._streams for line in evidence.of(LogLine, name))
        documents = sum(document.stream in self._streams for document in evidence.of(Document, name))
        last, self._last = self._last, (lines, documents)
        if self._streams and documents < lines:
            raise NotYet(f"{lines} lines, {documents} documents")
        if last != self._last:
            raise NotYet(f"still growing: {lines} lines, {documents} documents")
        return True
