"""Real router processes, driven over real sockets, ended with their test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

REPOSITORY = Path(__file__).parents[3]


def eventually(holds: Callable[[], bool], within_s: float = 10) -> None:
    """Return once ``holds``; fail after ``within_s``."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {within_s} s"
        time.sleep(0.02)


class Running:
    """A started ``python -m reference_router`` and the facts that it printed."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reference_router", "--log-dir", str(folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=REPOSITORY,
            env={"PYTHONPATH": str(REPOSITORY), **os.environ},
        )

    def fact(self) -> dict[str, Any]:
        """The next line of standard output."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"ended with {self.process.wait(5)}: {self.errors()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def errors(self) -> str:
        """Standard error of an ended process."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def end(self, number: int = signal.SIGTERM, within_s: float = 15) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Instance:
    """One serving instance: HTTP, metrics, faults, logs."""

    def __init__(self, ready: dict[str, Any]) -> None:
        assert ready["event"] == "ready", ready
        self.pid: int = ready["pid"]
        self.ports: dict[str, int] = ready["ports"]
        self.log_dir = Path(ready["log_dir"])

    def call(
        self, method: str, path: str, body: Any = None, *, server: str = "app", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.ports[server]}{path}"
        request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def total(self, sample: str, **labels: str) -> float:
        """Sum over the series of one sample name that have these labels."""
        text = self.call("GET", "/metrics", server="metrics")[1].decode()
        return sum(
            found.value
            for family in text_string_to_metric_families(text)
            for found in family.samples
            if found.name == f"llm_router_{sample}" and labels.items() <= found.labels.items()
        )

    def lines(self, stream: str, msg: str | None = None) -> list[dict[str, Any]]:
        """Parsed log lines."""
        documents = [json.loads(line) for line in (self.log_dir / f"{stream}.log").read_text().splitlines()]
        return [line for line in documents if msg is None or line["msg"] == msg]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts router processes on free ports; ends them afterwards."""
    started: list[Running] = []

    def start(*arguments: str, ports: bool = True) -> Running:
        free = ["--app-port", "0", "--metrics-port", "0", "--admin-port", "0", "--disk-capacity-bytes", "1000000000"]
        running = Running(tmp_path / "logs", *(free if ports else []), *arguments)
        started.append(running)
        return running

    yield start
    for running in started:
        running.close()


@pytest.fixture
def one(launch: Callable[..., Running]) -> Instance:
    """One instance at speed 60."""
    return Instance(launch("--speed", "60").fact())


@pytest.fixture
def served() -> type[Instance]:
    return Instance


@pytest.fixture
def until() -> Callable[..., None]:
    return eventually
