"""``speed: auto``: how fast this machine can play now, from how late it wakes and how much of its cores is free.

The tightest bound of a run is the gap between two scrapes or evaluations: above ``GAP_LIMIT`` intervals a cell is
unfit. What a machine oversleeps while it does nothing, it oversleeps between two scrapes as well, and more once it is
busy: the speed is chosen so that several such stalls fit into what an interval may be late.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from harness.clauses.fitness import GAP_LIMIT
from harness.clauses.production import Production

__all__ = ["Pace", "choose_pace", "measure", "shortest_interval_s"]

_LENGTH_S: Final = 0.4
_WAIT_S: Final = 0.002
_STALLS: Final = 8.0
"""So many of the worst stalls that were measured must fit: the measurement is short, and the machine not busy yet."""
_SPEEDS: Final = (60.0, 50.0, 40.0, 30.0, 20.0, 15.0, 10.0, 5.0, 2.0, 1.0)
"""What is chosen from. Faster than the first saves no time: wall terms of bounds then outweigh what they delay."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The chosen speed, what it was chosen by, and the cores that are free for stories."""

    speed: float
    stall_s: float
    free_cores: float

    def __str__(self) -> str:
        stall = f"the machine woke up to {self.stall_s * 1000:.0f} ms late"
        return f"speed auto: {self.speed:g} ({stall}, {self.free_cores:.1f} cores were free)"


def measure(cores: int, length_s: float = _LENGTH_S) -> tuple[float, float]:
    """The worst stall (wall seconds) and the free cores, from a short trial on every core."""
    pause, stall_s = threading.Event(), 0.0
    ends = time.monotonic() + length_s
    while (began := time.monotonic()) < ends:
        pause.wait(_WAIT_S)
        stall_s = max(stall_s, time.monotonic() - began - _WAIT_S)
    return stall_s, cores * _share(length_s / 4)


def _share(length_s: float) -> float:
    """The share of a core that somebody who wants it whole gets now."""
    began, spent = time.monotonic(), time.thread_time()
    while time.monotonic() - began < length_s:
        pass
    return min(1.0, (time.thread_time() - spent) / (time.monotonic() - began))


def shortest_interval_s(production: Production) -> float:
    """The shortest scrape or evaluation interval of production, in production seconds."""
    jobs = (job.interval_s for job in production.prometheus.jobs) if production.prometheus else ()
    groups = (group.interval_s for file in production.rules for group in file.groups if group.interval_s)
    found: list[float] = [production.evaluation_s, production.scrape_s, *jobs, *groups]
    return min(found)


def choose_pace(
    interval_s: float,
    cores: int,
    trial: Callable[[int], tuple[float, float]] = measure,
    speeds: Iterable[float] = _SPEEDS,
) -> Pace:
    """The highest speed at which ``_STALLS`` stalls fit into what ``interval_s`` may be late."""
    stall_s, free = trial(cores)
    late_s = (GAP_LIMIT - 1) * interval_s
    fitting = [speed for speed in speeds if late_s / speed >= _STALLS * stall_s]
    return Pace(max(fitting, default=1.0), stall_s, free)
