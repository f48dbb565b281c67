"""The warden as a program: what it does with pipes and orders that no well-behaved campaign would give it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.run.stack import link
from harness.run.stack.registry import Run
from harness.run.stack.wait import eventually


class Alone:
    """A warden whose pipes the test holds."""

    def __init__(self, run: Run, grace_s: float = 0.2) -> None:
        settings = {"run_id": run.id, "folder": str(run.folder), "record": str(run.record), "grace_s": grace_s}
        self.process = subprocess.Popen(
            link.warden_argv({**settings, "record_fd": run.lock_fd}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(run.lock_fd,),
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.orders, self.events = self.process.stdin, self.process.stdout

    def tell(self, text: bytes) -> None:
        self.orders.write(text)
        self.orders.flush()

    def hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(self.events.readline())
        return heard


@pytest.fixture
def run(run_dir: Path, state: Path) -> Iterator[Run]:
    one = Run.open(run_dir, state)
    yield one
    assert not one.record.exists()
    assert not run_dir.exists()
    one.close()


@pytest.fixture
def alone(run: Run) -> Iterator[Alone]:
    one = Alone(run)
    with one.process:
        yield one
    assert one.process.wait(5) == 0


def start_order(run_dir: Path, n: int = 1, program: str = "import signal; signal.pause()") -> bytes:
    order = {
        "do": "start",
        "n": n,
        "id": f"p{n}",
        "argv": [sys.executable, "-I", "-S", "-c", program],
        "cwd": "/",
        "env": {},
        "stdin": os.devnull,
        "stdout": str(run_dir / "log"),
        "stderr": str(run_dir / "log"),
        "niceness": 0,
        "stop_signal": 15,
    }
    return json.dumps(order).encode() + b"\n"


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (b"not json", "JSONDecodeError"),
        (b"[7]", "TypeError"),
        (b'{"n": 7}', "KeyError: 'do'"),
        (b'{"n": 7, "do": "dance"}', "KeyError: 'dance'"),
        (b'{"n": 7, "do": "start", "id": "x"}', "KeyError: 'env'"),
        (b'{"n": 7, "do": "stop", "id": "nobody"}', "KeyError: 'nobody'"),
        (b'{"n": 7, "do": "watch", "id": "x", "pid": "y"}', "TypeError"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_and_the_next_is_obeyed(
    alone: Alone, run_dir: Path, order: bytes, error: str
) -> None:
    alone.tell(order + b"\n" + start_order(run_dir))
    refused, started = alone.hear(), alone.hear()
    assert refused["event"] == "refused"
    assert refused["error"].startswith(error)
    assert (started["event"], started["n"]) == ("started", 1)


def test_an_order_may_come_in_pieces(alone: Alone, run_dir: Path) -> None:
    order = start_order(run_dir)
    alone.tell(order[:20])
    alone.tell(order[20:])
    assert alone.hear()["event"] == "started"


def test_a_broken_event_pipe_ends_the_run(alone: Alone, run_dir: Path, living: Callable[..., list[int]]) -> None:
    alone.tell(start_order(run_dir))
    pid = alone.hear()["pid"]
    alone.events.close()
    assert alone.process.wait(3) == 0
    assert living([pid]) == []


def test_a_campaign_that_does_not_read_blocks_neither_the_components_nor_the_end(
    alone: Alone, run_dir: Path, living: Callable[..., list[int]]
) -> None:
    alone.tell(start_order(run_dir))
    pid = alone.hear()["pid"]
    order = {"do": "signal", "n": 9, "id": "p1", "signal": 0, "group": True, "ending": False}
    alone.tell((json.dumps(order).encode() + b"\n") * 1500)  # answers of 100 kB into a pipe of 64
    alone.orders.close()
    assert alone.process.wait(5) == 0
    assert living([pid]) == []


def test_what_was_not_read_in_time_arrives_once_it_is(alone: Alone, run_dir: Path) -> None:
    alone.tell(start_order(run_dir))
    order = {"do": "signal", "id": "p1", "signal": 0, "group": True, "ending": False}
    for n in range(2000):
        alone.tell(json.dumps({**order, "n": n}).encode() + b"\n")
    log = run_dir / "two"
    alone.tell(start_order(run_dir, 2001, f"open({str(log)!r}, 'w').close()"))
    eventually(log.exists, what="the last order obeyed", within_s=10)
    assert alone.hear()["event"] == "started"
    assert [alone.hear()["n"] for _ in range(2000)] == list(range(2000))


def test_a_run_folder_that_lost_its_mark_is_left_alone(run_dir: Path, state: Path) -> None:
    run = Run.open(run_dir, state)
    alone = Alone(run)
    (run_dir / ".harness-run").write_text("somebody else")
    alone.orders.close()
    with alone.process:
        assert "does not carry the mark of this run" in json.loads(alone.events.readline())["problem"]
    assert run_dir.exists()
    (run_dir / ".harness-run").write_text(run.id)
    assert run.discard() == ""
