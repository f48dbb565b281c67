"""What the last lines of a log have in common: their format, names and types of their fields, never a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.clauses.values import is_timestamp, reads_as
from harness.contract.line_formats import LineFormat, Parse, parse_json
from harness.core.errors import ConfigError, Location
from harness.core.logfmt import parse_logfmt
from harness.sketch.records import recognised

__all__ = ["FIELD_NAME", "Stream", "kind_of_field", "read_stream"]

_LAST_BYTES: Final = 1_048_576
_MOST_FIELDS: Final = 8
FIELD_NAME: Final = re.compile(r"@?[A-Za-z][A-Za-z_-]{0,39}")
"""Names that are words: what holds digits or dots may be somebody's address or id."""
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
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LAST_BYTES))
            read = file.read(_LAST_BYTES)
    except OSError as error:
        raise ConfigError(f"the log cannot be read: {error.strerror}", location=Location(shown)) from None
    whole = read.split(b"\n")[1 if size > len(read) else 0 :]
    lines = [line.rstrip(b"\r") for line in whole if line.strip()]
    if not lines:
        remedy = "let the service write a line (send it a request), or leave --logs out"
        raise ConfigError("the log is empty", location=Location(shown), remedy=remedy)
    kind, found = _read(lines)
    if found:
        return Stream(_common(found, kind), len(lines), kind, len(lines) - len(found))
    records = recognised(lines)
    if records is None:
        problem = f"none of its last {len(lines)} lines is a JSON object or logfmt, or begins with an instant"
        raise ConfigError(problem, location=Location(shown), remedy=_REMEDY)
    fields, count = _common(list(records.read), records.format), len(records.read) + records.others
    return Stream(fields, count, records.format, records.others, records.pattern, records.begins)


def _read(lines: Sequence[bytes]) -> tuple[LineFormat, list[dict[str, Any]]]:
    """The format that most lines are in, with the fields of those lines."""
    read = {kind: [found for line in lines if (found := parse(line)) is not None] for kind, parse in _FORMATS.items()}
    return max(read.items(), key=lambda item: len(item[1]))


def _common(objects: list[dict[str, Any]], kind: LineFormat) -> dict[str, str]:
    names = [name for name in objects[0] if FIELD_NAME.fullmatch(name) and all(name in each for each in objects)]
    told = _type if kind == "json" else _type_of_texts
    return {name: told([each[name] for each in objects]) for name in names[:_MOST_FIELDS]}


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
