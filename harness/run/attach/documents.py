"""Log streams of a running system, as far as the documents in its Elasticsearch tell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.clauses.attached import ATTACHED
from harness.clauses.model import Need
from harness.contract import Campaign
from harness.contract.planes import LogStream
from harness.contract.window import Window, shown_instant
from harness.evidence.records import LogLine, Record
from harness.run.attach.readers import NotThereError
from harness.run.clients.elasticsearch import ElasticsearchClient, Hit
from harness.run.observe.documents import value_at

__all__ = ["Documents", "log_paths"]


@dataclass
class Documents:
    """Lines of log streams as far as their documents tell them: the raw line where it was kept, else its fields."""

    client: ElasticsearchClient
    index: str
    window: Window
    streams: Mapping[str, Mapping[str, str]]
    """Stream → dotted fields and their values."""
    paths: Sequence[tuple[str, str]]
    """Patterns of ``log.file.path`` and their streams, for those that ``streams`` does not name."""
    declared: Mapping[str, LogStream]
    """Streams of the contract, which say how their lines are read."""
    at_most: int
    note: Callable[[str], None]
    needs: tuple[Need, ...]
    server: str = "Elasticsearch"
    once: bool = True

    def read(self, now: float) -> Iterator[Record]:
        """The newest documents of the window."""
        query = {"range": {"@timestamp": {"gte": _millis(self.window.since), "lte": _millis(self.window.until)}}}
        total = self.client.count(self.index, query)
        if not total:
            raise NotThereError(self._missing())
        if total > self.at_most:
            self.note(f"{total} documents lie in the window, of which the newest {self.at_most} are read")
        seen: Counter[str] = Counter()
        for hit in self._newest(query):
            stream = self._stream(hit.source)
            if stream is not None:
                seen[stream] += 1
                yield _line(now, stream, hit, seen[stream], self.declared.get(stream, _UNDECLARED))

    def _newest(self, query: Mapping[str, Any]) -> Iterator[Hit]:
        order: list[dict[str, Any]] = [_by_time("desc"), {"_seq_no": "desc"}]
        found = self.client.search_after(self.index, query, order, page=min(1000, self.at_most))
        for _, hit in zip(range(self.at_most), found, strict=False):
            yield hit

    def _stream(self, source: Mapping[str, Any]) -> str | None:
        for stream, fields in self.streams.items():
            if all(str(value_at(source, path)) == value for path, value in fields.items()):
                return stream
        path = str(value_at(source, "log.file.path") or "")
        return next((name for pattern, name in self.paths if fnmatchcase(path, pattern)), None)

    def _missing(self) -> str:
        oldest = self.client.search(self.index, {"size": 1, "sort": [_by_time("asc")]})
        if not oldest:
            return f"no document lies in {self.index}"
        first = oldest[0].source.get("@timestamp")
        return f"no document of {self.index} lies in the window {self.window}; the oldest that is kept is of {first}"


def _by_time(order: str) -> dict[str, Any]:
    """Some index of a pattern may hold other documents, without a time."""
    return {"@timestamp": {"order": order, "unmapped_type": "date"}}


def _millis(t: float) -> str:
    return shown_instant(t)[:-1] + f".{int(t % 1 * 1000):03d}Z"


_UNDECLARED: Final = LogStream()


def _line(t: float, stream: str, hit: Hit, number: int, of: LogStream) -> LogLine:
    """The line of a document; what a shipper keeps of it raw is parsed again, so that its own fields do not count."""
    raw = next(
        (text for path in ("message", "event.original") if isinstance(text := value_at(hit.source, path), str)), ""
    )
    fields = of.parse(raw.encode())
    if fields is None and not (of.other_lines == "allowed" and raw and value_at(hit.source, of.event_at) is None):
        fields = hit.source  # a pipeline has read the line
    host = str(value_at(hit.source, "host.name") or "")
    text = raw if fields is None or of.is_text else ""
    return LogLine(ATTACHED, t, stream, host, f"{hit.index}/{hit.id}", number, fields, text)


def log_paths(campaign: Campaign) -> list[tuple[str, str]]:
    """Production paths of log streams, as the profile tells them."""
    return [(entry.logs, entry.stream) for entry in campaign.profile.stands_for if entry.logs and entry.stream]
