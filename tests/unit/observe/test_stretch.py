"""Stretches touch, never overlap, lie on the grid, and are handed out again when they could not be read."""

from __future__ import annotations

import pytest

from harness.run.observe.source import Stretch, epoch_s


def test_stretches_touch_and_lie_on_the_grid() -> None:
    stretch = Stretch(10.1, 0.25, lag_s=0.5)
    assert stretch.next(10.4, "poll") is None
    first = stretch.next(11.3, "poll")
    assert first == (10.0, 10.75)  # left-open: 10.25 is the first point
    stretch.close(10.75)
    assert stretch.next(11.3, "poll") is None
    assert stretch.next(11.3, "settle") is None
    assert stretch.next(11.3, "finish") == (10.75, 11.25)


def test_a_stretch_that_was_not_read_is_handed_out_again_longer() -> None:
    stretch = Stretch(10.0, 0.001, lag_s=0)
    assert stretch.next(10.5, "poll") == (9.999, 10.5)
    assert stretch.next(11.0, "poll") == (9.999, 11.0)


def test_a_grid_finer_than_a_millisecond_is_one_millisecond() -> None:
    assert Stretch(0.0, 0.0, lag_s=0).step_s == 0.001


def test_no_point_is_lost_or_doubled_over_many_awkward_polls() -> None:
    stretch, now, points = Stretch(1795576429.2761045, 0.1, lag_s=0.13), 1795576429.2761045, list[int]()
    for _ in range(500):
        now += 0.0533
        if found := stretch.next(now, "poll"):
            after, until = found
            points += range(round(after * 10) + 1, round(until * 10) + 1)
            stretch.close(until)
    assert points == list(range(17955764293, points[-1] + 1))
    assert now - points[-1] / 10 < 0.13 + 0.1 + 0.06


@pytest.mark.parametrize(
    ("text", "t"),
    [
        ("1970-01-01T00:00:01.25Z", 1.25),
        ("1970-01-01T02:00:01.123456789+02:00", 1.123456),
        ("0001-01-01T00:00:00Z", 0.0),
    ],
)
def test_instants_of_go(text: str, t: float) -> None:
    assert epoch_s(text) == t
