"""Following growing files: through rotation and truncation, whole lines only, each once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path
from typing import IO, Final

__all__ = ["Tail", "TailedLine"]

_CHUNK_BYTES: Final = 262_144
_LONGEST_LINE_BYTES: Final = 16_777_216

TailedLine = tuple[str, int, bytes]
"""Path under which the file was first seen, number of the line under that path (from 1), its bytes without the end."""


class _File:
    """One file, held open: it stays readable under whatever name it is moved to, and its inode cannot be reused."""

    __slots__ = ("file", "half", "is_inside", "offset", "path")

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self.path, self.file = path, file
        self.offset = 0
        self.half = b""
        self.is_inside = False
        """Whether what comes next is the end of a line whose beginning was passed over."""

    def skip(self) -> int:
        """Pass over what is there, the beginning of a line at its end included; how many lines that are."""
        self.file.seek(0)
        lines = 0
        while chunk := self.file.read(_CHUNK_BYTES):
            self.offset += len(chunk)
            lines += chunk.count(b"\n")
            self.is_inside = not chunk.endswith(b"\n")
        return lines

    def lines(self, everything: bool) -> Iterator[bytes]:
        """Complete lines that were added; at most one chunk unless ``everything``."""
        size = os.fstat(self.file.fileno()).st_size
        if size < self.offset:  # truncated in place: what is there now is new
            self.offset, self.half, self.is_inside = 0, b"", False
        while self.offset < size:
            self.file.seek(self.offset)
            chunk = self.file.read(_CHUNK_BYTES)
            self.offset += len(chunk)
            *whole, self.half = (self.half + chunk).split(b"\n")
            yield from whole[self.is_inside and len(whole) > 0 :]
            self.is_inside = self.is_inside and not whole
            if len(self.half) > _LONGEST_LINE_BYTES:
                yield self.half
                self.half = b""
            if not everything or not chunk:
                return


class Tail:
    """Files that match a pattern, from their beginning; a copy made of a file is a file of its own.

    With ``from_end`` what stands in them by now is passed over: it is of somebody before.
    """

    def __init__(self, pattern: str, *, from_end: bool = False) -> None:
        self._pattern = pattern
        self._is_glob = has_magic(pattern)
        self._files: dict[tuple[int, int], _File] = {}
        self._counts: dict[str, int] = {}
        self._opened = 0
        if from_end:
            self._look()
            for file in self._files.values():
                self._counts[file.path] = file.skip()

    @property
    def incomplete(self) -> int:
        """Files whose last line has no end yet."""
        return sum(1 for file in self._files.values() if file.half)

    @property
    def files(self) -> int:
        """How many files were read, rotated ones counted each."""
        return self._opened

    def read(self, *, everything: bool = False) -> Iterator[TailedLine]:
        """Lines completed since the last call; a long backlog comes in parts unless ``everything``."""
        self._look()
        for key, file in list(self._files.items()):
            # Its writer may go on after it was renamed; only what was deleted is let go, at its end.
            deleted = os.fstat(file.file.fileno()).st_nlink == 0
            for line in file.lines(everything or deleted):
                number = self._counts[file.path] = self._counts.get(file.path, 0) + 1
                yield file.path, number, _bare(line)
            if deleted:
                self._files.pop(key).file.close()

    def close(self) -> None:
        """Let go of every file."""
        for file in self._files.values():
            file.file.close()
        self._files.clear()

    def _look(self) -> None:
        """Open what is new."""
        paths = sorted(glob(self._pattern)) if self._is_glob else [self._pattern]  # noqa: PTH207 (any absolute glob)
        for path in map(Path, paths):
            try:
                if _key(path.stat()) in self._files:
                    continue
                file = path.open("rb", buffering=0)
            except FileNotFoundError:
                continue
            if self._files.setdefault(_key(os.fstat(file.fileno())), new := _File(str(path), file)) is not new:
                file.close()
            else:
                self._opened += 1


def _bare(line: bytes) -> bytes:
    """Without what belongs to the end of a line on some systems, and the mark that some put before a text: no shipper
    keeps them."""
    return line.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r")


def _key(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
