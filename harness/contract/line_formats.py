"""How the lines of a log stream are read: JSON objects, logfmt, or text with a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import orjson

from harness.core.logfmt import parse_logfmt

__all__ = ["FORMATS", "LineFormat", "Parse", "of_records", "parse_json", "parser_of", "strangeness"]

LineFormat = Literal["json", "logfmt", "text"]
Parse = Callable[[bytes], "dict[str, Any] | None"]
"""The fields of a line, ``None`` where it is not in the format."""
FORMATS: Final[dict[LineFormat, str]] = {
    "json": "a JSON object",
    "logfmt": "logfmt",
    "text": "text as its pattern says",
}
"""What a line is, in words."""


def parse_json(line: bytes) -> dict[str, Any] | None:
    """The fields of a JSON object."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def strangeness(text: str) -> Iterator[str]:
    """What is odd about a line that is out of its format, in words: bytes of another coding, almost JSON."""
    if "\0" in text:
        yield "it holds NUL bytes: UTF-16, or a file that was cut while somebody wrote it"
    if "\ufffd" in text:
        yield "it holds bytes that are no UTF-8"
    if text.startswith("{"):
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield f"it begins like a JSON object: {error}"


def parser_of(kind: LineFormat, pattern: str | None) -> Parse:
    """What reads lines of a format; those of ``text`` match ``pattern`` as a whole, and its named groups are fields."""
    if kind == "json":
        return parse_json
    return parse_logfmt if kind == "logfmt" else _by_groups(re.compile(pattern or ".*"))


def of_records(parse: Parse) -> Parse:
    """What reads records of several lines: as a whole where ``parse`` can, else what it makes of their first line."""

    def read(record: bytes) -> dict[str, Any] | None:
        found = parse(record)
        return parse(record.partition(b"\n")[0]) if found is None and b"\n" in record else found

    return read


def _by_groups(pattern: re.Pattern[str]) -> Parse:
    def parse(line: bytes) -> dict[str, Any] | None:
        found = pattern.fullmatch(line.decode("utf-8", "replace"))
        return None if found is None else {name: text for name, text in found.groupdict().items() if text is not None}

    return parse
