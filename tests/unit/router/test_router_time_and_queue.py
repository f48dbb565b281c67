"""Compressed waiting, honest work; a queue that is bounded, fair and leaks no worker."""

import asyncio
import time

import pytest

from reference_router.clock import Clock, Stopwatch
from reference_router.errors import QueueFull
from reference_router.work_queue import WorkQueue


class Seen:
    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.waits_s: list[float] = []

    def queue_changed(self, size: int) -> None:
        self.sizes.append(size)

    def dequeued(self, waited_s: float) -> None:
        self.waits_s.append(waited_s)


def test_a_planned_pause_is_reported_as_planned_and_takes_its_share_of_wall_time() -> None:
    async def story() -> tuple[float, float, float]:
        watch = Stopwatch(Clock(1000))
        begun_s = time.perf_counter()
        await watch.pause(35)
        return watch.waited_s, watch.elapsed_s, time.perf_counter() - begun_s

    waited_s, elapsed_s, wall_s = asyncio.run(story())
    assert waited_s == 35
    assert 35 <= elapsed_s < 35.1
    assert 0.034 < wall_s < 1


def test_at_speed_one_a_pause_is_reported_as_measured() -> None:
    async def story() -> float:
        watch = Stopwatch(Clock())
        await watch.pause(0.01)
        return watch.waited_s

    waited_s = asyncio.run(story())
    assert waited_s != 0.01
    assert 0.0099 < waited_s < 1


def test_a_cancelled_pause_counts_what_had_passed() -> None:
    async def story() -> float:
        watch = Stopwatch(Clock(100))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.pause(1000), 0.02)
        return watch.waited_s

    assert 1.9 < asyncio.run(story()) < 500


def test_unknown_waits_scale_with_the_clock_and_work_does_not() -> None:
    async def story() -> tuple[float, float]:
        watch = Stopwatch(Clock(100))
        await watch.wait(asyncio.sleep(0.01))
        before_s = watch.elapsed_s - watch.waited_s
        time.sleep(0.01)  # work
        return watch.waited_s, watch.elapsed_s - watch.waited_s - before_s

    waited_s, worked_s = asyncio.run(story())
    assert waited_s >= 0.99
    assert 0.009 < worked_s < 0.5


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_must_be_positive(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(speed)


def test_the_clock_runs_at_its_speed() -> None:
    async def story() -> float:
        clock = Clock(1000)
        await clock.sleep(20)
        return clock.now_s()

    assert 20 <= asyncio.run(story()) < 1000


async def _hold(queue: WorkQueue, order: list[int], index: int, leave: asyncio.Event) -> None:
    async with queue.place(Stopwatch(Clock(1000))):
        order.append(index)
        await leave.wait()


def test_the_queue_serves_in_order_and_refuses_beyond_its_capacity() -> None:
    async def story() -> tuple[list[int], Seen, WorkQueue]:
        seen, order, leave = Seen(), [], asyncio.Event()
        queue = WorkQueue(1, 2, seen)
        tasks = [asyncio.create_task(_hold(queue, order, index, leave)) for index in range(3)]
        while queue.size < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert (queue.busy, queue.size, order) == (1, 2, [0])
        with pytest.raises(QueueFull):
            await _hold(queue, order, 9, leave)
        leave.set()
        await asyncio.gather(*tasks)
        return order, seen, queue

    order, seen, queue = asyncio.run(story())
    assert order == [0, 1, 2]
    assert (queue.busy, queue.size) == (0, 0)
    assert seen.sizes == [1, 2, 1, 0]
    assert seen.waits_s[0] == 0
    assert all(wait_s >= 9 for wait_s in seen.waits_s[1:])


@pytest.mark.parametrize("moment", ["while waiting", "just handed over"])
def test_a_client_that_leaves_the_queue_takes_no_worker_along(moment: str) -> None:
    async def story() -> None:
        order: list[int] = []
        first, leave = asyncio.Event(), asyncio.Event()
        queue = WorkQueue(1, 5, Seen())
        holder = asyncio.create_task(_hold(queue, order, 0, first))
        await asyncio.sleep(0)
        leaver = asyncio.create_task(_hold(queue, order, 1, leave))
        third = asyncio.create_task(_hold(queue, order, 2, leave))
        await asyncio.sleep(0.01)
        if moment == "just handed over":
            first.set()
            while queue.size == 2:
                await asyncio.sleep(0)
        leaver.cancel()
        first.set()
        leave.set()
        await asyncio.gather(holder, third)
        with pytest.raises(asyncio.CancelledError):
            await leaver
        assert order == [0, 2]
        assert (queue.busy, queue.size) == (0, 0)

    asyncio.run(story())


def test_a_worker_freed_in_the_same_instant_goes_to_the_next_in_line() -> None:
    async def story() -> None:
        order: list[int] = []
        leave = asyncio.Event()
        leave.set()
        queue = WorkQueue(1, 5, Seen())
        queue.withhold(1)
        leaver = asyncio.create_task(_hold(queue, order, 1, leave))
        await asyncio.sleep(0)
        leaver.cancel()
        queue.withhold(-1)
        with pytest.raises(asyncio.CancelledError):
            await leaver
        await _hold(queue, order, 2, leave)
        assert (order, queue.busy, queue.size) == ([2], 0, 0)

    asyncio.run(story())


def test_parked_places_count_and_withheld_workers_do_not_work() -> None:
    async def story() -> None:
        order: list[int] = []
        leave = asyncio.Event()
        leave.set()
        queue = WorkQueue(2, 10, Seen())
        queue.park(9)
        queue.withhold(2)
        waiter = asyncio.create_task(_hold(queue, order, 0, leave))
        await asyncio.sleep(0)
        assert queue.size == 10
        with pytest.raises(QueueFull):
            await _hold(queue, order, 1, leave)
        queue.withhold(-2)
        await waiter
        queue.park(-20)
        assert (queue.size, queue.parked, order) == (0, 0, [0])

    asyncio.run(story())
