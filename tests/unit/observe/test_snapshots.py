"""Snapshots: many expressions at one instant, at marks only; none is lost, and a refused one is told."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clauses.model import REFUSED, Need
from harness.evidence.records import Series, Unmet
from harness.run.clients.http import HttpFault
from harness.run.clients.prometheus import Result, SeriesData
from harness.run.observe.snapshots import SnapshotSource


class Panels:
    """A server that answers expressions, refuses one, and may be away."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float | None]] = []
        self.away = False

    def query(self, expression: str, *, at: float | None = None) -> Result:
        self.asked.append((expression, at))
        if self.away:
            raise HttpFault("POST", "http://prometheus/api/v1/query", reason="refused")
        if expression == "bad":
            raise HttpFault("POST", "http://prometheus/api/v1/query", status=422, excerpt="many-to-many matching")
        return Result((SeriesData({"job": "x"}, ((at or 0.0, 1.0),)), SeriesData({}, ())))


def snapshots(hand: Any) -> tuple[SnapshotSource, Panels]:
    server = Panels()
    needs = (Need("snapshot", "bad"), Need("snapshot", "good"))
    return SnapshotSource("cell", server, needs, hand.wall), server  # type: ignore[arg-type]


def test_snapshots_are_taken_at_marks_and_a_refused_one_is_unmet_once(hand: Any) -> None:
    source, server = snapshots(hand)
    assert source.read(1000.0, "poll") == []
    assert source.read(1001.0, "poll") == [
        Unmet("cell", 1000.0, "snapshot bad", f"{REFUSED}many-to-many matching"),
        Series("cell", 1000.0, "snapshot good", {"job": "x"}, ((1001.0, 1.0),)),
    ]
    assert [type(record) for record in source.read(1002.0, "poll")] == [Series]
    assert source.read(1003.0, "settle") == source.read(1003.0, "finish") == []
    assert server.asked == [("bad", 1001.0), ("good", 1001.0), ("good", 1002.0)]


def test_a_snapshot_that_could_not_be_taken_is_taken_later_for_its_own_instant(hand: Any) -> None:
    source, server = snapshots(hand)
    source.read(1000.0, "poll")
    server.away = True
    with pytest.raises(HttpFault):
        source.read(1001.0, "poll")
    server.away = False
    records = source.read(1005.0, "finish")
    assert [record.points[0][0] for record in records if isinstance(record, Series)] == [1001.0]
