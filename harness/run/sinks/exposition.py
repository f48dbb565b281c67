"""Stand-in for a scraped service that is not under test (a node exporter, a pod): metrics from a text, moving."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection, Mapping

from harness.contract.exposition import Course
from harness.contract.flows import Flow
from harness.run.sinks.loop import SinkLoop
from harness.run.sinks.web import Answer, Request, serve_http

__all__ = ["ExpositionStandIn"]

_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class ExpositionStandIn:
    """Serves a text in the Prometheus text format at ``paths`` alone; its samples move, and can be changed meanwhile.

    ``usual`` says what series do beside keeping their value, in production time, of which ``speed`` seconds pass in
    one of the wall. ``fault`` (None: none) is answered instead, for example ``Answer(500)`` or ``Answer(hang=True)``;
    ``scrapes`` counts the requests for ``paths``: those at which production's jobs ask, so that they are proved too.
    """

    def __init__(
        self,
        loop: SinkLoop,
        text: str,
        usual: Mapping[str, Flow] | None = None,
        *,
        speed: float = 1.0,
        paths: Collection[str] = ("/metrics",),
    ) -> None:
        self._paths = frozenset(paths)
        self._course = Course(text, usual or {})
        self._speed, self._began = speed, time.monotonic()
        self._lock = threading.Lock()
        self.fault: Answer | None = None
        self.scrapes = 0
        self._listener = loop.listen(self._serve)

    def change(self, changes: Mapping[str, Flow]) -> int:
        """Let the named series follow other flows from now on; answers how many scrapes have not seen it."""
        with self._lock:
            self._course.change(changes, self._production_s())
            return self.scrapes

    def restore(self, changes: Mapping[str, Flow]) -> int:
        """Let the named series do what they usually do; answers how many scrapes have not seen it."""
        with self._lock:
            self._course.restore(changes, self._production_s())
            return self.scrapes

    def _production_s(self) -> float:
        return (time.monotonic() - self._began) * self._speed

    @property
    def address(self) -> str:
        """``host:port``, as a scrape target is written."""
        return self._listener.address

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_http(reader, writer, self._reply)

    async def _reply(self, request: Request) -> Answer:
        if request.path.partition("?")[0] not in self._paths:
            return Answer(404, f"only {', '.join(sorted(self._paths))} is served here\n".encode())
        with self._lock:
            self.scrapes += 1
            return self.fault or Answer(200, self._course.render(self._production_s()).encode(), _TEXT_FORMAT)
