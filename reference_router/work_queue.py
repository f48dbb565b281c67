"""A bounded first-in-first-out queue in front of a fixed number of workers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from reference_router.clock import Stopwatch
from reference_router.errors import QueueFull

__all__ = ["QueueObserver", "WorkQueue"]


class QueueObserver(Protocol):
    """Told of every change; must not raise."""

    def queue_changed(self, size: int) -> None:
        """``size`` requests wait now."""

    def dequeued(self, waited_s: float) -> None:
        """A request left the queue after ``waited_s`` production seconds."""


class WorkQueue:
    """At most ``workers`` requests run, at most ``capacity`` wait, the rest is refused at once.

    ``parked`` places are taken by something that no worker will ever fetch (0 in normal service).
    """

    def __init__(self, workers: int, capacity: int, observer: QueueObserver) -> None:
        self.capacity = capacity
        self.busy = 0
        self._free = workers
        self._parked = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._observer = observer

    @property
    def size(self) -> int:
        """Requests that wait for a worker, parked places included."""
        return len(self._waiting) + self._parked

    @property
    def parked(self) -> int:
        """Places taken by nobody's request."""
        return self._parked

    def park(self, places: int) -> None:
        """Take ``places`` of the queue, or give them back where negative."""
        self._parked = max(self._parked + places, 0)
        self._changed()

    def withhold(self, workers: int) -> None:
        """Take ``workers`` out of service, or return them where negative. Running requests finish."""
        self._free -= workers
        self._hand_over()

    @asynccontextmanager
    async def place(self, watch: Stopwatch) -> AsyncIterator[None]:
        """Hold a worker for the body. Raises ``QueueFull`` when nobody may wait any more."""
        await self._enter(watch)
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1
            self._free += 1
            self._hand_over()

    async def _enter(self, watch: Stopwatch) -> None:
        if self._free > 0 and not self._waiting:
            self._free -= 1
            self._observer.dequeued(0.0)
            return
        if self.size >= self.capacity:
            raise QueueFull(f"all {self.capacity} places of the queue are taken")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._changed()
        before_s = watch.waited_s
        try:
            await watch.wait(turn)
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        self._observer.dequeued(watch.waited_s - before_s)

    def _leave(self, turn: asyncio.Future[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
            self._changed()
        elif turn.done() and not turn.cancelled():
            self._free += 1
            self._hand_over()

    def _hand_over(self) -> None:
        while self._free > 0 and self._waiting:
            self._free -= 1
            turn = self._waiting.popleft()
            self._changed()
            if turn.cancelled():
                self._free += 1
            else:
                turn.set_result(None)

    def _changed(self) -> None:
        self._observer.queue_changed(self.size)
