"""From a character of a YAML value back to the line and column where a person wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
    lines = document.text.split("\n")
    raw = "\n".join([lines[start.line - 1][start.column - 1 :], *lines[start.line :]])
    found = _raw_offset(raw, value, min(offset, max(len(value) - 1, 0)))
    before = raw[:found]
    row = before.count("\n")
    column = found - before.rfind("\n") if row else start.column + found
    return Location(document.file, start.line + row, column)


def _raw_offset(raw: str, value: str, offset: int) -> int:
    at = raw.find("\n") + 1 if raw[:1] in ("|", ">") else int(raw[:1] in ("'", '"'))
    found = at
    for character in value[: offset + 1]:
        if character.isspace():
            continue
        following = raw.find(character, at)
        if following < 0:
            return found
        found, at = following, following + 1
    return found
