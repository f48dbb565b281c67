"""One read at a time, patience with what fails, none with what refuses."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from harness.run.clients.http import HttpFault
from harness.run.observe.slot import Slot


class Inline(Executor):
    """Does the work at once, in the thread that asks."""

    def submit(self, act: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        task: Future[Any] = Future()
        try:
            task.set_result(act(*args, **kwargs))
        except Exception as error:
            task.set_exception(error)
        return task


class Scripted:
    """A source whose answers are listed."""

    cells, needs, components = ("c",), (), frozenset[str]()

    def __init__(self, *answers: Any, every_s: float = 1.0) -> None:
        self.answers, self.every_s = list(answers), every_s
        self.asked: list[tuple[float, str]] = []

    def read(self, now: float, moment: Any) -> Any:
        self.asked.append((now, moment))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(slot: Slot, times: list[float]) -> list[Any]:
    found: list[Any] = []
    for t in times:
        found += slot.turn(1000 + t, t, Inline())
    return found


def test_a_source_is_read_at_its_interval_and_does_not_drift() -> None:
    source = Scripted(["r"], every_s=1.0)
    assert run(Slot(source), [10.0, 10.5, 10.99, 11.05, 11.9, 12.01, 12.5]) == ["r", "r", "r"]
    assert [now for now, _ in source.asked] == [1010.0, 1011.05, 1012.01]


def test_reads_that_were_missed_are_not_made_up_for() -> None:
    source = Scripted([], every_s=0.1)
    run(Slot(source), [10.0, 15.0, 15.01, 15.02])
    assert len(source.asked) == 2


def test_a_failure_is_told_and_tried_again_after_a_pause_that_grows() -> None:
    source = Scripted(OSError("gone"), OSError("gone"), ["r"], every_s=0.01)
    slot = Slot(source)
    run(slot, [10.0, 10.01])
    assert (slot.last_fault, slot.faults) == ("gone", 1)
    run(slot, [10.05])
    assert len(source.asked) == 1, "it was asked again at once"
    assert run(slot, [10.2, 10.21, 10.22, 10.5, 10.51]) == ["r"]
    assert (slot.last_fault, slot.faults) == ("", 2)


def test_what_took_long_to_fail_is_left_alone_four_times_as_long() -> None:
    source = Scripted(OSError("slow"), every_s=0.01)
    slot = Slot(source)
    slot.turn(0, 10.0, Inline())
    slot.turn(0, 10.4, Inline())  # the failure is found 0.4 s after the read began
    run(slot, [11.9])
    assert len(source.asked) == 1
    run(slot, [12.2])
    assert len(source.asked) == 2


@pytest.mark.parametrize(("status", "lost"), [(400, True), (401, True), (403, True), (422, False), (503, False)])
def test_a_refusal_is_final_and_a_trouble_is_not(status: int, lost: bool) -> None:
    slot = Slot(Scripted(HttpFault("GET", "u", status=status)))
    run(slot, [1.0, 1.1, 9.0, 9.1])
    assert bool(slot.lost) is lost
    assert len(slot.source.asked) == (1 if lost else 2)  # type: ignore[attr-defined]


def test_an_answer_of_a_strange_shape_is_told_as_one() -> None:
    slot = Slot(Scripted(KeyError("data")))
    run(slot, [1.0, 1.1])
    assert slot.last_fault == "unreadable answer: KeyError('data')"


def test_a_read_at_marks_waits_for_its_mark() -> None:
    source = Scripted(["r"], every_s=math.inf)
    slot = Slot(source)
    assert run(slot, [1.0, 1.1, 500.0]) == ["r"]
    slot.trigger()
    assert run(slot, [501.0, 501.1]) == ["r"]


def test_what_is_lost_is_read_no_more() -> None:
    source = Scripted(["r"])
    slot = Slot(source)
    slot.lost = "killed"
    slot.begin(0, "finish", 0, Inline())
    assert run(slot, [1.0, 2.0]) == []
    assert slot.collect(0) == ()
    assert source.asked == []


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_read_under_way_is_neither_waited_for_nor_doubled(workers: ThreadPoolExecutor) -> None:
    gate = threading.Event()

    class Slow(Scripted):
        def read(self, now: float, moment: Any) -> Any:
            assert gate.wait(5)
            return super().read(now, moment)

    source = Slow(["r"], every_s=0.0)
    slot = Slot(source)
    for t in (1.0, 2.0, 3.0):
        assert slot.turn(t, t, workers) == ()
    gate.set()
    assert slot.collect(4.0) == ["r"]
    assert len(source.asked) == 1
