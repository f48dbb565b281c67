"""Time that can run faster than the wall, and a stopwatch that knows which waits were compressed.

A router started with ``--speed K`` lives K production seconds per wall second. Only *waiting* is
compressed (planned generation time, queueing, intervals, lifetimes); work that a CPU really does takes
the time it takes and is reported as it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["Clock", "Stopwatch"]

T = TypeVar("T")


class Clock:
    """Production time since start; ``speed`` production seconds pass in one wall second."""

    __slots__ = ("_origin_s", "speed")

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._origin_s = time.monotonic()

    def now_s(self) -> float:
        """Production seconds since this clock was made."""
        return (time.monotonic() - self._origin_s) * self.speed

    def to_wall_s(self, production_s: float) -> float:
        """Wall seconds that ``production_s`` takes."""
        return production_s / self.speed

    async def sleep(self, production_s: float) -> None:
        """Wait for ``production_s`` production seconds."""
        await asyncio.sleep(production_s / self.speed)


class Stopwatch:
    """Production seconds spent on one request.

    ``elapsed_s`` is the real time of what was really done, plus the production time of every wait that
    went through ``pause`` or ``wait``. ``waited_s`` is the latter alone. On a compressed clock a completed
    ``pause`` counts as exactly what was planned: a late timer of 1 ms would otherwise read as 60 ms.
    """

    __slots__ = ("_clock", "_start_s", "_wall_waited_s", "waited_s")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start_s = time.perf_counter()
        self._wall_waited_s = 0.0
        self.waited_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Production seconds since the stopwatch was made."""
        return max(time.perf_counter() - self._start_s - self._wall_waited_s, 0.0) + self.waited_s

    async def pause(self, production_s: float) -> None:
        """Spend ``production_s``; when cancelled, only what had passed is counted."""
        if production_s <= 0:
            return
        begun_s = time.perf_counter()
        done = False
        try:
            await asyncio.sleep(production_s / self._clock.speed)
            done = True
        finally:
            wall_s = time.perf_counter() - begun_s
            exact = done and self._clock.speed != 1.0
            self._add(wall_s, production_s if exact else wall_s * self._clock.speed)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Await something of unknown length; its wall time counts as production time."""
        begun_s = time.perf_counter()
        try:
            return await awaitable
        finally:
            wall_s = time.perf_counter() - begun_s
            self._add(wall_s, wall_s * self._clock.speed)

    def _add(self, wall_s: float, production_s: float) -> None:
        self._wall_waited_s += wall_s
        self.waited_s += production_s
