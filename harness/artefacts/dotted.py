"""Keys written nested or with dots, as Filebeat allows both: ``output.elasticsearch.hosts``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.core.source import DocumentPath

__all__ = ["find", "find_all", "flat", "value_at"]


def find(data: Any, name: str) -> DocumentPath | None:
    """Path in ``data`` of the dotted ``name``, however its parts are spread; ``None`` where it is absent."""
    return next(find_all(data, name), None)


def find_all(data: Any, name: str) -> Iterator[DocumentPath]:
    """All paths that spell ``name``: ``a: {b: 1}`` and ``a.b: 1`` may stand in one document."""
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        if key == name:
            yield (key,)
        elif isinstance(key, str) and name.startswith(key + "."):
            yield from ((key, *rest) for rest in find_all(value, name[len(key) + 1 :]))


def value_at(data: Any, path: DocumentPath) -> Any:
    """The value at ``path``, which must exist."""
    for step in path:
        data = data[step]
    return data


def flat(data: Any, prefix: str = "", path: DocumentPath = ()) -> Iterator[tuple[str, DocumentPath]]:
    """Dotted name and path of every mapping key under ``data``; lists are not entered."""
    for key, value in data.items() if isinstance(data, dict) else ():
        name = f"{prefix}{key}"
        yield name, (*path, key)
        yield from flat(value, f"{name}.", (*path, key))
