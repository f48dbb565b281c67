"""What is said about processes, and what is refused for those that are not ours."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.run.stack.surface import AlreadyRunning, Exited, NotOursError, Process, tail_of


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with code 0"),
        (2, "exited with code 2"),
        (-9, "was ended by SIGKILL"),
        (-34, "was ended by SIGRTMIN"),
        (-63, "was ended by signal 63"),
        (None, "ended"),
    ],
)
def test_a_death_in_words(code: int | None, words: str) -> None:
    assert str(Exited("am", 7, 0.0, code, False)) == f"am (pid 7) {words}"


@pytest.mark.parametrize("lines", [0, 1, 2, 99])
def test_the_tail_of_a_log(tmp_path: Path, lines: int) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"one\ntwo \xff\nthree\n")
    expected = ["one", "two �", "three"]
    assert tail_of(log, lines) == "\n".join(expected[-lines:] if lines else [])


def test_the_tail_of_a_large_log_reads_only_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("line\n" * 100_000 + "last\n")
    assert tail_of(log, 2) == "line\nlast"
    assert len(tail_of(log, 10**6)) < 70_000


def test_a_missing_log_has_no_tail(tmp_path: Path) -> None:
    assert tail_of(tmp_path / "absent", 3) == ""


def test_what_ran_before_us_is_looked_at_and_never_touched() -> None:
    process: Process = AlreadyRunning("staging", lambda: True)
    assert (process.id, process.pid, process.alive, process.exit_code) == ("staging", None, True, None)
    assert process.tail(5) == ""
    orders: list[Callable[[], object]] = [
        process.wait,
        process.stop,
        process.kill,
        process.restart,
        lambda: process.signal(signal.SIGSTOP),
    ]
    for order in orders:
        with pytest.raises(NotOursError, match="staging was not started by this run and cannot be"):
            order()
