"""Barriers hold only on what was seen, and what they did not see is told."""

from __future__ import annotations

from typing import Any

import pytest

from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import Result, SeriesData
from harness.run.observe.barriers import LogsBarrier, MetricsBarrier, pass_barrier
from harness.run.stack.wait import NotYet


class Samples:
    """A Prometheus that answers raw samples only."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), list[tuple[Any, ...]]()

    def samples(self, *args: Any) -> Result:
        self.asked.append(args)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Result(tuple(SeriesData({"n": str(n)}, points) for n, points in enumerate(answer)))


def barrier(hand: Any, samples: Samples, flights: list[int], *selectors: str) -> MetricsBarrier:
    it = MetricsBarrier(Http("http://p:1"), selectors or ("x",), lambda: flights.pop(0), hand.wall)
    it._client = samples  # type: ignore[assignment]
    return it


def test_two_equal_scrapes_since_nothing_is_in_flight(hand: Any) -> None:
    nan = float("nan")
    samples = Samples([((1, 1.0), (2, 1.0)), ((1, nan), (2, nan))])
    condition = barrier(hand, samples, [2, 0, 1, 0, 0])
    with pytest.raises(NotYet, match="2 requests are in flight"):
        condition.check()
    hand.move(1)
    assert condition.check() == "2 series stood still over two scrapes with nothing in flight"
    assert samples.asked[-1] == ("x", 1001.0, 1001.0)
    with pytest.raises(NotYet):
        condition.check()
    hand.move(5)
    condition.check()
    hand.move(1)
    assert samples.asked[-1] == ("x", 1006.0, 1006.0), "a late request did not start it anew"


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ([], "x has no scrape since"),
        ([((1, 1.0),)], r"x \{'n': '0'\} was scraped as 1\.0"),
        ([((1, 1.0), (2, 1.0)), ((1, 1.0), (2, 2.0))], r"\{'n': '1'\} was scraped as 1\.0, 2\.0"),
    ],
)
def test_what_has_not_settled_says_what_it_is(answer: Any, seen: str, hand: Any) -> None:
    with pytest.raises(NotYet, match=seen):
        barrier(hand, Samples(answer), [0]).check()


def test_a_server_that_fails_in_between_is_asked_again(hand: Any) -> None:
    samples = Samples(HttpFault("POST", "u", status=503), [((1, 1.0), (2, 1.0))])
    passed = pass_barrier("c", barrier(hand, samples, [0, 0]), within_s=5, clock=hand.wall)
    assert (passed.cell, passed.t, passed.plane, passed.passed) == ("c", 1000.0, "metrics", True)


def test_a_bound_that_passed_is_told_with_what_was_last_seen(hand: Any) -> None:
    failed = pass_barrier("c", barrier(hand, Samples([]), [0]), within_s=0)
    assert not failed.passed
    assert (
        failed.detail
        == "the metrics barrier of c: not within 0 s; last seen: x has no scrape since nothing is in flight"
    )


class Dead:
    alive = False

    def describe_death(self) -> str:
        return "prometheus was ended by SIGKILL"


def test_a_component_that_died_ends_the_wait(hand: Any) -> None:
    failed = pass_barrier("c", barrier(hand, Samples([]), [0]), within_s=60, alive=(Dead(),))  # type: ignore[arg-type]
    assert not failed.passed
    assert "ended by SIGKILL" in failed.detail


def logs(lines: dict[str, int], documents: dict[str, int], *missing: str) -> str:
    refreshed: list[bool] = []
    condition = LogsBarrier(lambda: refreshed.append(True), lambda: lines, lambda: documents, lambda: missing)
    try:
        return condition.check()
    finally:
        assert refreshed == [True]


def test_every_line_is_a_document() -> None:
    assert logs({"a": 2, "b": 0}, {"a": 2, "other": 5}) == "a: 2 lines, 2 documents; b: 0 lines, 0 documents"


@pytest.mark.parametrize(
    ("lines", "documents", "missing", "seen"),
    [
        ({}, {}, (), "no line was written"),
        ({"a": 2}, {"a": 1}, (), "a: 2 lines, 1 documents"),
        ({"a": 1}, {"a": 2}, (), "a: 1 lines, 2 documents"),
        ({"a": 1}, {}, (), "a: 1 lines, 0 documents"),
        ({"a": 1}, {"a": 1}, ("a's end",), "not found: a's end"),
    ],
)
def test_what_is_missing_is_named(lines: Any, documents: Any, missing: Any, seen: str) -> None:
    with pytest.raises(NotYet, match=seen):
        logs(lines, documents, *missing)
