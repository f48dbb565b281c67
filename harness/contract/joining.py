"""Lines put together to records, where an event may be written on several: a stack trace, JSON with indents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Entry", "Joining"]

_LONGEST_BYTES: Final = 16_777_216
"""What comes after so much of a record is passed over, as nobody would read it."""


@dataclass(slots=True)
class Entry:
    """One record: when its first line was read, in which file and on which line it begins, its lines."""

    t: float
    file: str
    number: int
    lines: list[bytes]
    size: int = 0

    @property
    def text(self) -> bytes:
        """Its lines, without the end of the last; blank ones at its end belong to nobody."""
        return b"\n".join(self.lines).rstrip(b"\n")


@dataclass(slots=True)
class Joining:
    """A line that does not match ``begins`` at its beginning continues the record before it in the same file.

    A record is complete once another begins, or at the end. Without ``begins`` every line is a record. Blank lines
    outside of records are none: no shipper sends them.
    """

    begins: re.Pattern[str] | None
    begun: int = 0
    """Records so far, those that are not complete included."""
    _open: dict[str, Entry] = field(default_factory=dict)

    def add(self, t: float, file: str, number: int, line: bytes) -> Iterator[Entry]:
        """The records that are complete now that ``line`` was read."""
        before = self._open.get(file)
        if before is not None and not self._is_first(line):
            before.size += len(line)
            if before.size <= _LONGEST_BYTES:
                before.lines.append(line)
        elif line:
            self.begun += 1
            entry = Entry(t, file, number, [line])
            if self.begins is None:
                yield entry
                return
            self._open[file] = entry
            if before is not None:
                yield before

    def end(self) -> Iterator[Entry]:
        """The last record of each file."""
        yield from self._open.values()
        self._open.clear()

    def _is_first(self, line: bytes) -> bool:
        return self.begins is None or self.begins.match(line.decode("utf-8", "replace")) is not None
