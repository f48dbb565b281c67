"""Answers as ASGI messages, without more objects than there are facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.types import Send

__all__ = ["JSON", "Header", "begin", "reply", "reply_json"]

JSON = b"application/json"
Header = tuple[bytes, bytes]


async def begin(send: Send, status: int, content_type: bytes, headers: Iterable[Header] = ()) -> None:
    """Status line and headers."""
    message = {"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type), *headers]}
    await send(message)


async def reply(send: Send, status: int, body: bytes, content_type: bytes, headers: Iterable[Header] = ()) -> None:
    """A whole answer."""
    await begin(send, status, content_type, [(b"content-length", b"%d" % len(body)), *headers])
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def reply_json(send: Send, status: int, document: Any, headers: Iterable[Header] = ()) -> None:
    """A whole answer in JSON."""
    await reply(send, status, orjson.dumps(document), JSON, headers)
