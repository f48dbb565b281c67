"""Instances that a subject's own launcher forks: started, signalled, restarted and ended like any other."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.run.stack.launcher import Launcher
from harness.run.stack.supervisor import Supervisor
from harness.run.stack.surface import ProcessSpec, StartFailedError
from harness.run.stack.wait import eventually

Spec = Callable[..., ProcessSpec]
FORKS = """
import json, os, signal, sys, time
for line in sys.stdin:
    order = json.loads(line)
    print("about to fork", flush=True)
    if order["arguments"] == ["silent"]:
        continue
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    between = os.getpid()
    if os.fork():
        os._exit(0)
    os.setsid()
    while os.getppid() == between:
        time.sleep(0.001)
    out = os.open(order["stdout"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    print(json.dumps({"instance": order["instance"], "pid": os.getpid()}), flush=True)
    os.dup2(out, 1)
    print(*order["arguments"], order["environment"].get("WORD"), flush=True)
    if order["arguments"] == ["brief"]:
        os._exit(3)
    signal.pause()
"""


@pytest.fixture
def launcher(supervisor: Supervisor, python_spec: Spec, run_dir: Path) -> Iterator[Launcher]:
    made = Launcher(run_dir)
    spec = replace(python_spec("launcher", FORKS), stdin=made.stdin, stdout=made.stdout, stderr=run_dir / "errors")
    made.process = supervisor.start(spec)
    yield made
    made.close()


def _spec(launcher: Launcher, run_dir: Path, id: str, *arguments: str) -> ProcessSpec:
    return ProcessSpec(id, arguments, run_dir, run_dir / f"{id}.log", env={"WORD": "given"}, fork=launcher.fork)


def test_a_forked_instance_lives_is_restarted_and_stopped(
    supervisor: Supervisor, launcher: Launcher, run_dir: Path
) -> None:
    process = supervisor.start(_spec(launcher, run_dir, "one", "hello"))
    first = process.pid
    eventually(lambda: process.tail(1) == "hello given", what="its first line", within_s=5.0)
    process.restart()
    assert (process.alive, process.pid != first) == (True, True)
    process.stop(grace_s=5.0)
    assert (process.alive, process.exit_code) == (False, -signal.SIGTERM)


def test_its_exit_code_is_known_and_what_it_cost(supervisor: Supervisor, launcher: Launcher, run_dir: Path) -> None:
    process = supervisor.start(_spec(launcher, run_dir, "two", "hello"))
    process.kill()
    assert process.exit_code == -signal.SIGKILL
    assert "two" in supervisor.cpu_s
    assert launcher.process is not None
    assert launcher.process.alive


def test_one_that_ends_at_once_is_told(supervisor: Supervisor, launcher: Launcher, run_dir: Path) -> None:
    try:
        process = supervisor.start(_spec(launcher, run_dir, "brief", "brief"))
    except StartFailedError:
        return  # it was gone before anybody could watch it
    assert process.wait(5.0)
    assert process.exit_code == 3


def test_a_launcher_that_ends_without_an_answer_is_told(
    supervisor: Supervisor, launcher: Launcher, run_dir: Path
) -> None:
    assert launcher.process is not None
    launcher.process.kill()
    with pytest.raises(
        StartFailedError, match=r"three could not be started: launcher \(pid \d+\) was ended by SIGKILL"
    ):
        supervisor.start(_spec(launcher, run_dir, "three", "silent"))
