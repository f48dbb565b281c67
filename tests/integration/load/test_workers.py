"""One schedule shared by several worker processes: disjoint, whole, and honest about a worker that was killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.core.errors import ConfigError
from harness.run.load.curve import Piece
from harness.run.load.generator import GeneratorGoneError
from harness.run.load.ledger import LedgerWriter
from harness.run.load.plan import Ceiling, CellPlan, DriverPlan, Instance, Workers
from harness.run.load.requests import RequestKind
from harness.run.load.schedule import Flow, LoadPhase, Users, lay_out, steady
from harness.run.load.tally import PhaseRun, Stripe
from tests.integration.load.conftest import Driver

OK = RequestKind("ok", "/ok", headers={"x-request-id": "{{request_id}}"})
BAD = RequestKind("bad", "/status/400", expect_status=(400,))

Share = Callable[..., Driver]


@pytest.fixture
def share(server: Any, tmp_path: Path) -> Iterator[Share]:
    """Start a driver that shares its plan among workers."""
    started: list[Driver] = []

    def make(
        workers: Workers, *, url: str = server.url, ceilings: tuple[Ceiling, ...] = (), speed: float = 1.0
    ) -> Driver:
        cell = CellPlan("cell", str(tmp_path / "ledger.ndjson"), (Instance("i", url),), (OK, BAD), speed=speed, seed=5)
        started.append(Driver(DriverPlan((cell,), ceilings=ceilings, workers=workers), tmp_path))
        return started[-1]

    yield make
    for driver in started:
        driver.close()


def children(driver: Driver) -> list[int]:
    task = Path(f"/proc/{driver.process.pid}/task/{driver.process.pid}/children")
    return [int(pid) for pid in task.read_text().split()]


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except FileNotFoundError:
        return True


def said(driver: Driver, event: str) -> list[dict[str, Any]]:
    lines = map(orjson.loads, driver.generator.stdout.read_bytes().splitlines())
    return [line for line in lines if line["event"] == event]


def test_two_workers_send_the_whole_schedule_and_each_request_once(server: Any, share: Share) -> None:
    driver = share(Workers(here=2), speed=10.0)
    driver.wait_ready()
    report = driver.run(steady("whole", 20, 20, {"ok": 1, "bad": 1}, "poisson"))
    rows = sorted(driver.rows(), key=lambda row: row.seq)
    run = PhaseRun(steady("whole", 20, 20, {"ok": 1, "bad": 1}, "poisson"), 0.0, 0, speed=10.0, seed=5, stripe=Stripe())
    expected = [(number, arrival.kind) for number, arrival in run.arrivals()]
    assert [(row.seq, row.kind) for row in rows] == expected
    assert (report.intended, report.sent, report.dropped) == (len(rows), len(rows), 0)
    assert sum(server.requests.values()) == len(rows)
    share_of = Counter(row.worker for row in rows)
    assert set(share_of) == {"w0", "w1"}
    assert abs(share_of["w0"] - share_of["w1"]) <= 2
    again = driver.run(steady("again", 10, 5, {"ok": 1}))
    assert again.sent == 50
    rows = driver.rows()
    assert len({row.seq for row in rows}) == len(rows)
    named = [row.request_id for row in rows if row.kind == "ok"]
    assert len(set(named)) == len(named)
    driver.generator.quit()
    assert driver.process.wait(5) == 0


def test_a_killed_worker_is_reported_and_its_stripe_is_dropped(server: Any, share: Share) -> None:
    driver = share(Workers(here=2))
    driver.wait_ready()
    load = steady("half", 100, 600, {"ok": 1})
    driver.generator.start_phase("cell", load)
    driver.wait(lambda: server.requests["/ok"] >= 100, "half is sent")
    os.kill(children(driver)[0], signal.SIGKILL)
    driver.wait(lambda: said(driver, "worker_lost"), "the loss is told")
    (lost,) = said(driver, "worker_lost")
    before = server.requests["/ok"]
    driver.wait(lambda: server.requests["/ok"] >= before + 50, "the other goes on")
    driver.generator.stop_phase("cell", "half")
    driver.wait(lambda: driver.generator.report("cell", "half"), "the phase has drained")
    report, rows = driver.generator.report("cell", "half"), driver.rows()
    assert report is not None
    assert "it ended with -9" in lost["message"]
    until = [row.seq for row in rows if row.intended_t < report.ended_t]
    assert sorted(until) == list(range(len(until))), "every intended request has exactly one row"
    assert len(until) == sum(1 for a in lay_out(load) if report.started_t + a.offset_s < report.ended_t)
    dropped = [row for row in rows if row.dropped]
    assert {row.worker for row in dropped} == {lost["worker"]}
    assert report.dropped == len(dropped) >= 25
    assert report.sent + report.dropped == report.intended == len(rows)
    # what the killed worker had sent and not yet handed over is among the dropped, and nothing else is
    assert report.sent <= server.requests["/ok"] <= report.sent + 15
    later = driver.run(steady("later", 100, 0.5, {"ok": 1}))
    assert (later.sent, later.dropped) == (25, 25), "its stripe of a later phase is owed as well"


def test_workers_from_elsewhere_join_by_the_documented_command(server: Any, share: Share) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = share(Workers(elsewhere=2, port=port))
    argv = [sys.executable, "-m", "harness.run.load.driver", "--join", f"127.0.0.1:{port}"]
    guests = [subprocess.Popen(argv) for _ in range(2)]
    try:
        report = driver.run(steady("shared", 100, 1, {"ok": 1}))
        assert (report.sent, server.requests["/ok"]) == (100, 100)
        assert {row.worker for row in driver.rows()} == {"w0", "w1"}
        driver.generator.quit()
        assert driver.process.wait(5) == 0
        assert [guest.wait(5) for guest in guests] == [0, 0]
    finally:
        for guest in guests:
            guest.kill()


def test_a_master_that_is_killed_leaves_no_worker(server: Any, share: Share) -> None:
    driver = share(Workers(here=2))
    driver.wait_ready()
    driver.generator.start_phase("cell", steady("p", 50, 600, {"ok": 1}))
    driver.wait(lambda: server.requests["/ok"] >= 10, "they are sending")
    left = children(driver)
    driver.process.kill()
    driver.process.wait()
    driver_gone = GeneratorGoneError
    with pytest.raises(driver_gone):
        driver.generator.drain("cell")
    Driver.wait_for(lambda: all(ended(pid) for pid in left), "the workers end too")


def test_the_end_of_input_ends_master_and_workers(server: Any, share: Share) -> None:
    driver = share(Workers(here=2))
    driver.wait_ready()
    driver.generator.start_phase("cell", steady("p", 50, 600, {"ok": 1}))
    driver.wait(lambda: server.requests["/ok"] >= 10, "they are sending")
    left = children(driver)
    driver.close()
    assert driver.process.returncode == 0
    Driver.wait_for(lambda: all(ended(pid) for pid in left), "the workers end too")
    rows = driver.rows()  # one that was on its way may have been cut off before it was heard, or before it was answered
    assert sum(1 for row in rows if row.status) <= server.requests["/ok"] <= len(rows)


def test_users_are_shared_out_and_a_ceiling_is_kept_by_all_together(server: Any, share: Share) -> None:
    driver = share(Workers(here=2), ceilings=(Ceiling("127.0.0.1", 60, 60.0),))
    driver.wait_ready()
    traffic = (Users(3, {"ok": 1}, think_s=0.02), Flow((Piece(1, 10, 10),), {"bad": 1}))
    report = driver.run(LoadPhase("both", 4, traffic))
    rows = driver.rows()
    assert {row.worker for row in rows if row.loop == "closed"} == {"w0", "w1"}
    assert len({row.seq for row in rows}) == len(rows)
    assert report.sent == sum(server.requests.values()) <= 60
    assert report.dropped == len(rows) - report.sent


def test_mistakes_are_answered_once(server: Any, share: Share) -> None:
    driver = share(Workers(here=2))
    driver.wait_ready()
    for load, problem in (
        (steady("p", 1, 1, {"teapot": 1}), "no request kind teapot"),
        (LoadPhase("q", 1, (Users(5000, {"ok": 1}),)), "5000 users"),
    ):
        driver.generator.start_phase("cell", load)
        with pytest.raises(ConfigError, match=problem):
            driver.wait(lambda: False, "the refusal")


def test_a_plan_that_cannot_be_shared_is_refused(server: Any, share: Share, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="need a port to connect to"):
        Workers(elsewhere=1)
    driver = share(Workers(here=2), url="http://192.0.2.1:80")
    with pytest.raises(GeneratorGoneError, match=r"192\.0\.2\.1 is not loopback"):
        driver.wait_ready()
    assert driver.process.wait(5) == 2
    LedgerWriter(tmp_path / "ledger.ndjson").close()
