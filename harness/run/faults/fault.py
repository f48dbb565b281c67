"""The one interface of faults, and their control: injected, confirmed within a bound, healed, each step a record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from harness.core.errors import HarnessError
from harness.evidence.records import FaultAction
from harness.run.stack.wait import NotYet

__all__ = ["Fault", "FaultControl", "Stage"]

Clock = Callable[[], float]
Stage = Literal["ready", "injected", "confirmed", "healing", "healed", "failed"]
_Action = Literal["inject", "confirm", "heal", "healed", "failed"]


class Fault(Protocol):
    """Something that can be broken and mended. Every method answers in bounded time."""

    @property
    def name(self) -> str:
        """As the scenario names it."""

    @property
    def within_s(self) -> float:
        """Wall seconds within which injecting and healing must be confirmed."""

    def inject(self) -> str:
        """Break it; returns what was done. Raises ``HarnessError`` or ``OSError`` where that failed."""

    def confirm(self) -> str:
        """What was seen of its effect. Raises ``NotYet`` while nothing was; any other error is told as such too."""

    def heal(self) -> str:
        """Mend it; returns what was done."""

    def confirm_healed(self) -> str:
        """What was seen of its end; raises ``NotYet`` while nothing was."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A confirmation that is waited for."""

    confirm: Callable[[], str]
    action: _Action
    stage: Stage
    deadline: float


class FaultControl:
    """One fault in one phase of a cell. ``poll`` asks for what is not confirmed yet and never waits."""

    def __init__(
        self,
        cell: str,
        phase: str,
        fault: Fault,
        sink: Callable[[FaultAction], None],
        *,
        clock: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self.stage: Stage = "ready"
        self._cell, self._phase, self._fault, self._sink = cell, phase, fault, sink
        self._clock, self._monotonic = clock, monotonic
        self._step: _Step | None = None

    @property
    def name(self) -> str:
        """Name of the fault."""
        return self._fault.name

    @property
    def settled(self) -> bool:
        """Whether nothing is waited for."""
        return self._step is None

    def inject(self) -> None:
        """Break it; ``poll`` then confirms."""
        self._do(self._fault.inject, "inject", "injected")
        if self.stage != "failed":
            self._expect(self._fault.confirm, "confirm", "confirmed")

    def heal(self) -> None:
        """Mend it, whether or not it was confirmed; ``poll`` then confirms the end. A second call changes nothing."""
        if self.stage in {"ready", "healing", "healed"}:
            return
        step, self._step = self._step, None
        if step:
            self._fail(f"{step.action} was not seen before it was healed")
        if self._do(self._fault.heal, "heal", "healing"):
            self._expect(self._fault.confirm_healed, "healed", "healed")

    def give_way(self) -> None:
        """Another value of the same fault takes its place: for this one the fault is over, and nothing is mended."""
        if self._step:
            self._step = None
            self._fail("confirm was not seen before another value took its place")
        self.stage = "healed"
        self._write("healed", "another value took its place")

    def poll(self) -> None:
        """Look once for what is waited for; past the bound it has failed."""
        step = self._step
        if step is None:
            return
        try:
            seen = step.confirm()
        except (NotYet, HarnessError, OSError) as missing:
            if self._monotonic() >= step.deadline:
                self._step = None
                self._fail(f"{step.action} not seen within {self._fault.within_s:g} s wall: {missing}")
            return
        self._step, self.stage = None, step.stage
        self._write(step.action, seen)

    def _do(self, act: Callable[[], str], action: _Action, stage: Stage) -> bool:
        began = self._clock()  # it takes effect before the call returns
        try:
            detail = act()
        except (HarnessError, OSError) as problem:
            self._fail(f"{action}: {problem}")
            return False
        self.stage = stage
        self._write(action, detail, began)
        return True

    def _expect(self, confirm: Callable[[], str], action: _Action, stage: Stage) -> None:
        self._step = _Step(confirm, action, stage, self._monotonic() + self._fault.within_s)
        self.poll()

    def _fail(self, why: str) -> None:
        self.stage = "failed"
        self._write("failed", why)

    def _write(self, action: _Action, detail: str, t: float | None = None) -> None:
        at = self._clock() if t is None else t
        self._sink(FaultAction(self._cell, at, self._phase, self._fault.name, action, detail))
