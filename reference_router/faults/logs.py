# ruff: noqa: ARG002 - hooks of many small classes share one signature
"""Faults of the log streams: muted, corrupt, short of a field, on a disk that refuses, rotated."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import orjson

from reference_router.faults.base import Fault, FaultError, Portions
from reference_router.logs import STREAMS

if TYPE_CHECKING:
    from reference_router.instance import Router

__all__ = ["LogCorrupt", "LogDropField", "LogMute", "LogRotate", "LogWriteFailure"]


class LogFault(Fault):
    """Filters the finished lines of ``streams`` (all five if none is named)."""

    streams: list[str]

    async def inject(self, router: Router) -> None:
        """Filter from now on."""
        router.book.filters.append(self._filter)

    async def heal(self, router: Router) -> None:
        """Filter no more."""
        router.book.filters.remove(self._filter)

    def check(self, router: Router) -> None:
        """Streams must exist."""
        super().check(router)
        if not set(self.streams) <= set(STREAMS):
            raise FaultError(f"{self.name}: streams are {', '.join(STREAMS)}")

    def strike(self, line: bytes) -> bytes | None:
        """What becomes of a line; the same object if nothing does."""
        raise NotImplementedError

    def _filter(self, stream: str, line: bytes) -> bytes | None:
        if self.streams and stream not in self.streams:
            return line
        changed = self.strike(line)
        if changed is not line:
            self.hit()
        return changed


@dataclass(eq=False)
class LogMute(LogFault):
    """Lines are not written; their ``seq`` is missing afterwards."""

    name: ClassVar[str] = "log_mute"
    streams: list[str] = field(default_factory=list)

    def strike(self, line: bytes) -> bytes | None:
        """Nothing."""
        return None


@dataclass(eq=False)
class LogCorrupt(LogFault):
    """A ``ratio`` of the lines is cut in half, which leaves no JSON."""

    name: ClassVar[str] = "log_corrupt"
    streams: list[str] = field(default_factory=list)
    ratio: float = 1.0

    def __post_init__(self) -> None:
        self._portions = Portions({"": self.ratio}, 0)

    def strike(self, line: bytes) -> bytes | None:
        """Half a line."""
        return line if self._portions.next() is None else line[: len(line) // 2]


@dataclass(eq=False)
class LogDropField(LogFault):
    """Lines lack one ``field``, written as a dotted path such as ``error.name``."""

    name: ClassVar[str] = "log_drop_field"
    path: str
    streams: list[str] = field(default_factory=list)

    def strike(self, line: bytes) -> bytes | None:
        """The line without the field."""
        document = orjson.loads(line)
        *parents, last = self.path.split(".")
        holder = document
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or last not in holder:
            return line
        del holder[last]
        return orjson.dumps(document)


@dataclass(eq=False)
class LogWriteFailure(LogFault):
    """The disk refuses lines."""

    name: ClassVar[str] = "log_write_failure"
    streams: list[str] = field(default_factory=list)

    def strike(self, line: bytes) -> bytes | None:
        """A full disk."""
        self.hit()
        raise OSError(errno.ENOSPC, "no space left on device")


@dataclass(eq=False)
class LogRotate(LogFault):
    """Every stream that holds a line is rotated at once, as when its file is full."""

    name: ClassVar[str] = "log_rotate"
    streams: list[str] = field(default_factory=list)

    async def inject(self, router: Router) -> None:
        """Rotate."""
        for name in self.streams or STREAMS:
            if router.book.streams[name].rotate():
                self.hit()

    async def heal(self, router: Router) -> None:
        """What is rotated stays so."""
