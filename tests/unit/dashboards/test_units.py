"""What an expression computes is derived from names and functions; a panel must show just that."""

from __future__ import annotations

import pytest

from harness.artefacts.dimensions import NAMED, observed_by, quantity_of
from harness.artefacts.panel_units import limits_of, misfit, shown_quantity
from harness.artefacts.promql import parse
from harness.core.errors import Location

DECLARED = {"shop_queue": NAMED["count"], "shop_wait": NAMED["seconds"], "shop:busy": NAMED["ratio"], "shop_lag": None}


def computed(text: str) -> str:
    return str(quantity_of(parse(text, Location("query")), DECLARED))


CASES = {
    "rate(a_requests_total[5m])": "a rate per second",
    "irate(a_requests_total[5m]) * 60": "a rate per second times 60",
    "increase(a_requests_total[1h])": "a count",
    "sum(rate(a_seconds_sum[5m])) / sum(rate(a_seconds_count[5m]))": "seconds",
    "rate(a_bytes_sum[5m]) / rate(a_bytes_count[5m])": "bytes",
    "histogram_quantile(0.9, sum by (le) (rate(a_seconds_bucket[5m])))": "seconds",
    "histogram_quantile(0.9, sum by (le) (rate(a_milliseconds_bucket[5m]))) / 1000": "seconds",
    "rate(a_tokens_per_second_sum[5m]) / rate(a_tokens_per_second_count[5m])": "a rate per second",
    "a_events_per_minute": "a rate per second times 60",
    "a_bytes_per_second": "bytes per second",
    "rate(a_seconds_bucket[5m])": "a rate per second",
    "rate(process_cpu_seconds_total[5m])": "a share",
    "100 * (1 - avg(rate(a_seconds_total[5m])))": "a share times 100",
    "sum(a_total{ok='1'}) / sum(a_total)": "a share",
    "a_thing{x='1'} / sum(a_thing)": "a share",
    "b_errors_total / a_total": "a share",
    "a_bytes / 1024 / 1024": "bytes times 9.53674e-07",
    "rate(a_bytes_total[5m]) * 8": "bytes per second times 8",
    "a_start_time_seconds": "an instant",
    "a_last_run_timestamp_seconds * 1000": "an instant times 1000",
    "time() - a_start_time_seconds": "seconds",
    "timestamp(a) - a_created": "seconds",
    "count(a)": "a count",
    "count_over_time(a[5m])": "a count",
    "absent(a)": "a count",
    "max_over_time(a_seconds[5m])": "seconds",
    "sum_over_time(rate(a_total[1m])[5m:1m])": "a rate per second",
    "topk(3, sum by (x) (a_bytes))": "bytes",
    "clamp_max(a_seconds, 5) > 3": "seconds",
    "a_seconds or b_seconds": "seconds",
    "a_seconds and on () vector(1)": "seconds",
    "-a_seconds": "seconds",
    "1 / a_seconds": "a rate per second",
    "a_bytes * b_bytes": "s^0 bytes^2",
    "a_seconds > bool 3": "a count",
    "2 * 3": "a count",
    # what the contract says
    "shop_queue": "a count",
    "rate(shop_wait_sum[5m]) / rate(shop_wait_count[5m])": "seconds",
    "histogram_quantile(0.5, rate(shop_wait_bucket[5m]))": "seconds",
    "avg(shop:busy)": "a share",
    # what nobody says
    "a_thing": "None",
    "rate(a_bytes_dropped_total[5m]) * 8": "None",
    "rate(a_time_ms_total[5m])": "None",
    "shop_lag": "None",
    "a_seconds + a_bytes": "None",
    "a_seconds ^ 2": "None",
    "sqrt(a_seconds)": "None",
    "a_thing / b_thing": "None",
    "a_seconds * 0": "None",
    "a_thing + b_seconds": "None",
    "{job='x'}": "None",
    "histogram_quantile(0.5, a_seconds_bucket or b_bytes_bucket)": "None",
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_computed(text: str) -> None:
    assert computed(text) == CASES[text]


FITS = [
    ("reqps", "rate(a_total[5m])"),
    ("cpm", "rate(a_total[5m]) * 60"),
    ("suffix:tokens/s", "rate(a_total[5m])"),
    ("s", "a_seconds"),
    ("ms", "a_seconds * 1000"),
    ("ms", "a_milliseconds"),
    ("bytes", "a_bytes"),
    ("mbytes", "a_bytes / 1024 / 1024"),
    ("decmbytes", "a_bytes / 1e6"),
    ("bits", "a_bytes * 8"),
    ("Bps", "rate(a_bytes_total[5m])"),
    ("binBps", "rate(a_bytes_total[5m])"),
    ("MiBs", "rate(a_bytes_total[5m]) / 1024 ^ 2"),
    ("bps", "rate(a_bytes_total[5m]) * 8"),
    ("percentunit", "a_ratio"),
    ("percent", "a_ratio * 100"),
    ("percentunit", "rate(a_seconds_total[5m])"),
    ("dateTimeAsIso", "a_start_time_seconds * 1000"),
    ("short", "increase(a_total[5m])"),
    ("", "count(a)"),
    ("none", "a_ratio"),
    ("suffix: orders", "increase(a_total[5m])"),
    ("currencyEUR", "a_seconds"),
]
MISFITS = [
    ("s", "a_milliseconds"),
    ("ms", "a_seconds"),
    ("percent", "a_ratio"),
    ("percentunit", "a_ratio * 100"),
    ("percentunit", "increase(a_total[5m])"),
    ("reqps", "increase(a_total[5m])"),
    ("short", "rate(a_total[5m])"),
    ("", "a_seconds"),
    ("bytes", "a_seconds"),
    ("bytes", "rate(a_bytes_total[5m])"),
    ("bytes", "a_bytes / 1024"),
    ("bits", "a_bytes"),
    ("dateTimeAsIso", "a_start_time_seconds"),
    ("s", "a_start_time_seconds"),
    ("cpm", "rate(a_total[5m])"),
]


def words(unit: str, text: str) -> str:
    quantity = quantity_of(parse(text, Location("query")), DECLARED)
    assert quantity is not None
    return misfit(unit, quantity)


@pytest.mark.parametrize(("unit", "text"), FITS)
def test_a_unit_that_fits(unit: str, text: str) -> None:
    assert words(unit, text) == ""


@pytest.mark.parametrize(("unit", "text"), MISFITS)
def test_a_unit_that_does_not_fit(unit: str, text: str) -> None:
    assert "but the query computes" in words(unit, text)


def test_the_heatmap_of_a_histogram_shows_what_it_observes() -> None:
    query = parse("sum by (le) (increase(a_seconds_bucket[5m]))", Location("query"))
    assert str(observed_by(query, {})) == "seconds"
    assert observed_by(parse("a_seconds", Location("query")), {}) is None


def test_possible_values_follow_from_what_is_computed() -> None:
    def limits(unit: str, text: str) -> tuple[float, float]:
        return limits_of(unit, quantity_of(parse(text, Location("query")), DECLARED))

    whole = "sum(a_total{ok='1'}) / sum(a_total)"
    assert limits("percentunit", whole) == (0, 1)
    assert limits("percent", f"{whole} * 100") == (0, 100)
    assert limits("percentunit", "rate(a_seconds_total[5m])") == (0, float("inf"))
    assert limits("percentunit", f"sum({whole})") == (0, float("inf"))
    assert limits("s", "a_seconds") == (0, float("inf"))
    assert limits("short", "a_thing") == (float("-inf"), float("inf"))
    assert limits("currencyEUR", "a_seconds") == (float("-inf"), float("inf"))


def test_a_unit_of_something_else_is_unknown() -> None:
    assert shown_quantity("celsius") is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sum(rate(a_total{x='1'}[5m])) / sum(rate(a_total[5m]))", "part"),
        ("sum by (x, y) (a_total{x='1'}) / on (x) group_left () sum by (x) (a_total)", "part"),
        ("sum without (y) (a_total{x='1'}) / ignoring (z) group_left () (sum without (y, z) (a_total))", "part"),
        ("rate(a_hits_total[5m]) / (rate(a_hits_total[5m]) + rate(a_misses_total[5m]))", "part"),
        ("sum(a_thing{x='1'}) / sum(a_thing)", "part"),
        # used of hard, now of before, some of others: may be more than all
        ("a_quota{type='used'} / ignoring (type) a_quota{type='hard'}", "share"),
        ("rate(a_total[5m]) / rate(a_total[5m] offset 1h)", "share"),
        ("rate(a_total[5m]) / rate(a_total[1h])", "share"),
        ("max(a_total) / avg(a_total)", "share"),
        ("sum by (x) (a_total) / sum by (x, y) (a_total)", "share"),
        ("sum(a_total) / sum by (x) (a_total)", "share"),
        ("sum(a_total) / sum(a_total{x='1'})", "share"),
    ],
)
def test_only_a_part_of_its_whole_never_exceeds_it(text: str, kind: str) -> None:
    quantity = quantity_of(parse(text, Location("query")), DECLARED)
    assert quantity is not None
    assert quantity.kind == kind
