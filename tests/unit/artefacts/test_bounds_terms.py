"""Bounds as sums of named terms, each on its own clock."""

import math

import pytest

from harness.artefacts.bounds import (
    AlertTiming,
    Bound,
    FaultTiming,
    Term,
    crossing_s,
    fire_bounds,
    resolve_bounds,
)

ALERT = AlertTiming(
    scrape_s=10,
    evaluation_s=15,
    range_s=300,
    for_s=40,
    keep_firing_for_s=60,
    group_wait_s=10,
    group_interval_s=20,
    delivery_s=0.5,
)
FAULT = FaultTiming(arrival_gap_s=2, queue_s=1, service_s=3, crossing_s=50, service_wall_s=0.25)


def test_latest_fire_is_the_sum_of_its_terms() -> None:
    latest = fire_bounds(ALERT, FAULT).latest
    assert latest.production_s(1) == pytest.approx(2 + 1 + 3 + 10 + 50 + 15 + 45 + 10 + 0.75)
    assert latest.wall_s(60) == pytest.approx(136 / 60 + 0.75)
    assert latest.production_s(60) == pytest.approx(136 + 45)


def test_earliest_fire_is_for_less_one_evaluation_and_never_negative() -> None:
    assert fire_bounds(ALERT, FAULT).earliest.production_s(60) == 25
    assert fire_bounds(AlertTiming(scrape_s=10, evaluation_s=15), FAULT).earliest.production_s(60) == 0


def test_pending_counts_whole_evaluations() -> None:
    assert ALERT.pending_s == 45
    assert AlertTiming(scrape_s=1, evaluation_s=0.1, for_s=0.3).pending_s == pytest.approx(0.3)


def test_resolve_bounds() -> None:
    window = resolve_bounds(ALERT, FAULT)
    assert window.latest.production_s(1) == pytest.approx(1 + 3 + 0.25 + 10 + 300 + 15 + 60 + 20 + 0.5)
    assert window.earliest.production_s(1) == 60
    assert resolve_bounds(ALERT).latest.production_s(1) == pytest.approx(405.5)


def test_a_bound_prints_its_terms() -> None:
    window = fire_bounds(ALERT, FAULT)
    assert str(window.earliest) == "40s for - 15s evaluation"
    assert str(window.latest).startswith("2s arrival gap + 1s queue + 3s service time + 250ms service time (wall)")
    assert str(window).startswith("earliest 40s for - 15s evaluation; latest 2s")
    assert str(Bound((Term("nothing", 0),))) == "0s"


@pytest.mark.parametrize(
    ("threshold", "rate", "expected"),
    [(None, None, 300), (0.1, 0.5, 60), (0.5, 0.5, math.inf), (-1, 1, 0), (1, None, 300)],
)
def test_crossing(threshold: float | None, rate: float | None, expected: float) -> None:
    assert crossing_s(300, threshold, rate) == expected
