"""The metrics barrier on a real Prometheus: nothing in flight, then two equal scrapes."""

from __future__ import annotations

import time
from typing import Any

from harness.run.observe.barriers import MetricsBarrier, pass_barrier


def test_it_holds_only_after_two_scrapes_with_nothing_in_flight(subject: Any, stack: Any) -> None:
    flights = [3, 3, 3, 0]
    quiet: list[float] = []

    def in_flight() -> int:
        number = flights.pop(0) if len(flights) > 1 else flights[0]
        subject.counter += number
        if not number:
            quiet.append(time.time())
        return number

    selectors = ['done_total{job="subject"}']
    barrier = pass_barrier("c", MetricsBarrier(stack.prometheus.http, selectors, in_flight), within_s=10)
    assert barrier.passed, barrier.detail
    assert barrier.t - quiet[0] >= 0.25
    ((series,),) = [stack.prometheus.query(selectors[0]).series]
    assert series.points[0][1] == subject.counter == 9


def test_what_moves_or_is_not_there_does_not_settle(subject: Any, stack: Any) -> None:
    def busy() -> int:
        subject.counter += 1
        return 0

    moving = pass_barrier("c", MetricsBarrier(stack.prometheus.http, ["done_total"], busy), within_s=1.0)
    assert not moving.passed
    assert "done_total" in moving.detail
    absent = pass_barrier("c", MetricsBarrier(stack.prometheus.http, ["nothing"], lambda: 0), within_s=0.3)
    assert not absent.passed
    assert "nothing has no scrape" in absent.detail
