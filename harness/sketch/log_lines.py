"""What the last lines of a log have in common: their format, names and types of their fields, never a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.clauses.values import is_epoch, is_timestamp, reads_as
from harness.contract.line_formats import LineFormat, Parse, parse_json, strangeness
from harness.core.errors import ConfigError, Location
from harness.core.logfmt import parse_logfmt
from harness.sketch.records import recognised

__all__ = ["FIELD_NAME", "Stream", "kind_of_field", "read_stream"]

_LAST_BYTES: Final = (1_048_576, 33_554_432)
"""How much is looked at, and how much where not one line ends in that."""
_MOST_FIELDS: Final = 8
FIELD_NAME: Final = re.compile(
    r"@?[A-Za-z_][A-Za-z_-]{0,39}|(?:log|service|event|error|ecs|process|trace)\.[a-z_]{1,20}"
)
"""Names that are words: what holds digits, or dots unlike those of common schemas, may be somebody's address or id."""
_TIME: Final = re.compile(r"(?i)time|^ts$|^t$|date|instant")
_FORMATS: Final[dict[LineFormat, Parse]] = {"json": parse_json, "logfmt": parse_logfmt}
_REMEDY: Final = (
    "leave --logs out, and declare the stream with format: text and a pattern, or let the service write one JSON "
    "object or logfmt line a line"
)


@dataclass(frozen=True, slots=True)
class Stream:
    """Fields of every line in the format, as a contract writes them, how many lines were read, and of those others.

    Where events take several lines ``begins`` tells how one begins, and ``lines`` and ``others`` count events.
    """

    fields: dict[str, str]
    lines: int
    format: LineFormat = "json"
    others: int = 0
    pattern: str | None = None
    begins: str | None = None


def read_stream(path: Path, shown: str) -> Stream:
    """The fields of the last lines of ``path``; raises ``ConfigError`` at ``shown`` where there is nothing to learn."""
    try:
        lines = next(filter(None, (_last_lines(path, most) for most in _LAST_BYTES)), [])
    except OSError as error:
        raise ConfigError(f"the log cannot be read: {error.strerror}", location=Location(shown)) from None
    if not lines:
        remedy = "let the service write a line (send it a request), or leave --logs out"
        raise ConfigError("the log is empty", location=Location(shown), remedy=remedy)
    kind, found = _read(lines)
    if found:
        return Stream(_common(found, kind), len(lines), kind, len(lines) - len(found))
    records = recognised(lines)
    if records is None:
        problem = (
            f"none of its last {len(lines)} lines is a JSON object or logfmt, or begins with an instant or a level"
        )
        why = "".join(f"; {each}" for each in strangeness(lines[-1].decode("utf-8", "replace")))
        raise ConfigError(problem + why, location=Location(shown), remedy=_REMEDY)
    fields, count = _common(list(records.read), records.format), len(records.read) + records.others
    return Stream(fields, count, records.format, records.others, records.pattern, records.begins)


def _last_lines(path: Path, most: int) -> list[bytes]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - most))
        read = file.read(most)
    whole = read.split(b"\n")[1 if size > len(read) else 0 :]
    return [line.rstrip(b"\r") for line in whole if line.strip()]


def _read(lines: Sequence[bytes]) -> tuple[LineFormat, list[dict[str, Any]]]:
    """The format that most lines are in, with the fields of those lines."""
    read = {kind: [found for line in lines if (found := parse(line)) is not None] for kind, parse in _FORMATS.items()}
    return max(read.items(), key=lambda item: len(item[1]))


def _common(objects: list[dict[str, Any]], kind: LineFormat) -> dict[str, str]:
    names = [name for name in objects[0] if FIELD_NAME.fullmatch(name) and all(name in each for each in objects)]
    told = _type if kind == "json" else _type_of_texts
    return {name: _instants(name, each) or told(each) for name, each in _values(objects, names[:_MOST_FIELDS])}


def _values(objects: list[dict[str, Any]], names: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    return ((name, [each[name] for each in objects]) for name in names)


def _instants(name: str, values: list[Any]) -> str:
    """Numbers count from 1970 where the name says that they are a time."""
    return "epoch" if _TIME.search(name) and all(map(is_epoch, values)) else ""


def _type(values: list[Any]) -> str:
    kinds = {kind_of_field(value) for value in values}
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "any"


def _type_of_texts(values: list[str]) -> str:
    """The narrowest type that all of them read as."""
    kinds = ("boolean", "integer", "number", "timestamp")
    return next((kind for kind in kinds if all(reads_as(value, kind) for value in values)), "string")


def kind_of_field(value: Any) -> str:
    """The type under which a contract declares a value."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "timestamp" if is_timestamp(value) else "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "any"
