"""Two texts that say the same, as when a server prints an expression in a form of its own."""

from __future__ import annotations

import pytest

from harness.artefacts.clock_check import same_expression
from harness.artefacts.promql import parse
from harness.core.errors import Location


def same(one: str, other: str) -> bool:
    left, right = (parse(text, lambda _: Location("x")) for text in (one, other))
    return same_expression(left, right)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sum(rate(a[60s]))>0.10", "sum(rate(a[1m])) > 0.1"),
        ('sum(a{b="c"}) by (d) # why', 'sum by (d) (a{b="c"})'),
        ('a{job="x", b=~"y"}', 'a{b=~"y",job="x"}'),
        ("a / on(x) group_left(y) b", "a / on (x) group_left (y) b"),
        ("predict_linear(a[1h], 3600) < 0", "predict_linear(a[1h], 3600) < 0"),
    ],
)
def test_form_is_no_difference(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rate(a[1m]) > 1", "rate(a[2m]) > 1"),
        ("rate(a[1m]) > 1", "rate(a[1m]) > 2"),
        ("rate(a[1m]) > 1", "rate(a[1m]) >= 1"),
        ("rate(a[1m])", "irate(a[1m])"),
        ('a{b="c"}', 'a{b!="c"}'),
        ("sum by (d) (a)", "sum by (e) (a)"),
        ("a offset 5m", "a"),
    ],
)
def test_meaning_is(one: str, other: str) -> None:
    assert not same(one, other)
