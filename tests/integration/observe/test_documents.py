"""Documents in a real Elasticsearch: each once, attributed to its cell, whatever the shards, and the logs barrier."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.model import Need
from harness.evidence.records import Document, IndexMapping, LogLine, Record, Unmet
from harness.run.observe.barriers import LogsBarrier, pass_barrier
from harness.run.observe.cell import CellObserver
from harness.run.observe.targets import CellTargets, DocumentTarget, LogTarget


def observer(elasticsearch: Any, index: str, records: list[Record], logs: tuple[LogTarget, ...] = ()) -> CellObserver:
    target = DocumentTarget(elasticsearch.http, index, "log.path", {"/a/": "one", "/a/b/": "two", "x": "one"}, "stream")
    needs = {Need("documents", "app"), Need("mapping")} | {Need("lines", log.stream) for log in logs}
    return CellObserver(CellTargets("one", documents=target, logs=logs), frozenset(needs), records.append)


def document(number: int, path: str = "/a/1.log") -> dict[str, Any]:
    return {"log": {"path": path}, "stream": "app", "n": number}


@pytest.mark.parametrize("shards", [1, 3])
def test_documents_of_several_indices_are_each_seen_once(elasticsearch: Any, shards: int) -> None:
    records: list[Record] = []
    seen = observer(elasticsearch, f"seen{shards}-*", records)
    seen.settle(time.time())
    assert records[1:] == [], "an index that is not there yet is no fault"
    assert seen.faults == {}
    for day in (1, 2):
        elasticsearch.create_index(f"seen{shards}-{day}", {"settings": {"number_of_shards": shards}})
        for start in (0, 1500):
            batch = [(None, document(day * 10_000 + n)) for n in range(start, start + 1500)]
            assert elasticsearch.bulk(f"seen{shards}-{day}", batch) == 0
            seen.settle(time.time())
    found = [record for record in records if isinstance(record, Document)]
    assert sorted(doc.source["n"] for doc in found) == [day * 10_000 + n for day in (1, 2) for n in range(3000)]
    assert seen.document_counts("one") == {"app": 6000}
    seen.finish(time.time())
    assert not any(isinstance(record, Unmet) for record in records)
    mapped = {record.index: record.fields for record in records if isinstance(record, IndexMapping)}
    assert list(mapped) == [f"seen{shards}-1", f"seen{shards}-2"]
    assert mapped[f"seen{shards}-1"] == {"log.path": "text", "n": "long", "stream": "text"}


def test_documents_belong_to_the_cell_that_their_content_names(elasticsearch: Any) -> None:
    records: list[Record] = []
    seen = observer(elasticsearch, "cells-1", records)
    paths = ["/a/1.log", "/a/b/1.log", "x", "/other/1.log"]
    elasticsearch.bulk("cells-1", [(None, document(n, path)) for n, path in enumerate(paths)])
    seen.settle(time.time())
    found = {doc.source["n"]: doc.cell for doc in records if isinstance(doc, Document)}
    assert found == {0: "one", 1: "two", 2: "one"}
    assert not [record for record in records if isinstance(record, IndexMapping)], "it is read at the end"
    seen.lost("filebeat", "killed")
    assert {(r.cell, r.need, r.reason) for r in records if isinstance(r, Unmet)} == {
        ("one", "documents app", "filebeat: killed"),
        ("two", "documents app", "filebeat: killed"),
    }
    seen.finish(time.time())


def test_the_logs_barrier_holds_once_every_line_is_a_document(elasticsearch: Any, tmp_path: Path) -> None:
    records: list[Record] = []
    (tmp_path / "app.log").write_text('{"n":0}\n{"n":1}\n')
    seen = observer(elasticsearch, "barrier", records, (LogTarget("app", "i", str(tmp_path / "app.log")),))
    condition = LogsBarrier(
        lambda: seen.settle(time.time(), frozenset({"documents", "lines"})),
        seen.line_counts,
        lambda: seen.document_counts("one"),
    )
    elasticsearch.bulk("barrier", [("a", document(0))])
    late = pass_barrier("one", condition, within_s=0.2)
    assert (late.passed, late.plane) == (False, "logs")
    assert "app: 2 lines, 1 documents" in late.detail
    elasticsearch.bulk("barrier", [("a", document(0)), ("b", document(1))])
    passed = pass_barrier("one", condition, within_s=5)
    assert (passed.passed, passed.detail) == (True, "app: 2 lines, 2 documents")
    assert len([record for record in records if isinstance(record, LogLine)]) == 2
    seen.finish(time.time())
