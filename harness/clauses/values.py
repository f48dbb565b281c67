"""Does a JSON value keep a field rule? Shared by log lines, documents and HTTP answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from harness.contract.fields import FieldRule

__all__ = ["ABSENT", "at_path", "at_pointer", "broken_fields", "is_timestamp", "pattern_of"]

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "absent"})()


def at_path(fields: Mapping[str, Any], path: str) -> Any:
    """Value at a dotted path, nested (``error.name``) or flat (``{"error.name": …}``); ``ABSENT`` if none."""
    if path in fields:
        return fields[path]
    head, _, rest = path.partition(".")
    inner = fields.get(head, ABSENT)
    return at_path(inner, rest) if rest and isinstance(inner, Mapping) else (ABSENT if rest else inner)


def at_pointer(document: Any, pointer: str) -> Any:
    """Value at a JSON pointer (RFC 6901); ``ABSENT`` if none."""
    for raw in pointer.split("/")[1:]:
        step = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return ABSENT
    return document


def broken_fields(fields: Mapping[str, Any], rules: Mapping[str, FieldRule]) -> Iterator[str]:
    """One line for each rule that ``fields`` breaks."""
    for path, rule in rules.items():
        value = at_path(fields, path)
        if value is ABSENT:
            if not rule.optional:
                yield f"{path} is absent"
        elif problem := _problem(value, rule):
            yield f"{path} {problem}"


def _problem(value: Any, rule: FieldRule) -> str:
    if not _is_type(value, rule.type):
        return f"is {_shown(value)}, not of type {rule.type}"
    if rule.one_of is not None and value not in rule.one_of:
        return f"is {_shown(value)}, not one of {', '.join(map(str, rule.one_of))}"
    if rule.pattern is not None and not pattern_of(rule.pattern).fullmatch(str(value)):
        return f"is {_shown(value)}, which does not match {rule.pattern}"
    return ""


def _is_type(value: Any, kind: str) -> bool:
    if kind == "any":
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "timestamp":
        return isinstance(value, str) and is_timestamp(value)
    return isinstance(value, _TYPES[kind])


_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": (list, tuple),
}


def is_timestamp(text: str) -> bool:
    """Whether ``text`` is an instant in ISO 8601 with a time zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@lru_cache(maxsize=256)
def pattern_of(text: str) -> re.Pattern[str]:
    """The compiled pattern."""
    return re.compile(text)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
