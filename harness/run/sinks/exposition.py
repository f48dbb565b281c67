"""Stand-in for a scraped service that is not under test (a node exporter, a pod): metrics from a text."""

from __future__ import annotations

import asyncio

from harness.run.sinks.loop import SinkLoop
from harness.run.sinks.web import Answer, Request, serve_http

__all__ = ["ExpositionStandIn"]

_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class ExpositionStandIn:
    """Serves ``text`` in the Prometheus text format at ``/metrics``; the text can be replaced while it is scraped.

    ``fault`` (None: none) is answered instead, for example ``Answer(500)`` or ``Answer(hang=True)``; ``scrapes``
    counts the requests for ``/metrics``.
    """

    def __init__(self, loop: SinkLoop, text: str) -> None:
        self.text = text
        self.fault: Answer | None = None
        self.scrapes = 0
        self._listener = loop.listen(self._serve)

    @property
    def address(self) -> str:
        """``host:port``, as a scrape target is written."""
        return self._listener.address

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_http(reader, writer, self._reply)

    async def _reply(self, request: Request) -> Answer:
        if request.path.partition("?")[0] != "/metrics":
            return Answer(404, b"only /metrics is served here\n")
        self.scrapes += 1
        return self.fault or Answer(200, self.text.encode(), _TEXT_FORMAT)
