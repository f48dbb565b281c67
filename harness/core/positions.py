"""From a character of a YAML value back to the line and column where a person wrote it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache

from harness.core.errors import Location
from harness.core.source import Document

__all__ = ["inside"]


def inside(document: Document, path: Iterable[str | int]) -> Callable[[int], Location]:
    """Function from an offset in the text value at ``path`` to its place in the file.

    Understands plain, quoted, literal (``|``) and folded (``>``) scalars. An offset behind the end
    answers with the last character.
    """
    wanted = tuple(path)
    start = document.locate(wanted)
    value = document.data
    for step in wanted:
        value = value[step]

    def place(offset: int) -> Location:
        if not isinstance(value, str) or not start.line:
            return start
        return _place(document, start, value, offset)

    return place


def _place(document: Document, start: Location, value: str, offset: int) -> Location:
    text, starts = document.text, _line_starts(document.text)
    origin = starts[start.line - 1] + start.column - 1
    found = _raw_offset(text, origin, value, min(offset, max(len(value) - 1, 0)))
    row = bisect_right(starts, found)
    return Location(document.file, row, found - starts[row - 1] + 1)


@lru_cache(maxsize=16)
def _line_starts(text: str) -> tuple[int, ...]:
    return (0, *(found.end() for found in re.finditer("\n", text)))


def _raw_offset(text: str, origin: int, value: str, offset: int) -> int:
    """Walk raw text and value side by side, letter by letter, past indentation, folds and escapes."""
    style = text[origin : origin + 1]
    at = text.find("\n", origin) + 1 if style in ("|", ">") else origin + (style in ("'", '"'))
    found = at
    for character in value[: offset + 1]:
        if character.isspace():
            continue
        following = text.find(character, at)
        if following < 0:
            return found
        found, at = following, following + 1
    return found
