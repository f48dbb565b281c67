"""Traces, users, warm-up and several ports, by the real driver."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.core.errors import ConfigError
from harness.run.load.curve import Piece
from harness.run.load.ledger import Request
from harness.run.load.plan import Instance
from harness.run.load.requests import RequestKind
from harness.run.load.schedule import Flow, LoadPhase, Replay, Users
from tests.integration.load.conftest import Server

MakeDriver = Callable[..., Any]
OK = RequestKind("ok", "/ok")
WRONG = RequestKind("wrong", "/status/503")


def most_in_flight(rows: list[Request]) -> int:
    steps = sorted([(row.sent_t, 1) for row in rows if row.sent_t] + [(row.end_t, -1) for row in rows if row.end_t])
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def test_users_wait_for_their_answer_and_think(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK, WRONG, speed=2.0)
    report = driver.run(LoadPhase("users", 2.0, (Users(3, {"ok": 2, "wrong": 1}, think_s=0.1),)))
    rows = driver.rows()
    assert report.intended == report.sent == len(rows)
    assert len(rows) > 9, "each of three users sends again after it has thought"
    assert len(rows) <= 3 * (1.0 / 0.05 + 1)
    assert {row.loop for row in rows} == {"closed"}
    assert all(row.intended_t == row.sent_t for row in rows), "nothing was intended before the turn came"
    assert most_in_flight(rows) <= 3
    assert len({row.seq for row in rows}) == len(rows)
    kinds = Counter(row.kind for row in rows)
    assert abs(kinds["ok"] - 2 * kinds["wrong"]) <= 2


def test_a_stall_hides_from_users_and_not_from_a_schedule(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.wait_ready()
    flow = Flow((Piece(2, 50, 50),), {"ok": 1})
    driver.generator.start_phase("cell", LoadPhase("both", 2, (flow, Users(2, {"ok": 1}, think_s=0.02))))
    driver.wait(lambda: server.requests["/ok"] >= 50, "both are sending")
    server.stalled_until = time.monotonic() + 1.0
    driver.wait(lambda: driver.generator.report("cell", "both"), "the phase has drained")
    waited = Counter(row.loop for row in driver.rows() if row.response_s > 0.1)
    assert waited["closed"] <= 2, "one request of each user met the stall"
    assert waited["open"] >= 30, "everybody who would have come met it"


def test_users_who_still_think_hold_nothing_up(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    report = driver.run(
        LoadPhase("patient", 600, (Users(2, {"ok": 1}, think_s=500),)), cut_after=lambda: server.requests["/ok"] == 2
    )
    assert report.intended == 2
    driver.generator.quit()
    assert driver.process.wait(2) == 0


def test_more_users_than_may_be_in_flight_are_refused(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK, max_in_flight=3)
    driver.generator.start_phase("cell", LoadPhase("crowd", 1, (Users(4, {"ok": 1}),)))
    with pytest.raises(ConfigError, match="4 users, but 3 requests may be in flight"):
        driver.wait(lambda: False, "the refusal")


def test_a_trace_is_sent_at_its_times(server: Any, make_driver: MakeDriver, tmp_path: Path) -> None:
    trace = tmp_path / "t.csv"
    trace.write_text("0,ok\n0.5,wrong\n0.5,ok\n1.5,ok\n9,ok\n")
    driver = make_driver([server.url], OK, WRONG, speed=2.0)
    report = driver.run(LoadPhase("trace", 4, (Replay(str(trace)),)))
    rows = sorted(driver.rows(), key=lambda row: row.seq)
    assert [row.kind for row in rows] == ["ok", "wrong", "ok", "ok"]
    assert [row.intended_t - report.started_t for row in rows] == pytest.approx([0, 0.25, 0.25, 0.75], abs=1e-6)
    trace.write_text("0,teapot\n")
    driver.generator.start_phase("cell", LoadPhase("unknown", 4, (Replay(str(trace)),)))
    with pytest.raises(ConfigError, match="no request kind teapot"):
        driver.wait(lambda: False, "the refusal")
    driver.generator.start_phase("cell", LoadPhase("missing", 4, (Replay(str(tmp_path / "no.csv")),)))
    with pytest.raises(ConfigError, match=r"no\.csv: the trace does not exist"):
        driver.wait(lambda: False, "the refusal")


def test_what_is_intended_in_the_warm_up_is_marked(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK, speed=4.0)
    flow = Flow((Piece(4, 25, 25),), {"ok": 1})
    report = driver.run(LoadPhase("warm", 4, (flow,), warm_up_s=1.0))
    warm = [row for row in driver.rows() if row.warm_up]
    assert len(warm) == 25
    assert all(row.intended_t < report.started_t + 0.25 for row in warm)
    assert server.requests["/ok"] == 100, "it is sent like all else"


@pytest.fixture
def other() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def test_each_kind_goes_to_its_own_port(server: Any, other: Server, make_driver: MakeDriver) -> None:
    instance = Instance("i", server.url, ports={"admin": other.port})
    assert urlsplit(other.url).port == other.port
    driver = make_driver([], OK, RequestKind("admin", "/ok", method="GET", port="admin"), instances=(instance,))
    driver.run(LoadPhase("p", 1, (Flow((Piece(1, 40, 40),), {"ok": 3, "admin": 1}),)))
    assert (server.requests["/ok"], other.requests["/ok"]) == (30, 10)


def test_what_ends_after_its_phase_is_drained(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], RequestKind("slow", "/stream/5/60", streaming="sse"))
    report = driver.run(LoadPhase("p", 0.2, (Flow((Piece(1, 50, 50),), {"slow": 1}),)))
    assert report.drained_t == max(row.end_t for row in driver.rows())
    assert report.drained_t > report.ended_t + 0.2
