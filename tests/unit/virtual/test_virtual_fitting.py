"""Curves through answers, and the levels that a comparison asks for."""

from __future__ import annotations

import math

import pytest

from harness.virtual.fitting import Curve, fit, trigger_levels


def points(value, xs=(0.0, 0.5, 1.0, 2.0, 5.0)):
    return [(x, value(x)) for x in xs]


def test_a_line_is_solved_exactly() -> None:
    curve = fit(points(lambda x: 3 + 2 * x))
    assert curve is not None
    assert curve.solve(10.0) == pytest.approx(3.5)


def test_a_quotient_is_solved_exactly() -> None:
    curve = fit(points(lambda x: x / (x + 1)))
    assert curve is not None
    assert curve.solve(0.25) == pytest.approx(1 / 3)
    assert curve.value(1.0) == pytest.approx(0.5)


def test_a_quotient_never_reaches_its_limit() -> None:
    curve = fit(points(lambda x: x / (x + 1)))
    assert curve is not None
    assert curve.solve(1.0) is None
    assert Curve(0.0, 1.0, 1.0).solve(2.0) is None, "beyond the limit lies another branch"


def test_undefined_answers_are_left_out() -> None:
    curve = fit([(0.0, math.nan), (1.0, 2.0), (2.0, 4.0)])
    assert curve is not None
    assert curve.solve(6.0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    "value",
    [lambda _x: 7.0, lambda x: x * x, lambda x: float(x > 1), lambda _x: math.nan],
    ids=["still", "bent", "stepped", "undefined"],
)
def test_what_follows_no_such_curve_is_not_fitted(value) -> None:
    assert fit(points(value)) is None


def test_three_points_that_are_no_line_are_too_few() -> None:
    assert fit(points(lambda x: x / (x + 1), (0.0, 1.0, 2.0))) is None


@pytest.mark.parametrize(
    ("operator", "threshold", "trigger", "healthy", "near", "exact"),
    [
        (">", 10.0, 20.0, 5.0, (9.9,), (10.0,)),
        (">=", 0.0, 1.0, 0.0, (-0.01,), (0.0,)),
        ("<", 0.5, 0.25, 1.0, (0.505,), (0.5,)),
        ("<=", 10.0, 5.0, 20.0, (10.1,), (10.0,)),
        ("==", 0.0, 0.0, 1.0, (1.0,), ()),
        ("!=", 1.0, 2.0, 1.0, (), (1.0,)),
    ],
)
def test_levels_lie_on_the_side_that_they_are_named_for(operator, threshold, trigger, healthy, near, exact) -> None:
    levels = trigger_levels(operator, threshold)
    assert levels["trigger"][0] == trigger
    assert levels["healthy"][0] == healthy
    assert levels["near"] == near
    assert levels["exact"] == exact
