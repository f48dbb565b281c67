"""The driver as a real process against a real server on loopback."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ConfigError
from harness.run.load.figures import count_by, figures
from harness.run.load.generator import Generator, GeneratorGoneError
from harness.run.load.ledger import read_ledger
from harness.run.load.plan import Ceiling, CellPlan, DriverPlan, Instance
from harness.run.load.requests import ReadFrom, RequestKind
from harness.run.load.schedule import LoadPhase, steady
from harness.run.stack.wait import eventually

MakeDriver = Callable[..., Any]

OK = RequestKind(
    "ok",
    "/ok",
    headers={"x-request-id": "{{request_id}}"},
    json={"prompt": "{{prompt}}"},
    read=ReadFrom("/id", "/units", {"model": "/model"}),
)
BAD = RequestKind("bad", "/status/400", text="{", expect_status=(400,))
STREAM = RequestKind(
    "stream",
    "/stream/4/30",
    json={"stream": True},
    streaming="sse",
    token_at="/token",
    read=ReadFrom("/id", "/units"),
)
HANG = RequestKind("hang", "/hang", method="GET", abort_after_s=0.15)


def test_500_requests_each_have_one_row_and_reach_the_server_once(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url, server.url], replace(OK, keeps_answers=7), BAD)
    report = driver.run(steady("whole", 250, 2, {"ok": 4, "bad": 1}))
    rows = driver.rows()
    assert (report.intended, report.sent, report.dropped, report.unexpected) == (500, 500, 0, 0)
    assert sorted(row.seq for row in rows) == list(range(500))
    assert server.requests == {"/ok": 400, "/status/400": 100}
    assert count_by(rows, "kind", "status", "expected") == {("ok", 200, True): 400, ("bad", 400, True): 100}
    assert count_by(rows, "kind", "instance") == {
        ("ok", "i0"): 200, ("ok", "i1"): 200, ("bad", "i0"): 50, ("bad", "i1"): 50,
    }  # fmt: skip
    good = [row for row in rows if row.kind == "ok"]
    assert {row.request_id for row in good} == {name for name in server.ids if name}
    assert len({row.request_id for row in good}) == 400
    assert {(row.work_units, row.labels["model"]) for row in good} == {(17.0, "small")}
    kept = [json.loads(row.answer) for row in rows if row.answer]
    assert [(each["units"], each["model"]) for each in kept] == [(17, "small")] * 7
    assert all(row.intended_t <= row.sent_t < row.first_byte_t <= row.end_t for row in rows)
    starts = sorted(row.intended_t for row in rows)
    assert starts[0] == pytest.approx(report.started_t + 0.002)
    assert all(b - a == pytest.approx(1 / 250, abs=1e-5) for a, b in pairwise(starts))


@pytest.mark.alone
def test_a_stall_is_counted_from_the_intended_time(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.wait_ready()
    load = steady("stalled", 100, 4, {"ok": 1})
    driver.generator.start_phase("cell", load)
    driver.wait(lambda: server.requests["/ok"] >= 100, "a quarter is sent")
    server.stalled_until = time.monotonic() + 1.0
    driver.wait(lambda: driver.generator.report("cell", "stalled"), "the phase has drained")
    found = figures(driver.rows())
    assert (found.intended, found.sent, found.ended) == (400, 400, 400)
    assert found.response is not None
    # 100 of 400 requests meet the stall, for 1 s down to 0: the slowest 5 % waited 0.8 s and more.
    assert found.response.p95_s == pytest.approx(0.8, abs=0.06)
    assert found.response.p50_s < 0.05
    assert found.lateness is not None
    assert found.lateness.p99_s < 0.05


@pytest.mark.alone
def test_a_generator_that_was_held_up_says_so(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.wait_ready()
    driver.generator.start_phase("cell", steady("held", 100, 2, {"ok": 1}))
    driver.wait(lambda: server.requests["/ok"] >= 50, "a quarter is sent")
    driver.process.send_signal(signal.SIGSTOP)
    time.sleep(0.6)  # how long it is held up is what the test is about
    driver.process.send_signal(signal.SIGCONT)
    driver.wait(lambda: driver.generator.report("cell", "held"), "the phase has drained")
    found = figures(driver.rows())
    assert (found.intended, found.sent) == (200, 200)
    # 60 of 200 are late, by 0.6 s down to 0: the target was quick, the user of an open system waited.
    assert found.lateness.p95_s == pytest.approx(0.5, abs=0.06)
    assert found.response.p95_s == pytest.approx(0.5, abs=0.1)
    assert found.service.p95_s < 0.2
    assert driver.generator.report("cell", "held").lateness_p99_s > 0.5


def test_concurrency_is_bounded_and_what_it_cost_is_recorded(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK, max_in_flight=10)
    driver.wait_ready()
    server.stalled_until = time.monotonic() + 0.6
    report = driver.run(steady("narrow", 100, 1, {"ok": 1}))
    rows = driver.rows()
    assert report.dropped > 30
    assert report.sent + report.dropped == report.intended == len(rows) == 100
    assert server.requests["/ok"] == report.sent
    lost = [row for row in rows if row.dropped]
    assert {(row.sent_t, row.end_t, row.status, row.error_kind) for row in lost} == {(None, None, None, "dropped")}


@pytest.mark.alone
def test_a_stream_has_a_first_token_and_gaps(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], STREAM)
    driver.run(steady("streams", 20, 0.5, {"stream": 1}))
    rows = driver.rows()
    assert len(rows) == 10
    for row in rows:
        assert row.sent_t < row.first_byte_t < row.first_token_t < row.end_t
        assert row.first_token_t - row.sent_t >= 0.029
        assert row.gaps.count == 3
        assert 0.02 < row.gaps.p50_s < 0.06
        assert (row.request_id, row.work_units) == ("from-stream", 4.0)


@pytest.mark.alone
def test_an_abort_is_the_expected_end_of_its_kind(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], HANG)
    report = driver.run(steady("leaving", 20, 0.5, {"hang": 1}))
    rows = driver.rows()
    assert (report.sent, report.aborted, report.unexpected) == (10, 10, 0)
    assert all(row.aborted and row.expected and row.error_kind is None and row.status is None for row in rows)
    assert all(row.service_s == pytest.approx(0.15, abs=0.05) for row in rows)
    driver.wait(lambda: server.left_by_client == 10, "the server saw every client leave")


def test_failures_are_told_apart(server: Any, make_driver: MakeDriver) -> None:
    late = RequestKind("late", "/hang", timeout_s=0.1)
    cut = RequestKind("cut", "/close")
    wrong = RequestKind("wrong", "/status/503")
    driver = make_driver([server.url], late, cut, wrong)
    driver.run(steady("failing", 30, 0.5, {"late": 1, "cut": 1, "wrong": 1}))
    rows = driver.rows()
    assert count_by(rows, "kind", "error_kind", "status") == {
        ("late", "timeout", None): 5, ("cut", "reset", None): 5, ("wrong", "status", 503): 5,
    }  # fmt: skip
    assert not any(row.expected or row.aborted for row in rows)
    assert server.requests["/close"] == 5, "a broken request is never sent twice"


def test_a_dead_target_is_a_row_for_every_request(make_driver: MakeDriver) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        driver = make_driver([f"http://127.0.0.1:{taken.getsockname()[1]}"], OK)
        report = driver.run(steady("dead", 100, 0.5, {"ok": 1}))
    assert (report.intended, report.unexpected) == (50, 50)
    assert count_by(driver.rows(), "error_kind") == {("connect",): 50}


def test_a_target_that_dies_half_way_changes_the_rows_from_there(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.generator.start_phase("cell", steady("half", 100, 1, {"ok": 1}))
    driver.wait(lambda: server.requests["/ok"] >= 50, "half is sent")
    server.close()
    driver.wait(lambda: driver.generator.report("cell", "half"), "the phase has drained")
    ends = [row.error_kind for row in sorted(driver.rows(), key=lambda row: row.seq)]
    assert len(ends) == 100
    assert ends.count(None) >= 50
    assert set(ends[-20:]) == {"connect"}


def test_a_cut_phase_intends_nothing_after_the_cut(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    report = driver.run(steady("long", 100, 600, {"ok": 1}), cut_after=lambda: server.requests["/ok"] >= 30)
    rows = driver.rows()
    assert report.intended == len(rows) == server.requests["/ok"]
    assert all(row.intended_t < report.ended_t for row in rows)
    assert len(rows) == round((report.ended_t - report.started_t) * 100)


def test_a_slow_phase_is_cut_at_once_although_nothing_is_due(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.wait_ready()
    began = time.monotonic()
    report = driver.run(
        steady("rare", 0.001, 3600, {"ok": 1}),
        cut_after=lambda: driver.generator.started_t("cell", "rare"),
    )
    assert report.intended == 0
    assert time.monotonic() - began < 1.0


@pytest.mark.alone
def test_phases_follow_each_other_at_a_named_instant(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK, speed=10.0)
    driver.wait_ready()
    at = time.time() + 0.2
    driver.generator.start_phase("cell", steady("first", 10, 3600, {"ok": 1}), at)
    driver.generator.start_phase("cell", steady("second", 20, 2.5, {"ok": 1}), at + 0.5)
    driver.wait(lambda: driver.generator.report("cell", "second"), "the second has drained")
    first, second = (driver.generator.report("cell", name) for name in ("first", "second"))
    assert (first.started_t, first.ended_t) == (at, at + 0.5)
    assert (second.started_t, second.ended_t) == (at + 0.5, at + 0.75)
    assert (first.intended, second.intended) == (50, 50)
    assert first.lateness_max_s < 0.05
    bodies = {row.request_id for row in driver.rows()}
    assert len(bodies) == 100


def test_end_of_input_stops_at_once_and_leaves_whole_rows(server: Any, make_driver: MakeDriver) -> None:
    hang = RequestKind("hang", "/hang")
    driver = make_driver([server.url], OK, hang)
    driver.generator.start_phase("cell", steady("busy", 100, 60, {"ok": 1, "hang": 1}))
    driver.wait(lambda: server.requests["/hang"] >= 50, "some hang")
    began = time.monotonic()
    driver.close()
    assert time.monotonic() - began < 1.0
    assert driver.process.returncode == 0
    rows = driver.rows()
    assert sorted(row.seq for row in rows) == list(range(len(rows)))
    assert {row.error_kind for row in rows if row.kind == "hang"} == {"aborted"}
    written = sum(row.bytes_out > 0 for row in rows)
    driver.wait(lambda: sum(server.requests.values()) == written, "the server read what was written to it")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(number: int, server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.generator.start_phase("cell", steady("busy", 100, 60, {"ok": 1}))
    driver.wait(lambda: server.requests["/ok"] >= 10, "some are sent")
    driver.process.send_signal(number)
    assert driver.process.wait(2) == 0
    rows = driver.rows()
    assert sorted(row.seq for row in rows) == list(range(len(rows)))
    written = sum(row.bytes_out > 0 for row in rows)
    driver.wait(lambda: server.requests["/ok"] == written, "the server read what was written to it")


def test_quit_lets_what_is_in_flight_end(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], STREAM)
    driver.generator.start_phase("cell", steady("streams", 50, 60, {"stream": 1}))
    driver.wait(lambda: server.requests["/stream/4/30"] >= 10, "some stream")
    driver.generator.quit()
    assert driver.process.wait(5) == 0
    assert {(row.status, row.expected) for row in driver.rows()} == {(200, True)}
    driver.wait(lambda: driver.generator.stopped, "it said so")
    assert driver.generator.report("cell", "streams").intended == len(driver.rows())


def test_drain_ends_a_phase_and_the_next_can_begin(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.generator.start_phase("cell", steady("one", 100, 60, {"ok": 1}))
    driver.wait(lambda: server.requests["/ok"] >= 10, "some are sent")
    driver.generator.drain("cell")
    driver.wait(lambda: driver.generator.report("cell", "one"), "the phase has drained")
    assert driver.run(steady("two", 100, 0.1, {"ok": 1})).intended == 10


@pytest.mark.parametrize(
    ("load", "problem"),
    [
        (steady("p", 1, 1, {"teapot": 1}), "no request kind teapot"),
        (steady("used", 1, 1, {"ok": 1}), "already begun"),
    ],
)
def test_a_refused_order_is_an_error_and_nothing_is_sent(
    load: LoadPhase, problem: str, server: Any, make_driver: MakeDriver
) -> None:
    driver = make_driver([server.url], OK)
    driver.run(steady("used", 0, 0.01, {}))
    driver.generator.start_phase("cell", load)
    with pytest.raises(ConfigError, match=problem):
        driver.wait(lambda: False, "the refusal")
    assert not server.requests


@pytest.mark.parametrize("order", [b"not json", b"[]", b'{"op": "dance"}', b'{"op": "drain", "cell": "no"}'])
def test_a_senseless_order_is_answered_and_survived(order: bytes, server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.wait_ready()
    with driver.generator.stdin.open("wb", buffering=0) as control:
        control.write(order + b"\n")
    with pytest.raises(ConfigError, match="load generator"):
        driver.wait(lambda: False, "the refusal")
    assert driver.run(steady("after", 100, 0.1, {"ok": 1})).sent == 10


def test_a_host_that_is_not_loopback_is_refused_before_anything_is_dialled(make_driver: MakeDriver) -> None:
    driver = make_driver(["http://192.0.2.1:80"], OK)
    with pytest.raises(GeneratorGoneError, match=r"192\.0\.2\.1 is not loopback"):
        driver.wait(lambda: driver.generator.ready, "the refusal")
    assert driver.process.wait(5) == 2
    assert not driver.ledger.exists()


def test_a_ceiling_is_kept(server: Any, make_driver: MakeDriver) -> None:
    # A ceiling also holds for a host that would be allowed without one, which lets loopback stand in here.
    driver = make_driver([server.url], OK, ceilings=(Ceiling("127.0.0.1", 60, 0.3),))
    driver.wait_ready()
    driver.generator.start_phase("cell", steady("much", 100, 1, {"ok": 1}))
    with pytest.raises(ConfigError, match=r"may send 100 requests to 127\.0\.0\.1, whose ceiling leaves 60"):
        driver.wait(lambda: False, "the refusal")
    report = driver.run(steady("long", 100, 0.6, {"ok": 1}))
    assert 29 <= report.sent <= 32
    assert report.sent == server.requests["/ok"]
    assert report.dropped == 60 - report.sent
    assert driver.generator.told == [
        f"127.0.0.1 was sent {report.sent} requests; its ceiling is 60 requests in 0.3 s: nothing more is sent there"
    ]


def test_an_existing_ledger_is_never_mixed_with_another_run(
    server: Any, make_driver: MakeDriver, tmp_path: Path
) -> None:
    (tmp_path / "ledger.ndjson").write_bytes(b"")
    driver = make_driver([server.url], OK)
    with pytest.raises(GeneratorGoneError, match="ledger cannot be written"):
        driver.wait_ready()


def test_orders_to_a_dead_driver_are_an_error(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.wait_ready()
    driver.process.kill()
    driver.process.wait()
    with pytest.raises(GeneratorGoneError, match="takes no orders"):
        driver.generator.drain("cell")


def test_status_lines_are_json_with_an_event_each(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.run(steady("one", 100, 0.1, {"ok": 1}))
    driver.close()
    events = [json.loads(line)["event"] for line in driver.generator.stdout.read_text().splitlines()]
    assert events == ["ready", "phase_started", "phase_ended", "phase_drained", "stopped"]


def test_an_order_for_an_instant_long_past_is_refused(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.generator.start_phase("cell", steady("p", 100, 60, {"ok": 1}), at=time.monotonic())
    with pytest.raises(ConfigError, match="would be sent at once"):
        driver.wait(lambda: False, "the refusal")
    driver.generator.stop_phase("cell", "p")
    with pytest.raises(ConfigError, match="no phase 'p' was begun"):
        driver.wait(lambda: False, "the refusal")
    assert not server.requests


@pytest.mark.parametrize("end", ["quit", "close"])
def test_a_phase_that_has_not_begun_holds_nothing_up(end: str, server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], OK)
    driver.wait_ready()
    driver.generator.start_phase("cell", steady("now", 100, 60, {"ok": 1}))
    driver.generator.start_phase("cell", steady("later", 100, 60, {"ok": 1}), time.time() + 60)
    driver.wait(lambda: server.requests["/ok"] >= 10, "some are sent")
    getattr(driver.generator, end)()
    assert driver.process.wait(1) == 0
    driver.generator.poll()
    assert driver.generator.report("cell", "now").intended == len(driver.rows())
    assert driver.generator.report("cell", "later").intended == 0
    assert driver.generator.started_t("cell", "later") is None


def test_a_ledger_that_cannot_grow_ends_the_driver_with_a_reason(server: Any, make_driver: MakeDriver) -> None:
    # Large rows reach the limit soon, and it leaves room for what else the process writes at its end.
    driver = make_driver([server.url], RequestKind("ok", "/ok", labels={"padding": "x" * 10_000}))
    driver.wait_ready()
    resource.prlimit(driver.process.pid, resource.RLIMIT_FSIZE, (2**20, 2**20))
    driver.generator.start_phase("cell", steady("p", 500, 60, {"ok": 1}))
    with pytest.raises(GeneratorGoneError, match=r"ledger\.ndjson: ledger cannot be written: .*File too large"):
        driver.wait(lambda: False, "the failure")
    assert driver.process.wait(2) == 3
    assert len(driver.rows()) > 50


def test_a_driver_that_nobody_listens_to_ends(server: Any, tmp_path: Path) -> None:
    plan = DriverPlan((CellPlan("c", str(tmp_path / "ledger"), (Instance("i", server.url),), (OK,)),))
    generator = Generator(plan, tmp_path)
    with generator.stdin.open("rb") as orders:
        process = subprocess.Popen(generator.argv, stdin=orders, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"ready" in process.stdout.readline()
    process.stdout.close()
    generator.start_phase("c", steady("p", 100, 60, {"ok": 1}))
    assert process.wait(2) == 0
    generator.close()


def test_a_machine_out_of_sockets_drops_and_says_so(server: Any, make_driver: MakeDriver) -> None:
    driver = make_driver([server.url], RequestKind("hang", "/hang", abort_after_s=0.5))
    driver.wait_ready()
    used = len(list(Path(f"/proc/{driver.process.pid}/fd").iterdir()))
    resource.prlimit(driver.process.pid, resource.RLIMIT_NOFILE, (used + 20, used + 20))
    report = driver.run(steady("p", 100, 0.4, {"hang": 1}))
    assert (report.sent, report.dropped, report.unexpected) == (20, 20, 0)
    assert server.requests["/hang"] == 20


def test_two_cells_in_one_process_do_not_mix(server: Any, tmp_path: Path) -> None:
    instance = (Instance("i", server.url),)
    cells = tuple(CellPlan(name, str(tmp_path / name), instance, (OK,)) for name in ("one", "two"))
    generator = Generator(DriverPlan(cells), tmp_path)
    with generator.stdin.open("rb") as orders, generator.stdout.open("wb") as status:
        process = subprocess.Popen(generator.argv, stdin=orders, stdout=status)
    generator.start_phase("one", steady("p", 100, 0.5, {"ok": 1}))
    generator.start_phase("two", steady("p", 40, 0.5, {"ok": 1}))

    def both() -> bool:
        generator.poll()
        return all(generator.report(name, "p") for name in ("one", "two"))

    eventually(both, what="both cells have drained", within_s=10)
    generator.close()
    process.wait(5)
    rows = {name: read_ledger(tmp_path / name) for name in ("one", "two")}
    assert [len(rows[name]) for name in ("one", "two")] == [50, 20]
    assert {row.cell for row in rows["two"]} == {"two"}
    assert len({row.request_id for name in rows for row in rows[name]}) == 70
