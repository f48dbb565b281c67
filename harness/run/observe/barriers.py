"""Conservation barriers: when everything that was sent has settled in metrics or logs. Conditions, never sleeps.

``MetricsBarrier`` and ``LogsBarrier`` are conditions that a loop of many cells may check in turn; ``pass_barrier``
waits for one. A barrier that did not hold within its bound is evidence as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from harness.evidence.records import Barrier
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient
from harness.run.observe.source import Clock
from harness.run.stack.surface import Process
from harness.run.stack.wait import CancelledError, ComponentDiedError, NotYet, WaitTimeoutError, eventually

__all__ = ["BarrierCondition", "LogsBarrier", "MetricsBarrier", "pass_barrier"]

_EVERY_S: Final = 0.05


class BarrierCondition(Protocol):
    """Something that settles."""

    @property
    def plane(self) -> str:
        """metrics or logs."""

    def check(self) -> str:
        """What was seen, once it has settled; raises ``NotYet`` with what is missing, or ``HttpFault``."""


class MetricsBarrier:
    """Nothing is in flight, and since then two successive scrapes told the same of every series of ``selectors``.

    A selector without series does not settle: nothing observed is never a pass.
    """

    plane = "metrics"

    def __init__(
        self, prometheus: Http, selectors: Sequence[str], in_flight: Callable[[], int], clock: Clock = time.time
    ) -> None:
        self._client, self._selectors = PrometheusClient(prometheus), selectors
        self._in_flight, self._clock = in_flight, clock
        self._quiet_since: float | None = None

    def check(self) -> str:
        """As the protocol says."""
        if pending := self._in_flight():
            self._quiet_since = None
            raise NotYet(f"{pending} requests are in flight")
        if self._quiet_since is None:
            self._quiet_since = self._clock()
        series = sum(self._settled(selector, self._quiet_since) for selector in self._selectors)
        return f"{series} series stood still over two scrapes with nothing in flight"

    def _settled(self, selector: str, since: float) -> int:
        found = self._client.samples(selector, since, self._clock()).series
        if not found:
            raise NotYet(f"{selector} has no scrape since nothing is in flight")
        for series in found:
            last = [repr(value) for _, value in series.points[-2:]]  # repr: NaN equals itself
            if len(last) < 2 or last[0] != last[1]:
                raise NotYet(f"{selector} {series.labels} was scraped as {', '.join(last)}")
        return len(found)


class LogsBarrier:
    """Every line of every stream is a document, and ``missing`` (sentinels that are not found yet) is empty.

    ``refresh`` makes everything indexed readable and reads it; ``lines`` and ``documents`` then count by stream.
    """

    plane = "logs"

    def __init__(
        self,
        refresh: Callable[[], None],
        lines: Callable[[], Mapping[str, int]],
        documents: Callable[[], Mapping[str, int]],
        missing: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._refresh, self._lines, self._documents, self._missing = refresh, lines, documents, missing

    def check(self) -> str:
        """As the protocol says."""
        self._refresh()
        lines, documents = self._lines(), self._documents()
        told = [f"{stream}: {count} lines, {documents.get(stream, 0)} documents" for stream, count in lines.items()]
        if not told:
            raise NotYet("no line was written")
        if any(documents.get(stream, 0) != count for stream, count in lines.items()):
            raise NotYet("; ".join(told))
        if missing := self._missing():
            raise NotYet(f"not found: {', '.join(missing)}")
        return "; ".join(told)


def pass_barrier(
    cell: str,
    condition: BarrierCondition,
    *,
    within_s: float,
    alive: Iterable[Process] = (),
    cancel: threading.Event | None = None,
    clock: Clock = time.time,
) -> Barrier:
    """Wait until ``condition`` holds. That it did not, that a component died or the run was cancelled is told."""
    what = f"the {condition.plane} barrier of {cell}"
    try:
        seen = eventually(
            condition.check,
            what=what,
            within_s=within_s,
            every_s=_EVERY_S,
            alive=alive,
            cancel=cancel,
            retry_on=(HttpFault, OSError),
        )
    except (WaitTimeoutError, ComponentDiedError, CancelledError) as failure:
        return Barrier(cell, clock(), condition.plane, False, failure.problem)
    return Barrier(cell, clock(), condition.plane, True, seen)
