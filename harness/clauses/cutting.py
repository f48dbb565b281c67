"""When which fault lasted, and which hop was cut on purpose: what that explains is nobody's misconduct."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.evidence.records import FaultAction
from harness.evidence.store import Evidence

__all__ = ["CutStretch", "FaultStretch", "cut_stretches", "fault_stretches"]

_PREFIX = "cut "


@dataclass(frozen=True, slots=True)
class CutStretch:
    """``hop`` was cut in ``manner`` from the order to cut it to the sight of its return (infinite before that)."""

    hop: str
    manner: str
    begun_t: float
    ended_t: float

    def meets(self, start_t: float, end_t: float) -> bool:
        """Whether it overlaps a stretch of time."""
        return self.begun_t <= end_t and start_t <= self.ended_t


@dataclass(frozen=True, slots=True)
class FaultStretch:
    """A fault from its first ``injection`` to the sight of its healing (infinite before that), in epoch seconds."""

    injection: FaultAction
    ended_t: float

    @property
    def begun_t(self) -> float:
        """When it was injected."""
        return self.injection.t


def fault_stretches(
    evidence: Evidence, cell: str, counts: Callable[[FaultAction], bool] = lambda _: True
) -> Iterator[FaultStretch]:
    """Every stretch of the story in which a fault that ``counts`` lasted, in order of their ends; open ones come last.

    ``counts`` is asked about injections.
    """
    since: dict[str, FaultAction] = {}
    for action in evidence.of(FaultAction, cell):
        if action.action == "inject" and counts(action):
            since.setdefault(action.fault, action)
        elif action.action == "healed" and action.fault in since:
            yield FaultStretch(since.pop(action.fault), action.t)
    yield from (FaultStretch(begun, math.inf) for begun in since.values())


def cut_stretches(evidence: Evidence, cell: str) -> Iterator[CutStretch]:
    """Every stretch in which the story had a hop cut, in order of their ends; those that last come last."""
    for stretch in fault_stretches(evidence, cell, lambda action: action.kind == "cut"):
        begun = stretch.injection
        yield CutStretch(begun.fault.removeprefix(_PREFIX), begun.detail, begun.t, stretch.ended_t)
