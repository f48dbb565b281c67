# ruff: noqa: T201
"""Nothing is lost at scale: 100,000 requests, errors, aborts and streams among them (part of ``make soak``).

Client ledger, access log, counters and histogram of the reference router agree request by request: users send as many
as it bears, because a schedule that a busy machine cannot keep would leave some unsent. After the router was killed and
started again the difference is named, request by request, from the access log. ``LOAD_REQUESTS`` makes it longer or
shorter, ``LOAD_RATE`` (per second) the restart gentler.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.run.load.generator import Generator, PhaseReport
from harness.run.load.ledger import LedgerTail, Request, read_ledger
from harness.run.load.plan import CellPlan, DriverPlan, Instance
from harness.run.load.requests import ReadFrom, RequestKind
from harness.run.load.schedule import LoadPhase, Users, steady
from harness.run.stack.wait import eventually
from tests.integration.router.conftest import Instance as Router
from tests.integration.router.conftest import Running

REQUESTS = int(os.environ.get("LOAD_REQUESTS", "100000"))
RATE = float(os.environ.get("LOAD_RATE", "200"))
USERS = 32
HEADERS = {"x-request-id": "{{request_id}}"}
MIX = {"generate": 87.0, "failing": 2.0, "leaving": 1.0, "stream": 10.0}
SPEED = ["--speed", "600", "--workers", "64"]


def _generate(name: str, expect: int, *, abort_after_s: float | None = None, **options: Any) -> RequestKind:
    return RequestKind(
        name,
        "/api/generate",
        headers=HEADERS,
        json={"prompt": "{{prompt}}", "options": {"cache": False, **options}},
        expect_status=(expect,),
        streaming="sse" if options.get("stream") else "none",
        abort_after_s=abort_after_s,
        read=ReadFrom(),
    )


KINDS = (
    _generate("generate", 200, max_tokens=4),
    _generate("failing", 400, max_tokens=-1),
    _generate("leaving", 200, max_tokens=4096, stream=True, abort_after_s=0.05),
    _generate("stream", 200, max_tokens=4, stream=True),
    _generate("long", 200, max_tokens=4096, stream=True),
)


class Load:
    """The driver process with one cell."""

    def __init__(self, folder: Path, port: int) -> None:
        self.ledger = folder / "ledger"
        plan = CellPlan("c", str(self.ledger), (Instance("i", f"http://127.0.0.1:{port}"),), KINDS)
        self.generator = Generator(DriverPlan((plan,)), folder)
        with self.generator.stdin.open("rb") as orders, self.generator.stdout.open("wb") as status:
            self.process = subprocess.Popen(self.generator.argv, stdin=orders, stdout=status)
        self.wait(lambda: self.generator.ready, 60)

    def wait(self, condition: Callable[[], object], within_s: float) -> None:
        eventually(lambda: self.generator.poll() or condition() or None, what="the load", within_s=within_s)

    def drained(self, load: LoadPhase) -> PhaseReport:
        self.wait(lambda: self.generator.report("c", load.name), load.duration_s * 4 + 60)
        report = self.generator.report("c", load.name)
        assert report is not None
        return report

    def rows(self) -> list[Request]:
        return read_ledger(self.ledger)

    def close(self) -> None:
        self.generator.close()
        self.process.wait(10)


@pytest.fixture
def routers(tmp_path: Path) -> Iterator[Callable[..., tuple[Running, Router]]]:
    """Start a router, on the ports of another where that is asked for."""
    started: list[Running] = []

    def start(again: Router | None = None) -> tuple[Running, Router]:
        ports = again.ports if again else {"app": 0, "metrics": 0, "admin": 0}
        named = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
        running = Running(tmp_path / "logs", *named, "--disk-capacity-bytes", "100000000000", *SPEED)
        started.append(running)
        return running, Router(running.fact())

    yield start
    for running in started:
        running.close()


def access(router: Router) -> list[dict[str, Any]]:
    """Every line of the access log, rotated files first."""
    files = sorted(router.log_dir.glob("access.log*"), key=lambda path: (path.name == "access.log", path.name))
    lines = [line for path in files for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def by_status(router: Router, sample: str) -> Counter[int]:
    """A sample of the router summed by status code, from one scrape."""
    text = router.call("GET", "/metrics", server="metrics")[1].decode()
    found = Counter[int]()
    for each in (each for family in text_string_to_metric_families(text) for each in family.samples):
        if each.name == f"llm_router_{sample}":
            found[int(each.labels["status_code"])] += int(each.value)
    return +found


def test_ledger_log_counters_and_histogram_agree(routers: Any, tmp_path: Path) -> None:
    _, router = routers()
    load = Load(tmp_path, router.ports["app"])
    try:
        phase = LoadPhase("all", REQUESTS / 20, (Users(USERS, MIX),))
        load.generator.start_phase("c", phase)
        tail, seen = LedgerTail(load.ledger), count()
        load.wait(lambda: any(next(seen) >= REQUESTS - 1 for _ in tail.poll()), phase.duration_s)
        load.generator.stop_phase("c", phase.name)
        report = load.drained(phase)
    finally:
        load.close()
    rows = load.rows()
    assert REQUESTS <= report.intended == report.sent == len(rows) <= REQUESTS * 1.01 + USERS
    kinds = Counter(row.kind for row in rows)
    assert all(abs(kinds[kind] - len(rows) * weight / 100) <= 1 for kind, weight in MIX.items())
    ended = len(rows) - kinds["leaving"]
    eventually(lambda: router.total("http_requests_total") >= ended or None, what="rest", within_s=60)
    _agree(router, rows)
    took_s = report.ended_t - report.started_t
    print(f"{len(rows)} requests in {took_s:.0f} s, {len(rows) / took_s:.0f} a second")


def _agree(router: Router, rows: list[Request]) -> None:
    sent = {row.request_id: row for row in rows}
    lines = access(router)
    logged = {line["request_id"]: line["response"]["status_code"] for line in lines}
    assert len(logged) == len(lines), "one line per request"
    strangers = logged.keys() - sent.keys()
    assert not strangers, "only what was sent is logged"
    unseen = [sent[name] for name in sent.keys() - logged.keys()]
    assert all(row.aborted and row.status is None for row in unseen), "only who left before an answer may go unseen"
    whole = {name: row.status for name, row in sent.items() if not row.aborted}
    assert whole == {name: logged[name] for name in whole}
    left = Counter(logged[name] for name, row in sent.items() if row.aborted and name in logged)
    assert set(left) <= {499, 200}, "who leaves gets 499, or what was already on its way"
    counted, measured = (
        by_status(router, name) for name in ("http_requests_total", "http_request_duration_seconds_count")
    )
    assert counted == measured == Counter(logged.values())
    print(
        f"\n{len(rows)} requests: {dict(counted)}; aborted by the client: {dict(left)}, of whom unseen: {len(unseen)}"
    )


def test_after_a_kill_the_difference_is_named(routers: Any, tmp_path: Path) -> None:
    running, router = routers()
    load = Load(tmp_path, router.ports["app"])
    phase = steady("killed", RATE / 2, 30, {**MIX, "long": 30.0})  # so that the kill meets some in flight
    try:
        load.generator.start_phase("c", phase)
        load.wait(lambda: len(load.rows()) >= RATE * 3, 60)
        scraped = by_status(router, "http_requests_total")
        load.wait(lambda: len(load.rows()) >= RATE * 3.5, 60)
        running.end(signal.SIGKILL)
        old = access(router)
        _, again = routers(router)
        load.drained(phase)
    finally:
        load.close()
    eventually(lambda: again.total("active_connections", type="http") == 0 or None, what="rest", within_s=60)
    rows = [row for row in load.rows() if row.bytes_out]
    lines = access(again)
    after_the_scrape = Counter(line["response"]["status_code"] for line in old) - scraped
    logged = {line["request_id"] for line in lines}
    in_flight = [row for row in rows if row.request_id not in logged]
    now = by_status(again, "http_requests_total")
    missing = len(rows) - scraped.total() - now.total()
    print(
        f"\n{len(rows)} were sent, {scraped.total()} stood in the last scrape, {now.total()} in the new process; "
        f"of the {missing} between, {after_the_scrape.total()} had ended after the scrape "
        f"and {len(in_flight)} were in flight"
    )
    assert missing == after_the_scrape.total() + len(in_flight)
    assert after_the_scrape.total() > 0
    assert in_flight
    assert all(row.error_kind == "reset" or row.aborted for row in in_flight), "nobody got an answer that is not logged"
    assert now == Counter(line["response"]["status_code"] for line in lines[len(old) :])
