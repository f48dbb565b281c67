"""How long the subject waited for a processor that others had: a starved service keeps none of its promises of time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from harness.clauses.model import Need
from harness.evidence.records import Reading, Record
from harness.run.observe.source import Clock, Moment
from harness.run.observe.targets import ProcessTarget
from harness.run.stack.procfs import ThreadTimes, thread_times

__all__ = ["ProcessorSource", "kept_waiting_s"]

_EVERY_S: Final = 2.0
_NS: Final = 1e9


class ProcessorSource:
    """The longest wait of a thread of one instance between two reads; written whenever it is a new longest."""

    needs: tuple[Need, ...] = ()
    every_s = _EVERY_S

    def __init__(self, cell: str, target: ProcessTarget, clock: Clock) -> None:
        self.cells, self.components = (cell,), frozenset({target.instance})
        self._target, self._clock = target, clock
        self._before: Mapping[int, ThreadTimes] = {}
        self._longest_s = 0.0

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """A reading if it is worse than those before, and at the end."""
        pid = self._target.pid()
        if pid is None:
            return []
        times = thread_times(pid)
        waited_s = kept_waiting_s(self._before, times, _processors(pid))
        self._before = times
        if waited_s <= self._longest_s and moment != "finish":
            return []
        self._longest_s = max(self._longest_s, waited_s)
        value = round(self._longest_s, 3)
        return [Reading(self.cells[0], self._clock(), self._target.instance, "processor_wait_s", value)]


def kept_waiting_s(before: Mapping[int, ThreadTimes], after: Mapping[int, ThreadTimes], processors: int) -> float:
    """Wall seconds that the worst-off thread waited, without what threads of its own instance ran meanwhile.

    A service that fills every processor itself is slow by its own doing: its threads wait for each other.
    """
    grown = {
        thread: (times.ran_ns - before[thread].ran_ns, times.waited_ns - before[thread].waited_ns)
        for thread, times in after.items()
        if thread in before
    }
    ran_ns = sum(ran for ran, _ in grown.values())
    by_others = (waited - (ran_ns - ran) / processors for ran, waited in grown.values())
    return max(0.0, *by_others, 0.0) / _NS


def _processors(pid: int) -> int:
    """How many processors it may use."""
    try:
        return len(os.sched_getaffinity(pid))
    except (OSError, AttributeError):
        return os.cpu_count() or 1
