"""Five streams of JSON lines: one file each, rotated by size, one ``write`` per line.

A line is written at once and unbuffered, so that a shipper sees it within its own polling time and a
killed process loses nothing. A line that cannot be written is dropped and counted; it never fails a
request.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

__all__ = ["STREAMS", "LogBook", "LogFilter", "Stream"]

STREAMS: Final = ("application", "access", "error", "audit", "metrics")
LEVELS: Final = ("debug", "info", "warn", "error", "fatal")

LogFilter = Callable[[str, bytes], bytes | None]
"""Sees stream and finished line (without newline); returns what is written, None for nothing."""


class Stream:
    """One append-only file with its line counter; ``path.1`` is the youngest of ``backups`` old files."""

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        self.path = path
        self.sequence = 0
        self._max_bytes = max_bytes
        self._backups = backups
        self._fd = -1
        self._size = 0
        self._open()

    def append(self, line: bytes) -> None:
        """Write one line and its newline whole, or not at all. Raises ``OSError``."""
        data = line + b"\n"
        if self._size and self._size + len(data) > self._max_bytes:
            self.rotate()
        written = os.write(self._fd, data)
        if written != len(data):
            os.ftruncate(self._fd, self._size)
            raise OSError(f"{self.path}: only {written} of {len(data)} bytes were written")
        self._size += written

    def close(self) -> None:
        """Close the file; further appends raise ``OSError``."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._fd).st_size

    def rotate(self) -> bool:
        """Begin a new file, unless this one is empty; whether there was anything. Raises ``OSError``."""
        if not self._size:
            return False
        for index in range(self._backups - 1, 0, -1):
            older = self._backup(index)
            if older.exists():
                older.replace(self._backup(index + 1))
        self.path.replace(self._backup(1))
        self.close()
        self._open()
        return True

    def _backup(self, index: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{index}")


class LogBook:
    """Writes lines to the five streams of one instance.

    Every line is ``level, time, service, version, env, hostname, pid, seq``, then ``request_id`` where it was
    written for a request, then the event's fields, and last ``msg``. ``filters`` see finished lines.
    ``on_failure`` is told of each line that could not be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        service: str,
        version: str,
        environment: str,
        hostname: str,
        max_bytes: int,
        backups: int,
        on_failure: Callable[[], None],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.filters: list[LogFilter] = []
        self.streams = {name: Stream(folder / f"{name}.log", max_bytes, backups) for name in STREAMS}
        self._on_failure = on_failure
        self._heads = {level: b'{"level":"' + level.encode() + b'","time":"' for level in LEVELS}
        origin = {"service": service, "version": version, "env": environment, "hostname": hostname, "pid": os.getpid()}
        self._origin = b'Z",' + orjson.dumps(origin)[1:-1] + b',"seq":'

    def write(
        self, stream: str, level: str, msg: str, fields: dict[str, Any] | None = None, request_id: str | None = None
    ) -> None:
        """Write one line; never raises for a failing disk."""
        target = self.streams[stream]
        target.sequence += 1
        line: bytes | None = self._line(level, msg, fields, request_id, target.sequence)
        try:
            for change in self.filters:
                if line is None:
                    return
                line = change(stream, line)
            if line is not None:
                target.append(line)
        except OSError:
            self._on_failure()

    def close(self) -> None:
        """Close all streams."""
        for stream in self.streams.values():
            stream.close()

    def _line(
        self, level: str, msg: str, fields: dict[str, Any] | None, request_id: str | None, sequence: int
    ) -> bytes:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6].encode()
        body = {"request_id": request_id} if request_id is not None else {}
        if fields:
            body |= fields
        body["msg"] = msg
        return b"".join((self._heads[level], now, self._origin, b"%d," % sequence, orjson.dumps(body)[1:]))
