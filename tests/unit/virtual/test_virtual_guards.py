"""Side conditions of alerts: the levels of gauges at which they let it through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.artefacts.rules import RuleFile
from harness.virtual.families import Family, Job
from harness.virtual.guards import constants, guard_levels, moments
from harness.virtual.inputs import Input

Rules = Callable[[str], RuleFile]
NAMES = ("a", "b", "c")


@pytest.mark.parametrize(
    ("expression", "levels"),
    [
        ("a / b < 0.03 and c > 0", {"c": 1.0}),
        ("a > 5 unless on (x) b == 1 unless c == 0", {"a": 6.0, "b": 0.0, "c": 1.0}),
        ("a >= 5 and (max by (x) (b) <= 2)", {"a": 5.0, "b": 2.0}),
        ("3 < a and 2 != b", {"a": 4.0, "b": 0.0}),
        ("a < 1 unless (b > 4 and c < 3)", {"a": 0.0, "b": 4.0, "c": 3.0}),
        ("a > 5 unless b > 0 unless b < 9", {"a": 6.0, "b": 0.0}),
        ("rate(a[5m]) > 1 and a + b > 2", {}),
        ('a{job="other"} > 1 or b > 1', {}),
        ('a{job="web", kind="x"} > 1', {"a": 2.0}),
        ('a{kind="y"} > 1', {}),
    ],
)
def test_levels_pass_every_plain_test(rules: Rules, expression: str, levels: dict[str, float]) -> None:
    rule = rules(f"      - {{alert: A, expr: '{expression}'}}").alerts[0]
    job = Job("web", 15.0, ("web:80",), {})
    inputs = [Input(Family(name, "gauge", {}), job, (("kind", "x"),)) for name in NAMES]
    counter = Input(Family("n", "counter", {}), job, ())
    found = guard_levels(rule, [*inputs, counter])
    assert {each.family.name: level for each, level in found.items()} == levels


def test_the_numbers_of_an_expression_are_found(rules: Rules) -> None:
    rule = rules("      - {alert: A, expr: 'sum(rate(a[5m])) > vector(2 * 50) and b > bool -3 and c < 7'}").alerts[0]
    assert constants(rule) == (100.0, 7.0)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("time() - a > 60 and b > 0", {"a"}),
        ("(max by (x) (a)) - (time()) < 60", {"a"}),
        ("vector(time()) - on () a > 60", {"a"}),
        ("a - b > time()", set()),
    ],
)
def test_what_is_subtracted_from_the_clock_holds_an_instant(rules: Rules, expression: str, found: set[str]) -> None:
    assert moments(rules(f"      - {{alert: A, expr: '{expression}'}}").alerts[0]) == found
