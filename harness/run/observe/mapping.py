"""What Elasticsearch has made of the fields of documents: the mapping of every index, as it stands at the end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.clauses.model import Need
from harness.evidence.records import IndexMapping, Record
from harness.run.clients.elasticsearch import ElasticsearchClient
from harness.run.observe.source import Clock, Moment
from harness.run.observe.targets import DocumentTarget

__all__ = ["MappingSource"]


class MappingSource:
    """The mapping of the indices that a cell's documents may be in, read when the cell has come to rest."""

    every_s = math.inf
    needs = (Need("mapping"),)
    components = frozenset({"elasticsearch"})

    def __init__(self, cell: str, target: DocumentTarget, clock: Clock) -> None:
        self.cells = (cell,)
        self._cell, self._target, self._clock = cell, target, clock
        self._client = ElasticsearchClient(target.elasticsearch)

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """One record for each index, at the end alone."""
        if moment != "finish":
            return ()
        t = self._clock()
        found = self._client.mappings(self._target.index).items()
        return [IndexMapping(self._cell, t, index, dict(_fields(mapping, ""))) for index, mapping in sorted(found)]


def _fields(mapping: Mapping[str, Any], above: str) -> Iterator[tuple[str, str]]:
    """Dotted paths of all fields with their types; an object that holds none of them is a field itself."""
    for name, body in (mapping.get("properties") or {}).items():
        path = f"{above}{name}"
        if body.get("properties"):
            yield from _fields(body, f"{path}.")
        else:
            yield path, str(body.get("type", "object"))
