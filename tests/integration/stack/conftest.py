"""A run of its own for every test, and what several tests ask of processes."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.run.stack import link, procfs
from harness.run.stack.supervisor import Supervisor
from harness.run.stack.surface import ProcessEvent, ProcessSpec

Events = queue.SimpleQueue[ProcessEvent]


@pytest.fixture(autouse=True)
def _measured_warden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under coverage the warden must load site-packages, where its measuring begins."""
    if "COVERAGE_PROCESS_CONFIG" in os.environ or "COVERAGE_PROCESS_START" in os.environ:
        monkeypatch.setattr(link, "INTERPRETER_OPTIONS", ("-I",))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def events() -> Events:
    return queue.SimpleQueue()


@pytest.fixture
def supervisor(run_dir: Path, state: Path, events: Events) -> Iterator[Supervisor]:
    with Supervisor(run_dir, events.put, state=state) as running:
        yield running
    assert not run_dir.exists()
    assert [path.name for path in state.iterdir()] == ["lock"]


@pytest.fixture
def python_spec(run_dir: Path) -> Callable[..., ProcessSpec]:
    """A component that is a few lines of Python, its log in the run folder."""

    def spec(id: str, program: str, **changes: Any) -> ProcessSpec:
        settings = {"cwd": run_dir, "stdout": run_dir / f"{id}.log", **changes}
        return ProcessSpec(id, (sys.executable, "-I", "-S", "-c", program), **settings)

    return spec


class Campaign:
    """A campaign in a process of its own, which reports its pids in one line and then waits."""

    def __init__(self, program: str, run_dir: Path, state: Path) -> None:
        prelude = "import sys, json, os, signal, threading\nfrom pathlib import Path\n"
        prelude += "from harness.run.stack.supervisor import Supervisor\n"
        prelude += "from harness.run.stack.surface import ProcessSpec\n"
        prelude += "run_dir, state = Path(sys.argv[1]), Path(sys.argv[2])\n"
        self.process = subprocess.Popen(
            [sys.executable, "-c", prelude + program, str(run_dir), str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self.process.stdout is not None
        self.said: dict[str, int] = json.loads(self.process.stdout.readline())

    @property
    def pids(self) -> list[int]:
        return list(self.said.values())

    def close(self) -> None:
        self.process.kill()
        with self.process:
            self.process.wait()


@pytest.fixture
def campaign(run_dir: Path, state: Path) -> Iterator[Callable[[str], Campaign]]:
    made: list[Campaign] = []

    def make(program: str, folder: Path = run_dir) -> Campaign:
        made.append(Campaign(program, folder, state))
        return made[-1]

    yield make
    for one in made:
        one.close()


def lives(pid: int) -> bool:
    return procfs.start_ticks(pid) is not None


@pytest.fixture
def living() -> Callable[..., list[int]]:
    """Those of the pids that are alive."""
    return lambda pids: [pid for pid in pids if lives(pid)]
