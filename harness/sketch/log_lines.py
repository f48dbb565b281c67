"""What the last lines of a log have in common: names and types of their fields, never a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from harness.clauses.values import is_timestamp
from harness.core.errors import ConfigError, Location

__all__ = ["FIELD_NAME", "Stream", "kind_of_field", "read_stream"]

_LAST_BYTES: Final = 1_048_576
_MOST_FIELDS: Final = 8
FIELD_NAME: Final = re.compile(r"@?[A-Za-z][A-Za-z_-]{0,39}")
"""Names that are words: what holds digits or dots may be somebody's address or id."""
_REMEDY: Final = "let the service write one JSON object a line, or leave --logs out"


@dataclass(frozen=True, slots=True)
class Stream:
    """Fields of every line, as a contract writes them, and how many lines were read."""

    fields: dict[str, str]
    lines: int


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
    lines = [line for line in whole if line.strip()]
    if not lines:
        remedy = "let the service write a line (send it a request), or leave --logs out"
        raise ConfigError("the log is empty", location=Location(shown), remedy=remedy)
    objects = [found for line in lines if (found := _object(line)) is not None]
    if not objects:
        problem = f"none of its last {len(lines)} lines is a JSON object"
        raise ConfigError(problem, location=Location(shown), remedy=_REMEDY)
    return Stream(_common(objects), len(lines))


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _common(objects: list[dict[str, Any]]) -> dict[str, str]:
    names = [name for name in objects[0] if FIELD_NAME.fullmatch(name) and all(name in each for each in objects)]
    return {name: _type([each[name] for each in objects]) for name in names[:_MOST_FIELDS]}


def _type(values: list[Any]) -> str:
    kinds = {kind_of_field(value) for value in values}
    if kinds == {"integer", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "any"


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
