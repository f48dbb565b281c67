"""What of a client's request may be written down: closed lists and bounded lengths, no secrets."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

__all__ = ["bounded", "loggable_headers", "loggable_query", "request_id_from"]

REDACTED = "[redacted]"
MAX_TEXT = 256
LOGGED_HEADERS = frozenset({b"host", b"user-agent", b"accept", b"content-type", b"content-length", b"x-request-id"})
SECRET_HEADERS = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"x-api-key"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

RawHeaders = Iterable[tuple[bytes, bytes]]


def bounded(text: str) -> str:
    """At most 256 characters of what a client wrote."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def loggable_headers(headers: RawHeaders) -> dict[str, str]:
    """Known headers only, so that a client cannot add fields to an index; secret ones by name alone."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name in LOGGED_HEADERS:
            found[name.decode()] = bounded(value.decode("latin-1"))
        elif name in SECRET_HEADERS:
            found[name.decode()] = REDACTED
    return found


def loggable_query(query: bytes) -> str:
    """Whether there was a query string, never what it said."""
    return REDACTED if query else ""


def request_id_from(headers: RawHeaders) -> str:
    """The client's ``x-request-id`` if it is a sane identifier, else a new one."""
    for name, value in headers:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return secrets.token_hex(16)
