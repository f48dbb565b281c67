# ruff: noqa: T201
"""What the reference router costs. Run by name: ``pytest -s tests/performance/router/bench_router.py`` (Linux).

CPU seconds of one instance, forked warm as a campaign forks it: for its start, for a scrape, a generation, a stream, a
probe, and for a second of a story that has all of them. Printed beside a baseline measured in the same run: a bare
asyncio server that sends as many bytes and does nothing else. No absolute time is asserted.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from harness.run.stack.wait import eventually

REPOSITORY = Path(__file__).parents[3]
ROUNDS, COUNT = 4, 60
STORY_S = 8.0


def cpu_s(pid: int) -> float:
    """Seconds that the threads of a process have run for, as the scheduler counted them."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


class Wire:
    """One connection that is kept; ``ask`` sends a request and reads its whole answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))

    def ask(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        content = json.dumps(body).encode() if body else b""
        method = "POST" if body else "GET"
        head = f"{method} {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(content)}\r\n\r\n"
        self.socket.sendall(head.encode() + content)
        answer = b""
        while not self._is_whole(answer):
            received = self.socket.recv(1 << 20)
            assert received, answer
            answer += received
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return answer

    def _is_whole(self, answer: bytes) -> bool:
        head, found, rest = answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        return bool(found) and (len(rest) == int(length[1]) if length else rest.endswith(b"0\r\n\r\n"))


class _Bare(asyncio.Protocol):
    """Answers every request with as many bytes as its path says."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        size = int(data.split(b" ", 2)[1][1:])
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (size, b"x" * size))


def _serve(pipe: Connection) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Bare, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)

    asyncio.run(main())


@pytest.fixture(scope="module")
def bare() -> Iterator[Callable[[int], float]]:
    """CPU seconds of the bare server for one answer of so many bytes."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,))
    process.start()
    wire = Wire(ours.recv())
    yield lambda size: least_s(process.pid or 0, lambda: wire.ask(f"/{size}"))
    wire.socket.close()
    ours.send(None)
    process.join(5)


def least_s(pid: int, work: Callable[[], object]) -> float:
    """CPU seconds that one ``work`` costs the process, the best of a few rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = cpu_s(pid)
        for _ in range(COUNT):
            work()
        rounds.append((cpu_s(pid) - began) / COUNT)
    return min(rounds)


@dataclass
class Standby:
    """The warm process and the instances that it forked."""

    folder: Path
    process: subprocess.Popen[bytes]
    instances: list[Instance] = field(default_factory=list)

    def instance(self, *arguments: str) -> Instance:
        name = f"router-{len(self.instances)}"
        ports = [f"--{port}-port=0" for port in ("app", "metrics", "admin")]
        order = {
            "instance": name,
            "arguments": [f"--log-dir={self.folder / name}", "--disk-capacity-bytes=1000000000", *ports, *arguments],
            "environment": {},
            "stdout": str(self.folder / f"{name}.out"),
            "stderr": str(self.folder / f"{name}.err"),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        pid = json.loads(self.process.stdout.readline())["pid"]
        said = self.folder / f"{name}.out"
        fact = eventually(lambda: (said.exists() and said.read_bytes()) or None, what=name, within_s=10)
        self.instances.append(Instance(pid, **json.loads(fact)["ports"]))
        return self.instances[-1]


class Instance:
    """A serving instance and a connection to each of its servers."""

    def __init__(self, pid: int, app: int, metrics: int, **_: int) -> None:
        self.pid = pid
        self.app, self.metrics = Wire(app), Wire(metrics)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        for wire in (self.app, self.metrics):
            wire.socket.close()

    def scrape(self) -> bytes:
        return self.metrics.ask("/metrics")

    def probe(self) -> bytes:
        return self.app.ask("/health/ready")

    def generate(self, *, stream: bool = False) -> bytes:
        options = {"model": "spark-1b", "cache": False, "max_tokens": 100, "stream": stream}
        return self.app.ask("/api/generate", {"prompt": "Why is the sky blue?", "options": options})


@pytest.fixture(scope="module")
def standby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    command = [sys.executable, "-m", "reference_router", "--standby"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    found = Standby(tmp_path_factory.mktemp("instances"), process)
    yield found
    for instance in found.instances:
        instance.close()
    process.communicate(timeout=10)


@pytest.fixture(scope="module")
def quiet(standby: Standby) -> Instance:
    """Fast, and without rounds of health checks of its own."""
    return standby.instance("--speed=600", "--health-interval-s=1e9")


def told(name: str, cost_s: float, bare_s: float) -> None:
    print(f"\n{name}: {cost_s * 1e6:,.0f} µs of CPU, {cost_s / bare_s:.1f} × a bare server's {bare_s * 1e6:,.0f} µs")


def test_a_scrape(quiet: Instance, bare: Callable[[int], float]) -> None:
    told("a scrape", least_s(quiet.pid, quiet.scrape), bare(len(quiet.scrape())))


def test_a_scrape_after_a_generation(quiet: Instance, bare: Callable[[int], float]) -> None:
    both_s = least_s(quiet.pid, lambda: (quiet.generate(), quiet.scrape()))
    told("a generation and a scrape", both_s, bare(len(quiet.scrape())) + bare(len(quiet.generate())))


def test_the_metrics_as_json(quiet: Instance, bare: Callable[[int], float]) -> None:
    cost_s = least_s(quiet.pid, lambda: quiet.metrics.ask("/metrics/json"))
    told("metrics as JSON", cost_s, bare(len(quiet.metrics.ask("/metrics/json"))))


def test_a_generation(quiet: Instance, bare: Callable[[int], float]) -> None:
    told("a generation", least_s(quiet.pid, quiet.generate), bare(len(quiet.generate())))


def test_a_stream(quiet: Instance, bare: Callable[[int], float]) -> None:
    cost_s = least_s(quiet.pid, lambda: quiet.generate(stream=True))
    told("a stream", cost_s, bare(len(quiet.generate(stream=True))))


def test_a_probe_of_readiness(quiet: Instance, bare: Callable[[int], float]) -> None:
    told("a probe of readiness", least_s(quiet.pid, quiet.probe), bare(len(quiet.probe())))


def test_a_start(standby: Standby, bare: Callable[[int], float]) -> None:
    """Until it serves; beside an answer of one byte."""
    launcher_s = cpu_s(standby.process.pid)
    costs = [cpu_s(standby.instance("--speed=60").pid) for _ in range(8)]
    launcher_s = (cpu_s(standby.process.pid) - launcher_s) / len(costs)
    told("a start", min(costs) + launcher_s, bare(1))


def test_a_second_of_a_story(standby: Standby, bare: Callable[[int], float]) -> None:
    """At speed 60: six scrapes, twelve generations, one in six of them streamed, four probes; and beside, nothing."""
    one = standby.instance("--speed=60")
    acts = sorted(
        [(number / 6 + 0.01, one.scrape) for number in range(int(6 * STORY_S))]
        + [(number / 4 + 0.02, one.probe) for number in range(int(4 * STORY_S))]
        + [(number / 12 + 0.03, _either(one, number)) for number in range(int(12 * STORY_S))],
        key=lambda act: act[0],
    )
    idle_s = _played_s(one, [])
    cost_s = _played_s(one, acts)
    base_s = 6 * bare(len(one.scrape())) + 4 * bare(len(one.probe())) + 12 * bare(len(one.generate()))
    told("a second of a story", cost_s / STORY_S, base_s)
    told("a second of nothing", idle_s / STORY_S, base_s)


def _either(one: Instance, number: int) -> Callable[[], bytes]:
    return lambda: one.generate(stream=number % 6 == 0)


def _played_s(one: Instance, acts: list[tuple[float, Callable[[], bytes]]]) -> float:
    """CPU seconds of the instance while ``acts`` come at their times."""
    began, spent_s = time.monotonic(), cpu_s(one.pid)
    for due_s, act in acts:
        time.sleep(max(began + due_s - time.monotonic(), 0.0))
        act()
    time.sleep(max(began + STORY_S - time.monotonic(), 0.0))
    return cpu_s(one.pid) - spent_s
