"""Waiting ends for one of four reasons, and says which."""

from __future__ import annotations

import threading
import time

import pytest

from harness.run.stack.surface import AlreadyRunning
from harness.run.stack.wait import CancelledError, ComponentDiedError, NotYet, WaitTimeoutError, eventually


def test_the_value_of_the_probe_is_returned() -> None:
    values = iter([None, 0, "", "ready"])
    assert eventually(lambda: next(values), what="readiness", within_s=5, every_s=0.001) == "ready"


def test_a_condition_that_holds_needs_no_time() -> None:
    assert eventually(lambda: 1, what="one", within_s=0) == 1


def test_the_bound_is_kept_and_the_last_answer_is_told() -> None:
    def probe() -> None:
        raise NotYet("2 of 3 targets are up")

    began = time.monotonic()
    with pytest.raises(WaitTimeoutError, match=r"all targets up: not within 0\.05 s; last seen: 2 of 3 targets are up"):
        eventually(probe, what="all targets up", within_s=0.05, every_s=0.01)
    assert 0.05 <= time.monotonic() - began < 1


def test_a_false_value_is_told_and_long_ones_are_cut() -> None:
    with pytest.raises(WaitTimeoutError) as caught:
        eventually(lambda: None, what="x", within_s=0)
    assert str(caught.value).endswith("last seen: None")
    with pytest.raises(WaitTimeoutError) as caught:
        eventually(lambda: (_ for _ in ()).throw(NotYet("y" * 999)), what="x", within_s=0)
    assert str(caught.value).endswith("y" * 300 + "…")


def test_one_call_begins_at_the_bound() -> None:
    began = time.monotonic()
    assert eventually(lambda: time.monotonic() - began >= 0.1, what="x", within_s=0.1, every_s=0.04)


def test_refused_connections_are_asked_again_and_other_errors_pass() -> None:
    answers = iter([ConnectionRefusedError("nobody there"), TimeoutError("slow")])

    def probe() -> bool:
        for error in answers:
            raise error
        return True

    assert eventually(probe, what="x", within_s=5, every_s=0.001)
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 // 0, what="x", within_s=5)
    with pytest.raises(WaitTimeoutError, match="last seen: ZeroDivisionError: "):
        eventually(lambda: 1 // 0, what="x", within_s=0, retry_on=(ArithmeticError,))


def test_a_dead_component_ends_the_wait_at_once() -> None:
    lives = iter([True, True, False])
    one = AlreadyRunning("staging", lambda: next(lives))
    with pytest.raises(ComponentDiedError, match=r"staging does not answer(.|\n)*while waiting for: x") as caught:
        eventually(lambda: None, what="x", within_s=60, every_s=0.001, alive=[one])
    assert caught.value.process is one


def test_a_condition_that_holds_wins_over_a_death() -> None:
    dead = AlreadyRunning("staging", lambda: False)
    assert eventually(lambda: "done", what="x", within_s=1, alive=[dead]) == "done"


def test_cancelling_interrupts_a_pause() -> None:
    cancel = threading.Event()
    threading.Timer(0.02, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledError, match="cancelled while waiting for x"):
        eventually(lambda: None, what="x", within_s=60, every_s=30, cancel=cancel)
    assert time.monotonic() - began < 5
