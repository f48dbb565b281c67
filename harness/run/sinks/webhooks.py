"""Where notifications over HTTP end: Alertmanager webhooks and posts to Slack-compatible receivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from harness.run.sinks.loop import Listener, SinkLoop
from harness.run.sinks.web import Answer, Request, serve_http

__all__ = ["Received", "WebhookSink"]


@dataclass(frozen=True, slots=True)
class Received:
    """One request that arrived.

    ``t`` is its arrival in seconds since the epoch; ``status`` the answer that it gets (None: it is left hanging);
    ``receiver`` and ``integration`` come from its path and are empty if that is not one of ours.
    """

    t: float
    receiver: str
    integration: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None


class WebhookSink:
    """One listener, usually of one cell. ``record`` is called in the sinks' thread with every request, as it arrives.

    Each integration of each receiver posts to its own path (``url``), which tells whose notification it is.
    ``answer`` sets what is answered from then on: to one integration, to one receiver, or to all.
    """

    def __init__(self, loop: SinkLoop, record: Callable[[Received], None]) -> None:
        self._record = record
        self._answers: dict[tuple[str, str], Answer] = {}
        self._listener: Listener = loop.listen(self._serve)

    @property
    def address(self) -> str:
        """``host:port`` of the listener."""
        return self._listener.address

    def url(self, receiver: str, integration: str) -> str:
        """Where ``integration`` (such as ``slack-0``) of ``receiver`` must post to."""
        return f"http://{self.address}/{quote(receiver, safe='')}/{quote(integration, safe='')}"

    def answer(self, answer: Answer, receiver: str = "", integration: str = "") -> None:
        """Answer so from the next request on; the most exact setting wins, an empty name stands for all."""
        self._answers[receiver, integration] = answer

    def _chosen(self, receiver: str, integration: str) -> Answer:
        keys = ((receiver, integration), (receiver, ""), ("", integration), ("", ""))
        return next((self._answers[key] for key in keys if key in self._answers), Answer())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_http(reader, writer, self._reply)

    async def _reply(self, request: Request) -> Answer:
        receiver, integration = _named(request.path)
        answer = self._chosen(receiver, integration)
        status = None if answer.hang else answer.status
        self._record(
            Received(
                request.t, receiver, integration, request.method, request.path, request.headers, request.body, status
            )
        )
        return answer


def _named(path: str) -> tuple[str, str]:
    """Receiver and integration in a path; API clients such as Slack's may add a method name behind them."""
    parts = [unquote(part) for part in path.partition("?")[0].split("/")[1:]]
    return (parts[0], parts[1]) if len(parts) > 1 else ("", "")
