# ruff: noqa: T201
"""Who sees a stall? Run by name: ``pytest -s tests/performance/load/bench_stall.py``.

200 requests/s for 12 s against a server that stands still for 3 s in the middle, by every generator that is here, in
one run. The reference is a few lines of asyncio with a task per request, each timed from the instant at which
it was due. Nothing is compared with an absolute time: ours must agree with the reference of the same run.
"""

from __future__ import annotations

import asyncio
import csv
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import orjson
import pytest

from harness.run.load.generator import Generator
from harness.run.load.ledger import read_ledger
from harness.run.load.plan import CellPlan, DriverPlan, Instance, Workers
from harness.run.load.requests import RequestKind
from harness.run.load.schedule import steady
from harness.run.stack.wait import eventually

RATE, LASTS_S, STALL_AT_S, STALL_S = 200, 12, 4.0, 3.0
PLANNED = RATE * LASTS_S
KIND = RequestKind("get", "/", method="GET")
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@dataclass(frozen=True)
class Told:
    """What a generator says of the run: seconds at two percentiles, and requests sent."""

    who: str
    p95_s: float
    p99_s: float
    sent: int


class _Server(asyncio.Protocol):
    stalled = (math.inf, math.inf)
    """Begin and end on the monotonic clock; the first request begins it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        self.rest += data
        *whole, self.rest = self.rest.split(b"\r\n\r\n")
        now, loop = time.monotonic(), asyncio.get_running_loop()
        if _Server.stalled[1] is math.inf:
            _Server.stalled = (now + STALL_AT_S, now + STALL_AT_S + STALL_S)
        begin, end = _Server.stalled
        for _ in whole:
            if begin <= now < end:
                loop.call_at(loop.time() + end - now, self.transport.write, ANSWER)
            else:
                self.transport.write(ANSWER)


def _serve(pipe: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(main())


@pytest.fixture
def serving() -> Iterator[Callable[[], str]]:
    """A fresh server for each generator; its stall comes 4 s after its first request."""
    running: list[tuple[Connection, multiprocessing.process.BaseProcess]] = []

    def start() -> str:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,))
        process.start()
        running.append((ours, process))
        return f"http://127.0.0.1:{ours.recv()}"

    yield start
    for pipe, process in running:
        pipe.send(None)
        process.join(5)


def _told(who: str, seconds: list[float], sent: int) -> Told:
    ordered = sorted(seconds)
    return Told(who, ordered[math.ceil(0.95 * len(ordered)) - 1], ordered[math.ceil(0.99 * len(ordered)) - 1], sent)


def _reference(url: str) -> Told:
    port = int(url.rpartition(":")[2])

    async def one(due: float, seconds: list[float]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"ok")
        seconds.append(asyncio.get_running_loop().time() - due)
        writer.close()

    async def main() -> list[float]:
        loop, seconds = asyncio.get_running_loop(), list[float]()
        begin = loop.time() + 0.1
        async with asyncio.TaskGroup() as tasks:
            for number in range(PLANNED):
                due = begin + (number + 0.5) / RATE
                await asyncio.sleep(max(0.0, due - loop.time()))
                tasks.create_task(one(due, seconds))
        return seconds

    seconds = asyncio.run(main())
    return _told("asyncio reference", seconds, len(seconds))


def _ours(url: str, folder: Path, who: str, workers: int = 0, **cell: object) -> Told:
    folder.mkdir()
    plan = CellPlan("c", str(folder / "ledger"), (Instance("i", url),), (KIND,), **cell)  # type: ignore[arg-type]
    generator = Generator(DriverPlan((plan,), workers=Workers(workers)), folder)
    with generator.stdin.open("rb") as orders, generator.stdout.open("wb") as status:
        process = subprocess.Popen(generator.argv, stdin=orders, stdout=status)
    try:
        _until(lambda: generator.poll() or generator.ready)
        generator.start_phase("c", steady("p", RATE, LASTS_S, {"get": 1}))
        _until(lambda: generator.poll() or generator.report("c", "p"))
        report = generator.report("c", "p")
    finally:
        generator.close()
        process.wait(10)
    rows = read_ledger(folder / "ledger")
    assert report is not None
    # every planned request is in the ledger, sent or named as not sent
    assert report.sent + report.dropped == len(rows) == PLANNED
    return _told(who, [row.response_s for row in rows if row.response_s is not None], report.sent)


def _until(condition: Callable[[], object]) -> None:
    eventually(lambda: condition() or None, what="the driver", within_s=60)


LOCUSTFILE = """
from locust import FastHttpUser, constant_throughput, task
class Stock(FastHttpUser):
    wait_time = constant_throughput(10)
    @task
    def get(self):
        self.client.get("/")
"""


def _stock_locust(url: str, folder: Path) -> Told:
    """Twenty users that each ask ten times a second, as Locust's own documentation paces them."""
    folder.mkdir()
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    argv = [sys.executable, "-m", "locust", "-f", str(folder / "locustfile.py"), "--headless", "--host", url]
    argv += ["-u", "20", "-r", "20", "-t", f"{LASTS_S}s", "--csv", str(folder / "out"), "--exit-code-on-error", "0"]
    subprocess.run(argv, check=True, capture_output=True, timeout=90)
    with (folder / "out_stats.csv").open() as file:
        total = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    return Told(
        "stock Locust, 20 users", float(total["95%"]) / 1e3, float(total["99%"]) / 1e3, int(total["Request Count"])
    )


K6 = """
import http from 'k6/http';
export const options = {discardResponseBodies: true, summaryTrendStats: ['p(95)', 'p(99)'], scenarios: {s: {
  executor: 'constant-arrival-rate', rate: %d, duration: '%ds', preAllocatedVUs: %d, maxVUs: %d}}};
export default function () { http.get('%s/'); }
"""


def _k6(url: str, folder: Path, users: int) -> Told:
    folder.mkdir()
    (folder / "k6.js").write_text(K6 % (RATE, LASTS_S, users, users, url))
    out = folder / "summary.json"
    argv = [_tool("k6"), "run", "--quiet", "--no-usage-report", "--summary-export", str(out), str(folder / "k6.js")]
    subprocess.run(argv, check=True, capture_output=True, timeout=90)
    metrics = orjson.loads(out.read_bytes())["metrics"]
    took = metrics["http_req_duration"]
    return Told(f"k6, {users} VUs", took["p(95)"] / 1e3, took["p(99)"] / 1e3, int(metrics["http_reqs"]["count"]))


def _vegeta(url: str, folder: Path, workers: int | None) -> Told:
    folder.mkdir()
    argv = [_tool("vegeta"), "attack", f"-rate={RATE}", f"-duration={LASTS_S}s", f"-output={folder / 'out'}"]
    argv += [f"-workers={workers}", f"-max-workers={workers}"] if workers else []
    subprocess.run(argv, input=f"GET {url}/\n".encode(), check=True, capture_output=True, timeout=90)
    report = [_tool("vegeta"), "report", "-type=json", str(folder / "out")]
    told = orjson.loads(subprocess.run(report, check=True, capture_output=True, timeout=30).stdout)
    seconds = told["latencies"]
    return Told(
        f"vegeta, {workers or 'default'} workers", seconds["95th"] / 1e9, seconds["99th"] / 1e9, told["requests"]
    )


def _tool(name: str) -> str:
    return os.environ.get(f"BENCH_{name.upper()}") or shutil.which(name) or ""


def test_who_sees_a_stall(serving: Callable[[], str], tmp_path: Path) -> None:
    reference = _reference(serving())
    ours = [
        _ours(serving(), tmp_path / "plain", "ours"),
        _ours(serving(), tmp_path / "narrow", "ours, 700 in flight", max_in_flight=700),
        _ours(serving(), tmp_path / "idle", "ours, connections kept 60 s", idle_s=60.0),
        _ours(serving(), tmp_path / "shared", "ours, 2 workers", workers=2),
    ]
    scarce = _ours(serving(), tmp_path / "scarce", "ours, 50 in flight", max_in_flight=50)
    others = [_stock_locust(serving(), tmp_path / "stock")]
    if _tool("k6"):
        others += [_k6(serving(), tmp_path / f"k6-{users}", users) for users in (1000, 20)]
    if _tool("vegeta"):
        others += [_vegeta(serving(), tmp_path / f"vegeta-{workers}", workers) for workers in (None, 20)]
    print(f"\n{RATE}/s for {LASTS_S} s, {STALL_S:g} s of it stalled; {PLANNED} requests are planned")
    print(f"{'':32}{'p95':>10}{'p99':>10}{'sent':>8}{'p95 to the reference':>24}")
    for told in (reference, *ours, scarce, *others):
        print(f"{told.who:32}{told.p95_s:9.3f}s{told.p99_s:9.3f}s{told.sent:8}{told.p95_s / reference.p95_s:23.1%}")
    for name in ("k6", "vegeta"):
        if not _tool(name):
            print(f"NOT MEASURED: {name} is not installed (set BENCH_{name.upper()} to its path)")
    for told in ours:
        assert told.sent == PLANNED
        assert told.p95_s == pytest.approx(reference.p95_s, rel=0.05)
    assert scarce.sent < PLANNED, "with too few in flight it says what it did not send"
