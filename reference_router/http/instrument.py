"""Counts every request once, whatever becomes of it, before its last byte leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_router.clock import Clock, Stopwatch
from reference_router.errors import ClientGone, RouterError, as_failure
from reference_router.http.connections import Connections
from reference_router.http.reply import Header, reply_json
from reference_router.log_fields import ErrorLike, HttpEnd
from reference_router.metrics import METHODS, UNMATCHED
from reference_router.recorder import Recorder
from reference_router.redact import bounded, loggable_headers, loggable_query, request_id_from

__all__ = ["Exchange", "Instrument", "exchange_of"]


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and what has been sent in answer so far."""

    request_id: str
    watch: Stopwatch
    status: int = 0
    sent_bytes: int = 0
    content_type: str = ""
    aborted: bool = False
    ended: bool = False

    @property
    def started(self) -> bool:
        """Whether the client has seen a status line."""
        return self.status != 0

    @property
    def headers(self) -> tuple[Header, ...]:
        """Headers of every answer."""
        return ((b"x-request-id", self.request_id.encode()),)

    def note(self, message: Message) -> None:
        """Take down what a message to the client says."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.content_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
        else:
            self.sent_bytes += len(message.get("body", b""))


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that the middleware opened for this request."""
    exchange: Exchange = scope["state"]["exchange"]
    return exchange


class Instrument:
    """ASGI middleware. ``routes`` are the paths that count under their own name, ``probes`` do not count."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        recorder: Recorder,
        connections: Connections,
        routes: Container[str],
        probes: Container[str],
    ) -> None:
        self._app = app
        self._clock = clock
        self._recorder = recorder
        self._connections = connections
        self._routes = routes
        self._probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and record its end."""
        if scope["path"] in self._probes:
            await self._app(scope, receive, send)
            return
        exchange = Exchange(request_id=request_id_from(scope["headers"]), watch=Stopwatch(self._clock))
        scope.setdefault("state", {})["exchange"] = exchange
        self._connections.used(scope.get("client"))

        async def counted_send(message: Message) -> None:
            exchange.note(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._end(exchange, scope, exchange.status)
            await send(message)

        try:
            await self._app(scope, receive, counted_send)
        except (Exception, asyncio.CancelledError) as error:
            await self._fail(as_failure(error), exchange, scope, counted_send)

    async def _fail(self, failure: ErrorLike, exchange: Exchange, scope: Scope, send: Send) -> None:
        if isinstance(failure, ClientGone):
            self._end(exchange, scope, failure.status)
            return
        self._recorder.failed(failure, exchange.request_id)
        if exchange.started:
            self._end(exchange, scope, exchange.status)
            return
        await reply_json(
            send, failure.status, failure_document(failure, exchange), (*exchange.headers, *failure.headers)
        )

    def _end(self, exchange: Exchange, scope: Scope, status: int) -> None:
        if exchange.ended:
            return
        exchange.ended = True
        path, query = scope["path"], loggable_query(scope["query_string"])
        client = scope.get("client")
        self._recorder.http_ended(
            HttpEnd(
                request_id=exchange.request_id,
                method=scope["method"] if scope["method"] in METHODS else "OTHER",
                route=path if path in self._routes else UNMATCHED,
                path=bounded(path),
                query=query,
                headers=loggable_headers(scope["headers"]),
                ip=client[0] if client else "",
                status=status,
                content_length=exchange.sent_bytes,
                content_type=exchange.content_type,
                duration_s=exchange.watch.elapsed_s,
            )
        )


def failure_document(failure: RouterError, exchange: Exchange) -> dict[str, object]:
    """The body of every answer that is not a success."""
    error = {"code": failure.code, "message": str(failure)}
    return {"success": False, "error": error, "request_id": exchange.request_id}
