"""Reading plain data out of a document, with the place of whatever is missing or of the wrong kind.

Production files are read as their own tools read them: keys that a view does not need are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.core.errors import ConfigError, Location
from harness.core.source import Document, DocumentPath, nearest
from harness.core.units import parse_duration

__all__ = ["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """The value at one path of a document."""

    document: Document
    path: DocumentPath
    value: Any

    @classmethod
    def root(cls, document: Document) -> Node:
        """The whole document, which must be a mapping (an empty file is an empty mapping)."""
        node = cls(document, (), {} if document.data is None else document.data)
        node.mapping()
        return node

    @property
    def location(self) -> Location:
        """Where the value stands."""
        return self.document.locate(self.path)

    def get(self, key: str) -> Node:
        """The value under ``key``; its ``value`` is ``None`` where the key is absent."""
        return Node(self.document, (*self.path, key), self.mapping().get(key))

    def need(self, key: str) -> Node:
        """The value under ``key``, which must be there."""
        if key not in self.mapping():
            raise ConfigError(f"{self._name} has no {key}", location=self.location, remedy=f"add {key}")
        return self.get(key)

    def mapping(self) -> dict[str, Any]:
        """The value as a mapping; ``None`` is an empty one."""
        found: dict[str, Any] = self._as({} if self.value is None else self.value, dict, "a mapping")
        return found

    def only(self, *known: str) -> None:
        """Raise ``ConfigError`` for a key that is none of ``known``, where the tool refuses it as well."""
        for key in self.mapping():
            if key not in known:
                where = self.document.locate((*self.path, key), key=True)
                remedy = nearest(str(key), known) or f"known: {', '.join(known)}"
                raise ConfigError(f"{self._name} has the unknown key {key!r}", location=where, remedy=remedy)

    def items(self) -> Iterator[Node]:
        """Elements of a list; ``None`` is an empty one."""
        elements = self._as([] if self.value is None else self.value, list, "a list")
        for index, element in enumerate(elements):
            yield Node(self.document, (*self.path, index), element)

    def text(self, default: str = "") -> str:
        """The value as text; numbers and truth values as the tools print them."""
        if self.value is None:
            return default
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if isinstance(self.value, dict | list):
            raise self._wrong("text")
        return str(self.value)

    def texts(self) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        if self.value is not None and not isinstance(self.value, list):
            return (self.text(),)
        return tuple(each.text() for each in self.items())

    def text_map(self) -> dict[str, str]:
        """A mapping of texts."""
        return {str(key): self.get(key).text() for key in self.mapping()}

    def flag(self, default: bool) -> bool:
        """The value as true or false."""
        return default if self.value is None else bool(self._as(self.value, bool, "true or false"))

    def seconds(self, default_s: float) -> float:
        """The value as a duration."""
        if self.value is None:
            return default_s
        try:
            return parse_duration(self.text())
        except ValueError as error:
            raise ConfigError(str(error), location=self.location) from None

    def _as(self, value: Any, kind: type, name: str) -> Any:
        if not isinstance(value, kind):
            raise self._wrong(name)
        return value

    def _wrong(self, wanted: str) -> ConfigError:
        return ConfigError(f"{self._name} must be {wanted}, not {self.value!r}", location=self.location)

    @property
    def _name(self) -> str:
        return ".".join(str(step) for step in self.path) or "the document"
