"""Reading an answer: tokens of a stream as they arrive, and values at the places a kind names. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import orjson

from harness.run.load.ledger import Gaps
from harness.run.load.requests import ReadFrom, RequestKind

__all__ = ["Reading", "TokenStream", "at_pointer", "read_answer"]

Header = Callable[[str], str | None]


def at_pointer(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901) in ``document``, None where there is none."""
    value = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _document(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


class TokenStream:
    """Cuts a streamed body into tokens and keeps when each came, and the first and last of their data."""

    __slots__ = ("_event", "_kind", "_rest", "_text", "documents", "token_times")

    def __init__(self, kind: RequestKind) -> None:
        self._kind = kind
        self._rest = b""
        self._event = ""
        self._text: list[bytes] = []
        self.documents: list[bytes] = []
        self.token_times: list[float] = []

    def feed(self, data: bytes, now: float) -> None:
        """Take in a piece of the body that came at ``now`` (epoch seconds)."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if self._kind.streaming == "lines":
                self._piece(line, "", now)
            else:
                self._field(line, now)

    def _field(self, line: bytes, now: float) -> None:
        name, _, value = line.partition(b":")
        if not line:
            self._piece(b"\n".join(self._text), self._event, now)
            self._text, self._event = [], ""
        elif name == b"data":
            self._text.append(value.removeprefix(b" "))
        elif name == b"event":
            self._event = value.strip().decode("utf-8", "replace")

    def _piece(self, text: bytes, event: str, now: float) -> None:
        if not text or text == self._kind.stream_end.encode():
            return
        self.documents[1:] = [text]
        if self._is_token(text, event):
            self.token_times.append(now)

    def _is_token(self, text: bytes, event: str) -> bool:
        if self._kind.token_event is not None and event != self._kind.token_event:
            return False
        where = self._kind.token_at
        return where is None or at_pointer(_document(text), where) not in (None, "")

    def gaps(self) -> Gaps | None:
        """The gaps between tokens, None where there were fewer than two tokens."""
        times = self.token_times
        if len(times) < 2:
            return None
        between = sorted(later - earlier for earlier, later in pairwise(times))
        p50, p99 = (between[math.ceil(share * len(between)) - 1] for share in (0.5, 0.99))
        return Gaps(len(between), statistics.fmean(between), p50, p99, between[-1])


class Reading:
    """What was read from one answer; whatever the answer did not say is None or missing."""

    __slots__ = ("labels", "request_id", "work_units")

    def __init__(self, request_id: str | None, work_units: float | None, labels: dict[str, str]) -> None:
        self.request_id = request_id
        self.work_units = work_units
        self.labels = labels


def read_answer(read: ReadFrom, header: Header, bodies: Iterable[bytes]) -> Reading:
    """What an answer says at the places in ``read``; ``bodies`` are its JSON documents, the last one wins."""
    wants_body = any(place.startswith("/") for place in read.places())
    documents = [_document(text) for text in bodies][::-1] if wants_body else []

    def find(place: str | None) -> Any:
        if place is None:
            return None
        if place.startswith("header:"):
            return header(place.removeprefix("header:"))
        found = (at_pointer(document, place) for document in documents)
        return next((value for value in found if value is not None), None)

    labels = {name: find(place) for name, place in read.labels.items()}
    return Reading(
        request_id=_text(find(read.request_id)),
        work_units=_number(find(read.work_units)),
        labels={name: str(value) for name, value in labels.items() if value is not None},
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
