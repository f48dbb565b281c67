"""Injected, confirmed within the bound, healed: each step is a record, and what is not seen is told as failed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from harness.evidence.records import FaultAction
from harness.run.clients.http import HttpFault
from harness.run.faults.fault import FaultControl
from harness.run.stack.wait import NotYet


@dataclass
class Scripted:
    """A fault whose confirmations come at the tick that the test says; None: never."""

    name: str = "errors"
    within_s: float = 5.0
    confirmed_at: int | None = 0
    healed_at: int | None = 0
    broken: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def inject(self) -> str:
        if self.broken:
            raise self.broken
        self.asked.append("inject")
        return "did"

    def confirm(self) -> str:
        return self._at(self.confirmed_at, "confirm", "seen")

    def heal(self) -> str:
        if self.broken:
            raise self.broken
        self.asked.append("heal")
        return "undid"

    def confirm_healed(self) -> str:
        return self._at(self.healed_at, "confirm_healed", "gone")

    def _at(self, tick: int | None, name: str, seen: str) -> str:
        self.asked.append(name)
        if tick is None or self.asked.count(name) <= tick:
            raise NotYet("still 0")
        return seen


class Stage:
    def __init__(self, fault: Scripted) -> None:
        self.records: list[FaultAction] = []
        self.now = 0.0
        self.control = FaultControl(
            "c", "p", fault, self.records.append, clock=lambda: 1000 + self.now, monotonic=lambda: self.now
        )

    def told(self) -> list[tuple[str, str]]:
        return [(record.action, record.detail) for record in self.records]


def test_a_fault_that_shows_at_once() -> None:
    stage = Stage(Scripted())
    stage.control.inject()
    assert (stage.control.stage, stage.control.settled) == ("confirmed", True)
    stage.control.heal()
    assert stage.control.stage == "healed"
    assert stage.told() == [("inject", "did"), ("confirm", "seen"), ("heal", "undid"), ("healed", "gone")]
    record = stage.records[0]
    assert (record.cell, record.phase, record.fault, record.t) == ("c", "p", "errors", 1000.0)


def test_a_fault_that_shows_later_is_asked_once_a_poll() -> None:
    fault = Scripted(confirmed_at=2)
    stage = Stage(fault)
    stage.control.inject()
    assert (stage.control.stage, stage.control.settled) == ("injected", False)
    stage.control.poll()
    stage.now = 0.3
    stage.control.poll()
    stage.control.poll()
    assert stage.told()[-1] == ("confirm", "seen")
    assert stage.records[-1].t == 1000.3
    assert fault.asked.count("confirm") == 3


def test_a_fault_that_never_shows_has_failed_at_its_bound_and_can_still_be_healed() -> None:
    stage = Stage(Scripted(confirmed_at=None))
    stage.control.inject()
    stage.now = 4.9
    stage.control.poll()
    assert stage.control.stage == "injected"
    stage.now = 5.0
    stage.control.poll()
    assert stage.told()[-1] == ("failed", "confirm not seen within 5 s wall: still 0")
    stage.control.heal()
    assert stage.told()[-2:] == [("heal", "undid"), ("healed", "gone")]


def test_healing_before_it_was_seen_is_told() -> None:
    stage = Stage(Scripted(confirmed_at=None))
    stage.control.inject()
    stage.control.heal()
    assert [action for action, _ in stage.told()] == ["inject", "failed", "heal", "healed"]


def test_healing_that_never_shows_has_failed() -> None:
    stage = Stage(Scripted(healed_at=None))
    stage.control.inject()
    stage.control.heal()
    stage.now = 6
    stage.control.poll()
    assert stage.told()[-1] == ("failed", "healed not seen within 5 s wall: still 0")


@pytest.mark.parametrize("problem", [OSError("gone"), HttpFault("POST", "http://x", status=500)])
def test_a_fault_that_cannot_be_done_is_told_and_raises_nothing(problem: Exception) -> None:
    stage = Stage(Scripted(broken=problem))
    stage.control.inject()
    assert stage.told() == [("failed", f"inject: {problem}")]
    assert stage.control.settled
    stage.control.heal()
    assert stage.told()[-1] == ("failed", f"heal: {problem}")


def test_what_was_not_injected_is_not_healed_and_healing_twice_is_healing_once() -> None:
    fault = Scripted()
    stage = Stage(fault)
    stage.control.heal()
    assert stage.told() == []
    stage.control.inject()
    stage.control.heal()
    stage.control.heal()
    assert fault.asked.count("heal") == 1


def test_a_fault_that_gives_way_is_over_and_nothing_is_mended() -> None:
    """Another value of it holds now: mending would let the subject breathe in between."""
    fault = Scripted()
    stage = Stage(fault)
    stage.control.inject()
    stage.control.give_way()
    assert stage.told()[-1] == ("healed", "another value took its place")
    assert "heal" not in fault.asked
    assert stage.control.settled


def test_a_fault_that_gives_way_unconfirmed_has_failed_first() -> None:
    """What was never seen proves nothing, whatever follows it."""
    stage = Stage(Scripted(confirmed_at=None))
    stage.control.inject()
    stage.control.give_way()
    assert [action for action, _ in stage.told()] == ["inject", "failed", "healed"]


def test_a_fault_holds_from_the_instant_at_which_it_is_asked_for() -> None:
    """What breaks before the call returns broke because of it."""
    fault = Scripted()
    stage = Stage(fault)

    def slowly() -> str:
        stage.now += 2.0
        return "did"

    fault.inject = slowly  # type: ignore[method-assign]
    stage.control.inject()
    assert [(record.action, record.t) for record in stage.records] == [("inject", 1000.0), ("confirm", 1002.0)]
