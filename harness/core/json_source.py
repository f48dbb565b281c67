"""JSON text with the position of every key and value, as ``source`` does it for YAML.

YAML's reader is no JSON reader: it takes ``1e3`` for text and stumbles over tabs and surrogate pairs.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any, Final

from harness.core.errors import ConfigError, Location
from harness.core.source import Document, DocumentPath, read_text

__all__ = ["load_json", "parse_json"]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_PLAIN: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_REMEDY: Final = "mend it there or just before: a comma, a quote or a bracket too many or too few"


def load_json(path: Path, *, shown_as: str | None = None) -> Document:
    """Parse the file at ``path``; errors name it as ``shown_as`` (default: the path itself)."""
    name = shown_as or str(path)
    return parse_json(read_text(path, shown_as=name), name)


def parse_json(text: str, file: str) -> Document:
    """Parse one JSON document; raises ``ConfigError`` on bad syntax and on a key that appears twice."""
    reader = _Reader(text, file)
    try:
        data = reader.document()
    except RecursionError:
        raise ConfigError("not usable JSON: it is nested too deeply", location=Location(file)) from None
    return Document(file, text, data, reader.values, reader.keys)


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._text, self._file, self._at = text, file, 0
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self.values: dict[DocumentPath, tuple[int, int]] = {}
        self.keys: dict[DocumentPath, tuple[int, int]] = {}

    def document(self) -> Any:
        self._at = 1 if self._text.startswith("\ufeff") else 0
        data = self._value(())
        if self._peek():
            raise self._error("there is more text behind the end of the document")
        return data

    def _value(self, path: DocumentPath) -> Any:
        first = self._peek()
        self.values[path] = self._place(self._at)
        if first == "{":
            return self._object(path)
        if first == "[":
            return self._array(path)
        return self._string() if first == '"' else self._scalar()

    def _object(self, path: DocumentPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        while self._more("}", first=not found):
            if self._peek() != '"':
                raise self._error("a key in quotes is missing")
            place = self._at
            key = self._string()
            if key in found:
                raise self._error(f"the key {key!r} appears twice in one object", place, "keep one of them")
            self.keys[(*path, key)] = self._place(place)
            self._take(":")
            found[key] = self._value((*path, key))
        return found

    def _array(self, path: DocumentPath) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while self._more("]", first=not found):
            found.append(self._value((*path, len(found))))
        return found

    def _more(self, end: str, *, first: bool) -> bool:
        """Whether another element follows; takes the comma before it, or ``end``."""
        if self._peek() == end:
            self._at += 1
            return False
        if not first:
            self._take(",")
        return True

    def _string(self) -> str:
        try:
            value, self._at = scanstring(self._text, self._at + 1, True)
        except json.JSONDecodeError as error:
            raise self._error(error.msg.removesuffix(" at"), error.pos) from None
        return str(value)

    def _scalar(self) -> Any:
        found = _PLAIN.match(self._text, self._at)
        if found is None:
            raise self._error("a value is missing")
        self._at = found.end()
        return json.loads(found[0])

    def _take(self, mark: str) -> None:
        if self._peek() != mark:
            raise self._error(f"{mark!r} is missing")
        self._at += 1

    def _peek(self) -> str:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _place(self, offset: int) -> tuple[int, int]:
        row = bisect_right(self._lines, offset)
        return row, offset - self._lines[row - 1] + 1

    def _error(self, problem: str, at: int | None = None, remedy: str = _REMEDY) -> ConfigError:
        line, column = self._place(self._at if at is None else at)
        return ConfigError(f"not valid JSON: {problem}", location=Location(self._file, line, column), remedy=remedy)
