"""Request kinds as data: what is sent, what is expected, and where to read an answer.

The driver process receives all of this by file, so every type here goes to JSON and back unchanged.
Seconds are wall seconds: whoever builds a kind has already divided by the cell's speed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from harness.core.errors import ConfigError

__all__ = ["Corpus", "ReadFrom", "RequestKind", "Streaming", "from_mapping"]

_T = TypeVar("_T")
Streaming = Literal["none", "sse", "lines"]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"/[^\x00-\x20\x7f]*")
_OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where ``{{prompt}}`` comes from: given texts, or seeded words.

    ``size`` is how many different prompts there are before they repeat; 0 means that none repeats,
    1 is the way to ask for what a cache should hold. ``words`` is the shortest and longest prompt.
    """

    texts: tuple[str, ...] = ()
    size: int = 0
    words: tuple[int, int] = (8, 24)

    def __post_init__(self) -> None:
        shortest, longest = self.words
        if self.size < 0 or not 1 <= shortest <= longest:
            raise ConfigError(f"corpus: size {self.size} and words {shortest} to {longest} give no prompts")


@dataclass(frozen=True, slots=True)
class ReadFrom:
    """Where an answer says who it was and how much work it did.

    Each place is a JSON pointer (``/meta/id``) into the answer's body, or a header
    (``header:x-trace-id``). In a stream the last event that has the pointer wins over the first.
    """

    request_id: str | None = None
    work_units: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place in self.places():
            if not place.startswith(("/", "header:")):
                raise ConfigError(
                    f"{place!r} is not a place in an answer",
                    remedy="write a JSON pointer such as /meta/id, or header:x-trace-id",
                )

    def places(self) -> tuple[str, ...]:
        """Every place that is read."""
        return tuple(p for p in (self.request_id, self.work_units, *self.labels.values()) if p is not None)


@dataclass(frozen=True, slots=True)
class RequestKind:
    """One kind of request, sent to the ``port`` of that name, else to the one in the instance's address.

    ``path``, header values and every string in ``json`` (or ``text``, sent as it stands) may hold
    ``{{seq}}``, ``{{request_id}}`` and, but for headers, ``{{prompt}}``. ``abort_after_s`` makes the
    client go away that long after sending, which is then the expected end. In a stream each event
    (``sse``) or line (``lines``) is a token, except ``stream_end``; ``token_event`` keeps only events
    of that name, and ``token_at`` only those whose data has a value other than null and "" there. So many first
    answers of each status ``keeps_answers`` of a cell in their rows.
    Raises ``ConfigError`` for what no HTTP client could send.
    """

    name: str
    path: str
    method: str = "POST"
    port: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    text: str | None = None
    prompts: Corpus = field(default_factory=Corpus)
    expect_status: tuple[int, ...] = (200,)
    streaming: Streaming = "none"
    stream_end: str = "[DONE]"
    token_event: str | None = None
    token_at: str | None = None
    read: ReadFrom = field(default_factory=ReadFrom)
    labels: Mapping[str, str] = field(default_factory=dict)
    abort_after_s: float | None = None
    timeout_s: float = 60.0
    keeps_answers: int = 0

    def __post_init__(self) -> None:
        self._require(bool(_TOKEN.fullmatch(self.method)), f"{self.method!r} is not an HTTP method")
        self._require(bool(_TARGET.fullmatch(self.path)), f"{self.path!r} is not a path")
        self._require(self.streaming in get_args(Streaming), f"no such streaming mode: {self.streaming!r}")
        self._require(self.json is None or self.text is None, "give json or text, not both")
        self._require(bool(self.expect_status), "expect_status is empty, so no answer could be right")
        for seconds in (self.timeout_s, self.abort_after_s):
            self._require(
                seconds is None or (math.isfinite(seconds) and seconds > 0),
                f"timeout_s and abort_after_s must be above 0, not {seconds}",
            )
        self._check_headers()

    def _check_headers(self) -> None:
        for name, value in self.headers.items():
            self._require(bool(_TOKEN.fullmatch(name)), f"{name!r} is not a header name")
            self._require("{{prompt}}" not in value, f"header {name!r} cannot hold a prompt")
            self._require(name.lower() not in _OWN_HEADERS, f"header {name!r} is written by the driver itself")
            self._require(value.isascii() and value.isprintable(), f"header {name!r} is not printable ASCII")

    def _require(self, condition: bool, problem: str) -> None:
        if not condition:
            raise ConfigError(f"request kind {self.name!r}: {problem}")

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> RequestKind:
        """The kind in a mapping. Raises ``ConfigError`` for missing, unknown or unusable fields."""
        values = dict(written)
        if "prompts" in values:
            prompts = dict(values["prompts"])
            prompts.update({key: tuple(prompts[key]) for key in ("texts", "words") if key in prompts})
            values["prompts"] = from_mapping(Corpus, prompts)
        if "read" in values:
            values["read"] = from_mapping(ReadFrom, values["read"])
        if "expect_status" in values:
            values["expect_status"] = tuple(values["expect_status"])
        return from_mapping(cls, values)


def from_mapping(cls: type[_T], values: Mapping[str, Any]) -> _T:
    """``cls(**values)``, with a ``ConfigError`` that names the fields where they do not fit."""
    known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - known):
        raise ConfigError(f"{cls.__name__}: no such field: {', '.join(unknown)}")
    try:
        return cls(**values)
    except TypeError as error:
        raise ConfigError(f"{cls.__name__}: {error}") from error
