"""The bytes of one request, from a kind's template, a sequence number and a seeded corpus."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from urllib.parse import quote

import orjson

from harness.run.load.requests import Corpus, RequestKind

__all__ = ["Template", "nobodys", "prompt", "request_id"]

_PLACEHOLDER = re.compile(r"\{\{(seq|request_id|prompt|random)\}\}")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_WORDS = """
    river stone lantern orbit copper meadow signal harbor violet engine paper winter garden mirror thunder
    canvas bridge summit ocean feather circuit marble forest ember valley compass silver desert rocket
    window island voyage anchor crystal shadow market granite blossom tunnel horizon cabin pepper falcon
    glacier basket ribbon temple magnet saddle pocket ladder puzzle barrel candle hammer mosaic needle
    oyster parade quiver sailor timber vessel walnut
"""
_VOCABULARY = tuple(_WORDS.split())
_BASE = len(_VOCABULARY)


def prompt(corpus: Corpus, seed: int, index: int) -> str:
    """Prompt number ``index``: the same for the same seed, and different while ``corpus`` does not repeat."""
    if corpus.texts:
        return corpus.texts[index % len(corpus.texts)]
    number = index % corpus.size if corpus.size else index
    shortest, longest = corpus.words
    state = int.from_bytes(blake2b(f"{seed}/{number}".encode(), digest_size=8).digest())
    words = [_VOCABULARY[(state >> (6 * place)) % _BASE] for place in range(10)]
    length = shortest + state % (longest - shortest + 1)
    filler = [words[place % 10] for place in range(length)]
    return " ".join([*filler, f"number {number}"])


def request_id(run_id: str, cell: str, seq: int) -> str:
    """An id in the form of a UUID, unique to the run, cell and request, and repeatable."""
    digits = blake2b(f"{run_id}/{cell}/{seq}".encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def nobodys(request_id: str) -> str:
    """A text that nobody can have foreseen, another one for each request, and repeatable."""
    return f"x{blake2b(request_id.encode(), digest_size=8).hexdigest()}"


class Template:
    """A kind compiled once, so that a request costs a few string joins."""

    __slots__ = ("_body", "_escape", "_headers", "_kind", "_path", "_seed", "names_request")

    def __init__(self, kind: RequestKind, seed: int) -> None:
        self._kind = kind
        self._seed = seed
        self._path = _PLACEHOLDER.split(kind.path)
        self._headers = _PLACEHOLDER.split(_header_lines(kind))
        self._body = _PLACEHOLDER.split(_body_text(kind))
        self._escape: Callable[[str], str] = _as_written if kind.json is None else _inside_json
        self.names_request = any("request_id" in parts[1::2] for parts in self._places())

    def fill(self, authority: str, seq: int, request_id: str, body: int) -> bytes:
        """The request's bytes; ``authority`` goes to the Host header, ``body`` is the number of the prompt."""
        values = {"seq": str(seq), "request_id": request_id, "random": nobodys(request_id)}
        if any("prompt" in parts[1::2] for parts in self._places()):
            values["prompt"] = prompt(self._kind.prompts, self._seed, body)
        content = _join(self._body, values, self._escape).encode()
        path = _join(self._path, values, quote)
        headers = _join(self._headers, values, _as_written)
        length = f"content-length: {len(content)}\r\n" if content or self._kind.method in _WITH_BODY else ""
        head = f"{self._kind.method} {path} HTTP/1.1\r\nhost: {authority}\r\n{headers}{length}\r\n"
        return head.encode("ascii") + content

    def _places(self) -> tuple[list[str], ...]:
        return self._path, self._headers, self._body


def _header_lines(kind: RequestKind) -> str:
    given = {name.lower() for name in kind.headers}
    defaults = {"user-agent": "observability-harness", "accept": "*/*"}
    if kind.json is not None:
        defaults["content-type"] = "application/json"
    lines = [(name, value) for name, value in defaults.items() if name not in given]
    return "".join(f"{name}: {value}\r\n" for name, value in (*lines, *kind.headers.items()))


def _body_text(kind: RequestKind) -> str:
    return kind.text or "" if kind.json is None else orjson.dumps(kind.json).decode()


def _join(parts: list[str], values: dict[str, str], escape: Callable[[str], str]) -> str:
    # Odd parts are placeholder names, as re.split leaves them.
    return "".join(escape(values[part]) if index % 2 else part for index, part in enumerate(parts))


def _inside_json(text: str) -> str:
    return orjson.dumps(text).decode()[1:-1]


def _as_written(text: str) -> str:
    return text
