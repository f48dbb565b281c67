"""A phase that is told once and played for each of many values: its ``each`` is written out before it is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.core.source import Document

__all__ = ["unrolled"]

Path = tuple[str | int, ...]
Place = tuple[int, int]


def unrolled(document: Document) -> Document:
    """``document`` with a phase for each value; every one has its place in the file where ``each`` is written.

    What is not written as it must be is left for the check of the whole file to tell.
    """
    phases = document.data.get("phases") if isinstance(document.data, dict) else None
    if not isinstance(phases, list) or not any(list(_values(phase)) for phase in phases):
        return document
    written = [(index, phase) for index, old in enumerate(phases) for phase in _written(old)]
    values, keys = _elsewhere(document._values), _elsewhere(document._keys)
    for new, (old, _) in enumerate(written):
        for table, found in ((document._values, values), (document._keys, keys)):
            found |= {("phases", new, *path[2:]): place for path, place in table.items() if path[:2] == ("phases", old)}
    data = {**document.data, "phases": [phase for _, phase in written]}
    return Document(document.file, document.text, data, values, keys)


def _elsewhere(table: Mapping[Path, Place]) -> dict[Path, Place]:
    return {path: place for path, place in table.items() if path[:1] != ("phases",) or len(path) == 1}


def _values(phase: Any) -> Iterator[tuple[str, Any]]:
    each = phase.get("each") if isinstance(phase, dict) else None
    if isinstance(each, dict) and len(each) == 1:
        ((fault, values),) = each.items()
        if isinstance(values, list):
            yield from ((str(fault), value) for value in values)


def _written(phase: Any) -> list[Any]:
    """The phases that one stands for; itself where it has no ``each``."""
    rest = {key: value for key, value in phase.items() if key != "each"} if isinstance(phase, dict) else {}
    found = [
        {**rest, "name": f"{rest.get('name', '')} {value}", "fault": {**rest.get("fault", {}), fault: value}}
        for fault, value in _values(phase)
    ]
    return found or [phase]
