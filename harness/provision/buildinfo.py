"""Module path and version that the Go linker embeds in every binary, read without running it.

The layout is that of Go's ``debug/buildinfo``: a 16 byte magic aligned to 16 bytes, a flags byte, and
since Go 1.18 two length-prefixed strings at offset 32, the second of them the module information
between two 16 byte sentinels.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BuildInfo", "read_build_info"]

_MAGIC = b"\xff Go buildinf:"
_ALIGN = 16
_HEADER = 32
_INLINE_STRINGS = 0x2
_SENTINEL = 16


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What ``go version -m`` prints first: Go version, package path, main module and its version."""

    go_version: str
    path: str
    module: str
    version: str
    dependencies: tuple[tuple[str, str], ...] = ()


def read_build_info(binary: Path) -> BuildInfo | None:
    """Build information of ``binary``; None if it is unreadable or no Go program of 1.18 or later."""
    try:
        with binary.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as image:
            return _parse(image)
    except (OSError, ValueError, IndexError):
        return None


def _parse(image: mmap.mmap) -> BuildInfo | None:
    start = image.find(_MAGIC)
    while start >= 0:
        if start % _ALIGN == 0 and image[start + 15] & _INLINE_STRINGS:
            go_version, end = _string(image, start + _HEADER)
            text, _ = _string(image, end)
            return _lines(go_version.decode(), text[_SENTINEL:-_SENTINEL].decode(errors="replace"))
        start = image.find(_MAGIC, start + 1)
    return None


def _string(image: mmap.mmap, at: int) -> tuple[bytes, int]:
    length = shift = 0
    while True:
        byte = image[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
        if shift > 35:
            raise ValueError("not a length")
    return image[at : at + length], at + length


def _lines(go_version: str, text: str) -> BuildInfo:
    path = module = version = ""
    dependencies: list[tuple[str, str]] = []
    for line in text.splitlines():
        kind, *fields = line.split("\t")
        if kind == "path" and fields:
            path = fields[0]
        elif kind == "mod" and len(fields) > 1:
            module, version = fields[0], fields[1]
        elif kind == "dep" and len(fields) > 1:
            dependencies.append((fields[0], fields[1]))
    return BuildInfo(go_version, path, module, version, tuple(dependencies))
