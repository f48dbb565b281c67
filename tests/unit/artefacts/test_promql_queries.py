"""What the reader of PromQL finds in an expression, and where it points when one is wrong."""

import pytest

from harness.artefacts.promql import Aggregation, Comparison, Matcher, Query, parse
from harness.core.errors import ConfigError, Location


def here(offset: int) -> Location:
    return Location("rules.yml", 1, offset + 1)


def query(text: str) -> Query:
    return parse(text, here)


def test_selectors_know_their_function_window_and_matchers() -> None:
    found = query('sum(rate(a_total{x="1",y!~"b.*"}[5m])) / on () max_over_time((b)[1h:30s]) > c').selectors
    assert [(each.metric, each.function, each.range_s) for each in found] == [
        ("a_total", "rate", 300.0),
        ("b", "max_over_time", None),
        ("c", "", None),
    ]
    assert found[0].matchers == (Matcher("x", "=", "1"), Matcher("y", "!~", "b.*"))


def test_a_name_written_as_a_matcher_is_a_name() -> None:
    found = query('{__name__="up", job="a"}').selectors[0]
    assert (found.metric, found.matchers) == ("up", (Matcher("job", "=", "a"),))
    assert query('{"with.dots"}').metric_names == {"with.dots"}


def test_a_selector_by_regular_expression_names_no_metric_but_may_read_one() -> None:
    found = query('{__name__=~"node_.*"}')
    assert found.metric_names == frozenset()
    assert found.selectors[0].may_read("node_load1")
    assert not found.selectors[0].may_read("up")


@pytest.mark.parametrize(
    ("operator", "pattern", "value", "accepted"),
    [
        ("=", "a", "a", True),
        ("!=", "a", "a", False),
        ("=~", "a|b", "b", True),
        ("=~", "a", "ab", False),
        ("!~", "a.*", "abc", False),
        ("!~", "a.*", "b", True),
    ],
)
def test_matchers_accept(operator: str, pattern: str, value: str, accepted: bool) -> None:
    assert Matcher("l", operator, pattern).accepts(value) is accepted


def test_a_regular_expression_of_re2_only_is_refused_not_guessed() -> None:
    with pytest.raises(ConfigError, match="beyond this reader"):
        Matcher("l", "=~", r"\pL+").accepts("x")


def test_durations_stand_where_they_are_written() -> None:
    text = 'rate(a[5m] offset -1m) # [9m]\n + max_over_time(b{c="[7m]"}[1h:30s]) + d[300] + min_over_time(e[2h:])'
    found = query(text.replace("d[300]", "sum_over_time(d[300])")).durations
    assert [(each.text, each.seconds, each.role) for each in found] == [
        ("5m", 300, "range"),
        ("1m", 60, "offset"),
        ("1h", 3600, "range"),
        ("30s", 30, "step"),
        ("300", 300, "range"),
        ("2h", 7200, "range"),
    ]
    assert text[found[0].start : found[0].end] == "5m"


def test_the_reach_adds_windows_and_offsets() -> None:
    assert query("up").longest_range_s == 0
    assert query("max_over_time(rate(a[5m] offset 10m)[1h:1m]) > rate(b[30m])").longest_range_s == 3600 + 600 + 300


def test_functions_and_aggregations() -> None:
    found = query("histogram_quantile(0.9, sum by (le, job) (rate(a[5m]))) + sum without (x) (b) + count(c)")
    assert found.functions == {"histogram_quantile", "rate"}
    assert found.aggregations == (
        Aggregation("sum", ("le", "job"), keeps=True),
        Aggregation("sum", ("x",), keeps=False),
        Aggregation("count", (), keeps=True),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 1", Comparison("a", ">", 1.0)),
        ("0.5 >= a", Comparison("a", "<=", 0.5)),
        ("a == bool -(2)", Comparison("a", "==", -2.0)),
        ("(a > 3 * 2 ^ 10) and b > 1", Comparison("a", ">", 3072.0)),
        ("absent(a)", None),
        ("a > b", None),
        ("a > 1 / 0", None),
        ("a > scalar(b) + 1", None),
    ],
)
def test_the_deciding_comparison(text: str, expected: Comparison | None) -> None:
    assert query(text).comparison == expected


def test_all_comparisons_joined_at_the_top() -> None:
    found = query("(a > 1 or b < 2) unless c == 0").comparisons
    assert [(each.left, each.operator, each.threshold) for each in found] == [
        ("a", ">", 1),
        ("b", "<", 2),
        ("c", "==", 0),
    ]


def test_raw_strings_are_read() -> None:
    assert query('a{b=~`\\d+"`}').matchers == (Matcher("b", "=~", '\\d+"'),)
    assert query("a{b=`x\ny`}").matchers[0].value == "x\ny"


def test_at_modifiers_are_seen() -> None:
    assert query("a @ end()").uses_at
    assert query("sum(rate(a[5m] @ 17))").uses_at
    assert not query("a").uses_at


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("sum(rate(a[5m])", 4, "unclosed left parenthesis"),
        ("sum(a)) > 1", 7, "unexpected right parenthesis"),
        ("1 + raet(a[5m])", 5, "unknown function"),
        ("  rate(a)", 3, "expected type matrix"),
        ("", 1, "no expression"),
        ('a{b="[("} > raet(c)', 13, "unknown function"),
        ("a[5m)", 2, "unexpected character"),
    ],
)
def test_a_flaw_is_pointed_at(text: str, column: int, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        query(text)
    assert caught.value.location == Location("rules.yml", 1, column)


def test_a_fixed_location_will_do() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("rate(", Location("x.yml", 7))
    assert caught.value.location == Location("x.yml", 7)


def test_calls_nest_and_keep_their_places() -> None:
    found = query("sum(a) + ceil(abs (b))")
    assert [(each.name, found.text[each.start : each.end]) for each in found.calls] == [
        ("ceil", "ceil(abs (b))"),
        ("abs", "abs (b)"),
    ]
    assert found.within(found.calls[1]).metric_names == {"b"}
