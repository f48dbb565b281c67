"""A wait for a processor counts as far as others had it; the kernel's own numbers of a process that lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from harness.run.observe import processors
from harness.run.observe.processors import ProcessorSource, kept_waiting_s
from harness.run.observe.targets import ProcessTarget
from harness.run.stack.procfs import ThreadTimes, thread_times


def times(*threads: tuple[float, float]) -> dict[int, ThreadTimes]:
    """Times of threads 1, 2, … in seconds: had, and waited for."""
    return {i: ThreadTimes(int(ran * 1e9), int(waited * 1e9)) for i, (ran, waited) in enumerate(threads, 1)}


@pytest.mark.parametrize(
    ("after", "processors", "waited_s"),
    [
        (times((0.1, 0.9)), 2, 0.9),
        (times((0.1, 0.9), (0.1, 0.2)), 1, 0.8),
        (times((0.5, 0.5), (0.5, 0.5)), 1, 0.0),
        (times(*[(0.25, 0.75)] * 8), 2, 0.0),
        (times((0.5, 0.0)), 2, 0.0),
        ({}, 2, 0.0),
    ],
    ids=["alone", "beside one of its own", "its own doing", "all its own doing", "never waited", "gone"],
)
def test_waits_that_others_caused(after: dict[int, ThreadTimes], processors: int, waited_s: float) -> None:
    before = times(*[(0.0, 0.0)] * 8)
    assert kept_waiting_s(before, after, processors) == pytest.approx(waited_s)


def test_what_a_thread_waited_before_the_first_read_is_nobodys_business() -> None:
    assert kept_waiting_s({}, times((1.0, 9.0)), 1) == 0.0


def test_each_longer_wait_is_told_and_the_longest_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = iter([5.0, 5.2, 5.3, 5.9, 5.9])
    monkeypatch.setattr(processors, "thread_times", lambda pid: times((0.0, next(waited))))
    source = ProcessorSource("cell", ProcessTarget("tiny-0", os.getpid), lambda: 7.0)
    told = [[r.value for r in source.read(7.0, "poll")] for _ in range(4)] + [
        [(r.component, r.name, r.value) for r in source.read(7.0, "finish")]
    ]
    assert told == [[], [0.2], [], [0.6], [("tiny-0", "processor_wait_s", 0.6)]]


def test_a_process_that_is_not_there_tells_nothing() -> None:
    assert ProcessorSource("cell", ProcessTarget("tiny-0", lambda: None), lambda: 7.0).read(7.0, "finish") == []
    assert thread_times(2**22 + 1) == {}


def test_the_kernel_counts_every_thread_and_every_child() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        found = thread_times(os.getpid())
        assert {threading.get_native_id(), child.pid} <= set(found)
        assert found[threading.get_native_id()].ran_ns > 0
        child.communicate()
