"""Just enough of an HTTP/1.1 server for sinks: whole requests in, configured answers out, connections kept alive."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

__all__ = ["Answer", "Request", "serve_http"]

_BODY_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a listener answers: at once, after ``delay_s``, or never (``hang``: until the client gives up).

    The default is what Slack-compatible receivers expect.
    """

    status: int = 200
    body: bytes = b"ok"
    content_type: str = "text/plain; charset=utf-8"
    delay_s: float = 0.0
    hang: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request; ``t`` is when its last byte came (seconds since the epoch), header names are lower case."""

    t: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class _BadRequestError(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


async def serve_http(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Callable[[Request], Awaitable[Answer]]
) -> None:
    """Answer the requests of one connection until the client closes it or an answer hangs."""
    while True:
        try:
            request = await _read_request(reader, writer)
        except (_BadRequestError, asyncio.LimitOverrunError, ValueError) as error:
            await _write(writer, Answer(getattr(error, "status", 400), b"bad request\n"), close=True)
            return
        if request is None:
            return
        reply = await answer(request)
        if reply.hang:
            await reader.read()
            return
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        close = request.headers.get("connection", "").lower() == "close"
        await _write(writer, reply, close=close, head_only=request.method == "HEAD")
        if close:
            return


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial.strip():
            raise _BadRequestError(400) from None
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _version = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _read_body(reader, headers)
    return Request(time.time(), method, path, headers, body)


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    return await _read_exactly(reader, int(headers.get("content-length", "0")))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if len(body) + size > _BODY_LIMIT_BYTES:
            raise _BadRequestError(413)
        body += await _read_exactly(reader, size)
        await reader.readuntil(b"\r\n")
    while (await reader.readuntil(b"\r\n")).strip():
        pass  # trailers
    return bytes(body)


async def _read_exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    if not 0 <= size <= _BODY_LIMIT_BYTES:
        raise _BadRequestError(413)
    return await reader.readexactly(size)


async def _write(writer: asyncio.StreamWriter, answer: Answer, *, close: bool, head_only: bool = False) -> None:
    reason = http.client.responses.get(answer.status, "Unknown")
    writer.write(
        f"HTTP/1.1 {answer.status} {reason}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nConnection: {'close' if close else 'keep-alive'}\r\n\r\n".encode()
    )
    if not head_only:
        writer.write(answer.body)
    await writer.drain()
