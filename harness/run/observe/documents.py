"""Log documents as Elasticsearch holds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clauses.model import Need
from harness.evidence.records import Document, Record
from harness.run.clients.elasticsearch import ElasticsearchClient, Hit
from harness.run.observe.source import Clock, Moment
from harness.run.observe.targets import DocumentTarget

__all__ = ["DocumentSource", "cell_of", "value_at"]


class DocumentSource:
    """Every document once, at the wall time at which it was first found.

    A poll counts, and reads on from the highest sequence number of each index only where there is more than was seen.
    Where that does not find all of it (an index of several shards numbers in each), everything is read again.
    """

    components = frozenset({"elasticsearch", "filebeat"})

    def __init__(self, target: DocumentTarget, needs: tuple[Need, ...], clock: Clock) -> None:
        self.needs, self.every_s = needs, target.every_s
        self.cells = tuple(dict.fromkeys(target.cells.values()))
        self._target, self._clock = target, clock
        self._client = ElasticsearchClient(target.elasticsearch)
        self._seen: set[tuple[str, str]] = set()
        self._last: dict[str, int] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        """Documents seen so far, by cell and stream."""

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """Documents that became searchable; unless polled, everything that was indexed is made so first."""
        target = self._target
        if moment != "poll":
            self._client.refresh(target.index)
        total = self._client.count(target.index, target.query)
        if total <= len(self._seen):
            return ()
        order = [{"_seq_no": "asc"}, {"_index": "asc"}]
        hits = list(self._client.search_after(target.index, self._query(), order))
        last = _highest(hits, self._last)
        if total > len(self._seen | {(hit.index, hit.id) for hit in hits}):
            hits += self._client.scan(target.index, target.query)
        self._last = last
        return self._news(hits)

    def _query(self) -> Mapping[str, Any]:
        """What lies after the last number seen in each known index, and all of the others."""
        after: list[dict[str, Any]] = [
            {"bool": {"filter": [{"term": {"_index": index}}, {"range": {"_seq_no": {"gt": last}}}]}}
            for index, last in self._last.items()
        ]
        unknown = {"bool": {"must_not": [{"terms": {"_index": list(self._last)}}]}}
        return {"bool": {"filter": [self._target.query, {"bool": {"should": [*after, unknown]}}]}}

    def _news(self, hits: Iterable[Hit]) -> list[Record]:
        t, records = self._clock(), list[Record]()
        for hit in hits:
            if (key := (hit.index, hit.id)) in self._seen:
                continue
            self._seen.add(key)
            if cell := cell_of(hit.source, self._target):
                stream = str(value_at(hit.source, self._target.stream_at) or "")
                self.counts[cell, stream] += 1
                records.append(Document(cell, t, hit.index, hit.id, stream, hit.source))
        return records


def _highest(hits: Iterable[Hit], before: Mapping[str, int]) -> dict[str, int]:
    highest = dict(before)
    for hit in hits:
        highest[hit.index] = max(highest.get(hit.index, -1), hit.sort[0])
    return highest


def cell_of(source: Mapping[str, Any], target: DocumentTarget) -> str | None:
    """The cell to which a document belongs; None for one of somebody else."""
    value = str(value_at(source, target.cell_at))
    if value in target.cells:
        return target.cells[value]
    folders = [key for key in target.cells if key.endswith("/") and value.startswith(key)]
    return target.cells[max(folders, key=len)] if folders else None


def value_at(source: Any, path: str) -> Any:
    """What stands at a dotted path, whether the document nests it or writes the dots in its keys."""
    if not isinstance(source, Mapping) or path in source:
        return source.get(path) if isinstance(source, Mapping) else None
    head, _, rest = path.partition(".")
    return value_at(source.get(head), rest) if rest else None
