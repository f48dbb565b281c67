"""Logs of which no line is an object or pairs: text that begins with an instant or a level, and events that take
several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.contract.joining import Joining
from harness.contract.line_formats import LineFormat, parse_json, parser_of

__all__ = ["Records", "recognised"]

_CLOCK: Final = r"\d\d:\d\d:\d\d"
_INSTANTS: Final = (
    rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}[^\s\]\x1b]*",
    rf"\d{{4}}/\d\d/\d\d(?: -)? {_CLOCK}[^\s\]\x1b]*",
    rf"\d\d/[A-Z][a-z]{{2}}/\d{{4}}[: ]{_CLOCK}[^\]]*",
    rf"\d\d [A-Z][a-z]{{2}} \d{{4}} {_CLOCK}[.,\d]*",
    rf"[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d {_CLOCK}[.\d]* \d{{4}}",
    rf"[A-Z][a-z]{{2}} [ \d]\d {_CLOCK}",
    rf"[IWEF]\d{{4}} {_CLOCK}[.\d]*",
    rf"{_CLOCK}[^\s\]\x1b]*",
)
"""How an instant is written by the loggers of several languages."""
_LEADS: Final = {
    r"\[?": r"\]?",
    r"<\d{1,3}>(?:1 )?": "",
    r"\[[A-Z]+\] ": "",
    r"\S+ \S+ \S+ \[": r"\]",
    r"\d+:[A-Z] ": "",
    r"(?:\x1b\[[\d;]*m)+": "",
}
"""What may stand before it, and what then behind: a bracket, syslog's priority, a tag, a client, a process, colour."""
_LEVELS: Final = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL|CONFIG|FINE|FINER|FINEST"
_LEVEL: Final = rf"[^\n]*?\b(?P<level>{_LEVELS})\b"
_FIRST: Final = rf"\[?(?P<level>(?i:{_LEVELS}|fail|crit|dbug|trce))(?:\]?: ?|\] |(?=\s+[\[\d(]))"
_REST: Final = r"\s*(?P<msg>(?s:.*))"
_FEWEST: Final = 2


def _ways() -> Iterator[tuple[str, ...]]:
    """How a line may begin, and the patterns that take it apart, the one that tells more first."""
    for instant in _INSTANTS:
        for lead, close in _LEADS.items():
            timed = f"{lead}(?P<time>{instant}){close}"
            yield f"{lead}{instant}", f"{timed}{_LEVEL}{_REST}", f"{timed}{_REST}"
    yield _FIRST.replace("?P<level>", "?:"), f"{_FIRST}{_REST}"


_WAYS: Final = tuple(_ways())


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
    """Text that begins in the way in which most lines do."""
    shown = [line.decode("utf-8", "replace") for line in lines]
    counts = {ways[0]: sum(re.match(ways[0], line) is not None for line in shown) for ways in _WAYS}
    begins = max(counts, key=lambda each: counts[each])
    if counts[begins] < min(_FEWEST, len(lines)):
        return
    records = _joined(lines, begins)
    for pattern in next(ways for ways in _WAYS if ways[0] == begins)[1:]:
        read = [found for each in records if (found := parser_of("text", pattern)(each)) is not None]
        if len(read) == counts[begins]:
            several = begins if len(records) < len(lines) else None
            yield Records("text", read, len(records) - len(read), pattern, several)


def _joined(lines: Sequence[bytes], begins: str) -> list[bytes]:
    joining = Joining(re.compile(begins))
    found = [entry for number, line in enumerate(lines) for entry in joining.add(0.0, "", number, line)]
    return [entry.text for entry in (*found, *joining.end())]
