"""When which hop of the monitoring was cut on purpose, read from evidence: what it explains is nobody's misconduct."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.records import FaultAction
from harness.evidence.store import Evidence

__all__ = ["CutStretch", "cut_stretches"]

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


def cut_stretches(evidence: Evidence, cell: str) -> Iterator[CutStretch]:
    """Every stretch in which the story had a hop cut, in order of their ends; those that last come last."""
    since: dict[str, FaultAction] = {}
    for action in evidence.of(FaultAction, cell):
        if action.kind == "cut" and action.action == "inject":
            since.setdefault(action.fault, action)
        elif action.kind == "cut" and action.action == "healed" and action.fault in since:
            yield _stretch(since.pop(action.fault), action.t)
    yield from (_stretch(begun, math.inf) for begun in since.values())


def _stretch(begun: FaultAction, ended_t: float) -> CutStretch:
    return CutStretch(begun.fault.removeprefix(_PREFIX), begun.detail, begun.t, ended_t)
