"""Logs of which no line is an object or pairs: text that begins with an instant, and events that take several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.contract.joining import Joining
from harness.contract.line_formats import LineFormat, parse_json, parser_of

__all__ = ["Records", "recognised"]

_INSTANTS: Final = (
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\s\]]*\]?",
    r"\[?\d{4}/\d\d/\d\d \d\d:\d\d:\d\d[^\s\]]*\]?",
    r"\[?\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d[^\]]*\]?",
    r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d",
    r"[IWEF]\d{4} \d\d:\d\d:\d\d[.\d]*",
    r"\[?\d\d:\d\d:\d\d[^\s\]]*\]?",
)
"""How a line of text begins, as the loggers of several languages write it."""
_LEVEL: Final = (
    r"[^\n]*?\b(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL|CONFIG|FINE|FINER|FINEST)\b"
)
_REST: Final = r"\s*(?P<msg>(?s:.*))"
_FEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class Records:
    """How the records are to be declared, and what each reads as; ``begins`` where some take several lines."""

    format: LineFormat
    read: Sequence[dict[str, Any]]
    others: int
    pattern: str | None = None
    begins: str | None = None


def recognised(lines: Sequence[bytes]) -> Records | None:
    """The records that ``lines`` are; ``None`` where nothing tells how one begins."""
    return next((found for found in (*_objects(lines), *_texts(lines)) if found is not None), None)


def _objects(lines: Sequence[bytes]) -> Iterator[Records]:
    """JSON with indents."""
    begins = r"\{"
    records = _joined(lines, begins)
    read = [found for each in records if (found := parse_json(each)) is not None]
    if read:
        yield Records("json", read, len(records) - len(read), begins=begins)


def _texts(lines: Sequence[bytes]) -> Iterator[Records]:
    """Text that begins with an instant, of the shape that most lines have."""
    shown = [line.decode("utf-8", "replace") for line in lines]
    counts = {shape: sum(re.match(shape, line) is not None for line in shown) for shape in _INSTANTS}
    shape = max(counts, key=lambda each: counts[each])
    if counts[shape] < min(_FEWEST, len(lines)):
        return
    records = _joined(lines, shape)
    for pattern in (f"(?P<time>{shape}){_LEVEL}{_REST}", f"(?P<time>{shape}){_REST}"):
        read = [found for each in records if (found := parser_of("text", pattern)(each)) is not None]
        if len(read) == counts[shape]:
            begins = shape if len(records) < len(lines) else None
            yield Records("text", read, len(records) - len(read), pattern, begins)


def _joined(lines: Sequence[bytes], begins: str) -> list[bytes]:
    joining = Joining(re.compile(begins))
    found = [entry for number, line in enumerate(lines) for entry in joining.add(0.0, "", number, line)]
    return [entry.text for entry in (*found, *joining.end())]
