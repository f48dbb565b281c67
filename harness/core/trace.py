"""Trace files: recorded arrivals, one a line, for load that follows them. Every error names file, line and column.

::

    # seconds,kind
    0.25,generate
    0.31,stream

Seconds are production seconds after the beginning of the phase and never fall; the kind is a request kind of
the profile. Blank lines, lines that begin with ``#`` and a first line ``seconds,kind`` are passed over. A file
whose name ends in ``.gz`` is unpacked while it is read.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.core.errors import ConfigError, Location

__all__ = ["TracedArrival", "read_trace"]

_HEADER = "seconds,kind"


@dataclass(frozen=True, slots=True)
class TracedArrival:
    """One line: when, in production seconds after the phase's beginning, and what. ``source`` is the kind's place."""

    at_s: float
    kind: str
    source: Location


def read_trace(path: Path, *, shown_as: str | None = None) -> Iterator[TracedArrival]:
    """The arrivals in the file at ``path``, in order, read as they are asked for.

    Raises ``ConfigError`` for a file that cannot be read and, at its line and column, for the first line that is
    not an arrival, or that is earlier than the one before.
    """
    name, last_s = shown_as or str(path), 0.0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                arrival = _arrival(name, number, line.rstrip("\r\n"), last_s)
                if arrival:
                    last_s = arrival.at_s
                    yield arrival
    except FileNotFoundError:
        remedy = "create it, or correct the path that names it"
        raise ConfigError("the trace does not exist", location=Location(name), remedy=remedy) from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConfigError(f"the trace cannot be read: {error}", location=Location(name)) from None


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _arrival(file: str, number: int, line: str, last_s: float) -> TracedArrival | None:
    if not line.strip() or line.startswith("#") or (number == 1 and line.replace(" ", "") == _HEADER):
        return None
    seconds, comma, kind = line.partition(",")
    if not comma or not kind.strip() or "," in kind:
        raise ConfigError(
            f"not an arrival: {line[:60]!r}",
            location=Location(file, number, 1),
            remedy="write seconds, a comma and a request kind, such as 12.5,generate",
        )
    at_s = _seconds(seconds)
    if at_s is None:
        raise ConfigError(
            f"{seconds.strip()[:60]!r} is not a number of seconds",
            location=Location(file, number, 1),
            remedy="write it as in 12.5",
        )
    if at_s < last_s:
        raise ConfigError(
            f"{at_s:g} s comes after {last_s:g} s", location=Location(file, number, 1), remedy="sort the trace by time"
        )
    return TracedArrival(at_s, kind.strip(), Location(file, number, len(seconds) + 2))


def _seconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None
