"""Comparisons of two series as comparisons with a number."""

from __future__ import annotations

import pytest

from harness.artefacts.promql import parse
from harness.core.errors import Location
from harness.virtual.two_sides import two_sided

HERE = Location("rules.yml", 1, 1)


@pytest.mark.parametrize(
    ("text", "operator", "left"),
    [
        ("a > b", ">", "(a) / (b)"),
        ("a < on (x, y) group_left (z) 2 * b", "<", "(a) / on (x, y) group_left (z) (2 * b)"),
        ("a != ignoring (x) group_right () sum by (y) (b)", "!=", "(a) / ignoring (x) group_right () (sum by (y) (b))"),
        ("a / c >= on () b", ">=", "(a / c) / on () (b)"),
        ("(a > b) and on () c > 1", ">", "(a) / (b)"),
    ],
)
def test_the_sides_are_divided_as_they_are_compared(text: str, operator: str, left: str) -> None:
    quotient, difference = two_sided(parse(text, HERE))
    assert (quotient.left, quotient.threshold, quotient.is_relative) == (left, 1.0, True)
    assert (difference.left, difference.threshold) == (left.replace(") /", ") -", 1), 0.0)
    assert quotient.operator == difference.operator == operator
    assert parse(quotient.left, HERE).metric_names >= {"a", "b"}


@pytest.mark.parametrize("text", ["a > 1", "2 > a", "a > bool b", "sum(a > b)", "a and b", "absent(a)"])
def test_what_compares_with_numbers_or_leaves_nothing_out_has_none(text: str) -> None:
    assert two_sided(parse(text, HERE)) == ()
