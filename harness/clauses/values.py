"""Does a JSON value keep a field rule? Shared by log lines, documents and HTTP answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from harness.contract.fields import FieldRule

__all__ = [
    "ABSENT",
    "INSTANTS",
    "at_path",
    "at_pointer",
    "broken_fields",
    "instant_of",
    "is_among",
    "is_epoch",
    "is_timestamp",
    "pattern_of",
    "reads_as",
    "said",
]

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


def broken_fields(fields: Mapping[str, Any], rules: Mapping[str, FieldRule], *, text: bool = False) -> Iterator[str]:
    """One line for each rule that ``fields`` breaks; ``text``: a value is what its text reads as."""
    for path, rule in rules.items():
        value = at_path(fields, path)
        if value is ABSENT:
            if not rule.optional:
                yield f"{path} is absent"
        elif problem := _problem(value, rule, text):
            yield f"{path} {problem}"


def _problem(value: Any, rule: FieldRule, text: bool) -> str:
    if not (reads_as(value, rule.type) if text else _is_type(value, rule.type)):
        return f"is {_shown(value)}, not of type {rule.type}"
    if rule.one_of is not None and not (is_among(value, rule.one_of) if text else value in rule.one_of):
        return f"is {_shown(value)}, not one of {', '.join(map(str, rule.one_of))}"
    if rule.pattern is not None and not pattern_of(rule.pattern).fullmatch(str(value)):
        return f"is {_shown(value)}, which does not match {rule.pattern}"
    return ""


def _is_type(value: Any, kind: str) -> bool:
    if kind == "any":
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind in INSTANTS:
        return INSTANTS[kind](value)
    return isinstance(value, _TYPES[kind])


_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": (list, tuple),
}


_READS: dict[str, re.Pattern[str]] = {
    "integer": re.compile(r"[+-]?[0-9]+"),
    "number": re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"),
    "boolean": re.compile(r"true|false"),
}


def reads_as(text: str, kind: str) -> bool:
    """Whether ``text`` reads as a value of a field's type; none reads as an object or an array."""
    if kind in INSTANTS:
        return INSTANTS[kind](text)
    pattern = _READS.get(kind)
    return kind in ("string", "any") if pattern is None else pattern.fullmatch(text) is not None


def said(value: Any) -> str:
    """A value of a contract or a document as a log line writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_among(text: str, values: Iterable[Any]) -> bool:
    """Whether ``text`` is how one of the values is written."""
    return any(text == said(value) for value in values)


def is_timestamp(value: Any) -> bool:
    """Whether ``value`` is the text of an instant in ISO 8601 with a time zone."""
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def is_epoch(value: Any) -> bool:
    """Whether ``value`` counts seconds, milli-, micro- or nanoseconds since 1970, and names a day of this century."""
    return _since_1970(value) is not None


INSTANTS: Final[Mapping[str, Callable[[Any], bool]]] = {"timestamp": is_timestamp, "epoch": is_epoch}
"""Types of fields that hold an instant."""
_UNITS: Final = (1, 1_000, 1_000_000, 1_000_000_000)
_CENTURY_S: Final = (946_684_800, 4_102_444_800)
_NUMBER: Final = re.compile(r"[0-9]{9,20}(?:\.[0-9]+)?")


def instant_of(value: Any) -> float | None:
    """Epoch seconds of the instant that ``value`` holds; None where it is none, or tells no time zone."""
    if is_timestamp(value):
        return datetime.fromisoformat(value).timestamp()
    return _since_1970(value)


def _since_1970(value: Any) -> float | None:
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds = (value / unit for unit in _UNITS)
    return next((each for each in seconds if _CENTURY_S[0] <= each < _CENTURY_S[1]), None)


@lru_cache(maxsize=256)
def pattern_of(text: str) -> re.Pattern[str]:
    """The compiled pattern."""
    return re.compile(text)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
