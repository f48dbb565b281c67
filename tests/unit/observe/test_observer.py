"""The observer as a whole, against invented servers: what its needs call for, and what is owed at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.clauses.model import Need
from harness.evidence.records import ASKED_FROM, Document, Exposition, LogLine, Reading, Record, Series, Unmet
from harness.run.clients.http import Answer, Http, HttpFault
from harness.run.conductor import BEFOREHAND
from harness.run.observe.cell import CellObserver
from harness.run.observe.sources import build_sources
from harness.run.observe.targets import (
    CellTargets,
    DocumentTarget,
    EndpointTarget,
    ExpositionTarget,
    LogTarget,
)

Route = Callable[[], Any]


class Web:
    """Every server at once: answers by path; a path that is not there refuses the connection."""

    def __init__(self) -> None:
        self.routes: dict[str, Any] = {}
        self.asked: list[str] = []

    def send(self, http: Http, method: str, path: str, **_: Any) -> Answer:
        self.asked.append(path)
        answer = self.routes.get(path)
        if answer is None:
            raise HttpFault(method, http.base + path, reason="refused")
        if isinstance(answer, int):
            raise HttpFault(method, http.base + path, status=answer)
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        return Answer(method, path, 200, body, "application/json", 0.001)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    it = Web()
    monkeypatch.setattr(Http, "send", lambda self, method, path, **more: it.send(self, method, path, **more))
    return it


class Observed:
    def __init__(self, hand: Any, targets: CellTargets, *needs: Need) -> None:
        self.hand, self.records = hand, list[Record]()
        self.observer = CellObserver(
            targets, frozenset(needs), self.records.append, clock=hand.wall, monotonic=hand.monotonic
        )

    def until(self, condition: Callable[[], Any]) -> None:
        for _ in range(500):
            self.hand.move(0.05)
            self.observer.poll(self.hand.t)
            if condition():
                return
            threading.Event().wait(0.002)
        pytest.fail(f"never: {self.records[-3:]} {self.observer.faults}")

    def unmet(self) -> set[tuple[str, str, str]]:
        return {(r.cell, r.need, r.reason) for r in self.records if isinstance(r, Unmet)}

    def seen(self, kind: type[Any]) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]


@pytest.fixture
def observed(hand: Any, web: Web) -> Iterator[Callable[..., Observed]]:
    made: list[Observed] = []

    def make(targets: CellTargets, *needs: Need) -> Observed:
        made.append(Observed(hand, targets, *needs))
        return made[-1]

    yield make
    for item in made:
        item.observer.finish(item.hand.t)


PROMETHEUS, ALERTMANAGER = Http("http://p:1"), Http("http://a:1")
FULL = CellTargets(
    "c",
    prometheus=PROMETHEUS,
    alertmanager=ALERTMANAGER,
    filebeat=Http("http://f:1"),
    documents=DocumentTarget(Http("http://e:1"), "i", "path", {"x": "c"}, "stream"),
    endpoints=(EndpointTarget("one", "health", "http://s:1/health"),),
    expositions=(ExpositionTarget("one", "http://s:1/metrics"),),
    logs=(LogTarget("app", "one", "/nowhere/app.log"),),
)


def test_needs_decide_what_is_read(hand: Any) -> None:
    def kinds(*needs: Need) -> list[str]:
        return [type(source).__name__ for source in build_sources(FULL, frozenset(needs), hand.wall)]

    conduct = ["ScrapeSource", "CounterSource", "CounterSource", "CounterSource"]
    assert kinds() == conduct
    needs = (Need("rules"), Need("query", "q"), Need("series", "s"), Need("series", "up"), Need("alerts"),
             Need("answers", "health"), Need("expositions"), Need("lines", "app"), Need("documents", "app"),
             Need("pages"), Need("ledger"))  # fmt: skip
    assert sorted(set(kinds(*needs)) - set(conduct)) == [
        "AlertSource", "AnswerSource", "DocumentSource", "ExpositionSource", "LineSource", "QuerySource", "RuleSource",
        "SampleSource"]  # fmt: skip
    assert kinds(Need("answers", "other"), Need("lines", "other")) == conduct
    assert kinds(Need("series", "up")) == conduct, "up is read anyway, and would come twice"
    assert kinds(Need("series", "ALERTS"), Need("series", "ALERTS_FOR_STATE")).count("SampleSource") == 1
    assert build_sources(CellTargets("c"), frozenset({Need("rules")}), hand.wall) == []


def test_what_nobody_can_be_asked_for_is_unmet_at_once(observed: Any) -> None:
    wanted = (Need("rules"), Need("query", "q"), Need("documents", "app"), Need("answers", "health"), Need("ledger"))
    bare = observed(CellTargets("c"), *wanted)
    assert {need for _, need, _ in bare.unmet()} == {"rules", "query q", "documents app", "answers health"}


def test_a_source_that_fails_is_unmet_only_at_the_end_and_says_why(observed: Any, web: Web) -> None:
    cell = observed(CellTargets("c", prometheus=PROMETHEUS), Need("rules"))
    cell.until(lambda: cell.observer.faults.keys() == {"rules", "readings prometheus"})
    assert cell.unmet() == set()
    assert cell.observer.faults["rules"] == "GET http://p:1/api/v1/rules: no answer: refused"
    cell.observer.finish(cell.hand.t)
    assert ("c", "rules", "not read to the end: GET http://p:1/api/v1/rules: no answer: refused") in cell.unmet()
    assert "readings prometheus" in {need for _, need, _ in cell.unmet()}


def test_a_source_that_recovers_is_met(observed: Any, web: Web) -> None:
    cell = observed(CellTargets("c", alertmanager=ALERTMANAGER), Need("alerts"))
    cell.until(lambda: cell.observer.faults)
    web.routes = {"/api/v2/alerts": [], "/metrics": b""}
    cell.until(lambda: not cell.observer.faults)
    cell.observer.finish(cell.hand.t)
    assert cell.unmet() == set()


def test_a_refusal_is_unmet_at_once_and_once(observed: Any, web: Web) -> None:
    web.routes = {"/api/v1/query_range": 400}
    cell = observed(CellTargets("c", prometheus=PROMETHEUS), Need("query", "sum("))
    cell.until(cell.unmet)
    cell.until(lambda: len(web.asked) > 20)
    assert web.asked.count("/api/v1/query_range") == 1
    assert {need for _, need, _ in cell.unmet()} == {"query sum("}


@pytest.mark.parametrize(
    ("component", "unmet"),
    [
        ("prometheus", {"rules", "query q", "alerts", "pages", "readings prometheus"}),
        ("alertmanager", {"alerts", "pages", "readings alertmanager"}),
        ("elasticsearch", {"documents app"}),
        ("filebeat", {"documents app", "readings filebeat"}),
        ("one", {"answers health", "expositions"}),
        ("somebody else", set()),
    ],
)
def test_a_lost_part_makes_unmet_what_hangs_on_it(component: str, unmet: set[str], observed: Any) -> None:
    needs = (Need("rules"), Need("query", "q"), Need("alerts"), Need("pages"), Need("documents", "app"),
             Need("answers", "health"), Need("expositions"), Need("lines", "app"))  # fmt: skip
    cell = observed(FULL, *needs)
    cell.observer.lost(component, "killed")
    assert cell.unmet() == {("c", need, f"{component}: killed") for need in unmet}


def test_lines_survive_their_writer(observed: Any, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("{}\n")
    cell = observed(CellTargets("c", logs=(LogTarget("app", "one", str(log)),)), Need("lines", "app"))
    cell.observer.lost("one", "killed")
    cell.observer.settle(cell.hand.t)
    assert len(cell.seen(LogLine)) == 1
    assert cell.observer.line_counts() == {"app": 1}


def test_marks_are_read_at_the_start_at_phase_ends_and_at_the_end(observed: Any, web: Web) -> None:
    web.routes = {"/metrics": b"a 1\n"}
    cell = observed(CellTargets("c", expositions=FULL.expositions), Need("expositions"))
    cell.until(lambda: cell.seen(Exposition))
    for _ in range(20):
        cell.hand.move(5)
        cell.observer.poll(cell.hand.t)
    assert len(cell.seen(Exposition)) == 1
    cell.observer.phase_ended(cell.hand.t)
    cell.until(lambda: len(cell.seen(Exposition)) == 2)
    cell.observer.finish(cell.hand.t)
    assert len(cell.seen(Exposition)) == 3


def test_what_counters_held_is_asked_before_anything_happens(observed: Any, web: Web) -> None:
    web.routes = {"/api/v1/query_range": {"data": {"result": [{"metric": {}, "values": [[1000, "7"]]}]}}}
    cell = observed(CellTargets("c", prometheus=PROMETHEUS), Need("query", "sum(a)"))
    began = cell.hand.t
    cell.observer.settle(cell.hand.t, BEFOREHAND)  # where this returns, the first request may be sent
    assert [each.points for each in cell.seen(Series)] == [((1000.0, 7.0),)]
    assert [each.t for each in cell.seen(Reading) if each.name == ASKED_FROM] == [pytest.approx(began, abs=0.001)]


def test_settling_reads_what_is_asked_for_alone(observed: Any, web: Web) -> None:
    hit = {"_index": "i", "_id": "1", "_source": {"path": "x", "stream": "app"}, "sort": [0, "i"]}
    web.routes = {
        "/i/_refresh": {},
        "/i/_count": {"count": 1},
        "/i/_search": {"hits": {"hits": [hit]}},
        "/metrics": b"",
    }
    cell = observed(FULL, Need("documents", "app"), Need("alerts"), Need("expositions"))
    cell.observer.settle(cell.hand.t, frozenset({"documents"}))
    assert [document.stream for document in cell.seen(Document)] == ["app"]
    assert cell.observer.document_counts("c") == {"app": 1}
    assert cell.observer.document_counts("d") == {}
    assert set(web.asked) == {"/i/_refresh", "/i/_count", "/i/_search"}


def test_a_step_of_the_wall_clock_is_told_and_a_slow_drift_is_not(observed: Any) -> None:
    cell = observed(CellTargets("c"))

    def steps() -> list[float]:
        return [r.value for r in cell.seen(Reading) if r.name == "clock_step_s"]

    for jump in (0.0, 0.01, 3.0, -2.0, 0.0):
        cell.hand.move(1)
        cell.hand.step(jump)
        cell.observer.poll(cell.hand.t)
    assert steps() == [0.0, pytest.approx(3.01), pytest.approx(5.01)]
    cell.observer.finish(cell.hand.t)
    assert steps()[-1] == pytest.approx(5.01)


def test_warnings_of_the_server_are_kept_by_expression(observed: Any, web: Web) -> None:
    web.routes = {"/api/v1/query_range": {"data": {"result": []}, "warnings": ["odd"]}}
    cell = observed(CellTargets("c", prometheus=PROMETHEUS), Need("query", "q"))
    assert cell.observer.warnings == {}
    cell.until(lambda: cell.observer.warnings)
    assert cell.observer.warnings == {"q": ("odd",)}
