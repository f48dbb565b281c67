"""``POST /api/generate``: one JSON answer, or server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import orjson
from starlette.types import Receive, Scope, Send

from reference_router.clock import Clock
from reference_router.engines.base import Piece
from reference_router.errors import LEFT, BadRequest, ClientGone, MethodNotAllowed, RouterError
from reference_router.http.instrument import Exchange, exchange_of, failure_document
from reference_router.http.reply import begin, reply_json
from reference_router.inference import Emit, Generation, Inferences
from reference_router.models import Models
from reference_router.recorder import Recorder
from reference_router.requests import MAX_BODY_BYTES, GenerateRequest, parse_request

__all__ = ["GenerateEndpoint"]

DISCARD_LIMIT_BYTES = 8 * MAX_BODY_BYTES
DONE = b"data: [DONE]\n\n"


class GenerateEndpoint:
    """ASGI endpoint; failures leave it as exceptions and become answers in the middleware."""

    def __init__(self, inferences: Inferences, models: Models, recorder: Recorder, clock: Clock) -> None:
        self._inferences = inferences
        self._models = models
        self._recorder = recorder
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] != "POST":
            raise MethodNotAllowed("only POST is served here")
        exchange = exchange_of(scope)
        request = parse_request(await _read_body(receive), self._models.known)
        if request.stream:
            await self._stream(request, exchange, receive, send)
        else:
            await self._answer(request, exchange, receive, send)

    async def _answer(self, request: GenerateRequest, exchange: Exchange, receive: Receive, send: Send) -> None:
        async with _ended_by_disconnect(receive, exchange):
            generation = await self._inferences.generate(request, exchange.request_id, exchange.watch)
        await reply_json(send, 200, _success(generation, exchange), exchange.headers)

    async def _stream(self, request: GenerateRequest, exchange: Exchange, receive: Receive, send: Send) -> None:
        """The status line waits for the first token: a generation that fails before is an honest 500."""

        async def emit(piece: Piece) -> None:
            if not exchange.started:
                await begin(send, 200, b"text/event-stream", (*exchange.headers, (b"cache-control", b"no-store")))
            token = {"event": "token", "text": piece.text, "tokens": piece.tokens}
            await send({"type": "http.response.body", "body": _event(token), "more_body": True})

        async with _ended_by_disconnect(receive, exchange):
            with self._open_stream():
                last = await self._stream_result(request, exchange, emit)
            await send({"type": "http.response.body", "body": last + DONE, "more_body": False})

    async def _stream_result(self, request: GenerateRequest, exchange: Exchange, emit: Emit) -> bytes:
        try:
            generation = await self._inferences.generate(request, exchange.request_id, exchange.watch, emit)
        except RouterError as failure:
            if not exchange.started:
                raise
            self._recorder.failed(failure, exchange.request_id)
            return _event(failure_document(failure, exchange))
        return _event(_success(generation, exchange))

    @contextmanager
    def _open_stream(self) -> Iterator[None]:
        opened_s = self._clock.now_s()
        self._recorder.connection_opened("stream", "sse")
        try:
            yield
        finally:
            self._recorder.connection_closed("stream", "sse", self._clock.now_s() - opened_s)


def _event(document: object) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"


def _success(generation: Generation, exchange: Exchange) -> dict[str, object]:
    metadata = {"request_id": exchange.request_id, "duration": exchange.watch.elapsed_s}
    return {"success": True, "data": generation, "metadata": metadata}


async def _read_body(receive: Receive) -> bytes:
    """The whole body. What is over the limit is read and dropped, so that the client gets to see its 400."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left before its request was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        else:
            chunks.clear()
        if not message.get("more_body", False) or size > DISCARD_LIMIT_BYTES:
            break
    if size > MAX_BODY_BYTES:
        raise BadRequest(f"the body is larger than {MAX_BODY_BYTES} bytes")
    return b"".join(chunks)


@asynccontextmanager
async def _ended_by_disconnect(receive: Receive, exchange: Exchange) -> AsyncIterator[None]:
    """Cancel the body when the client hangs up, and raise ``ClientGone`` in its place."""
    task = asyncio.current_task()
    assert task is not None

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if not exchange.ended:
            exchange.aborted = True
            task.cancel(LEFT)

    listener = asyncio.create_task(listen())
    try:
        yield
    except asyncio.CancelledError:
        if not exchange.aborted:
            raise
        task.uncancel()
        raise ClientGone(LEFT) from None
    finally:
        listener.cancel()
