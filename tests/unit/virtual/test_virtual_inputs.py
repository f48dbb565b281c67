"""Samples made to order, in promtool's notation."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.virtual.families import Family, Job
from harness.virtual.inputs import Input, Level, Segment, notation, render


def one(kind: str, job: Job, **more: object) -> Input:
    return Input(Family("foo", kind, {}, (1.0, 2.0, 5.0) if kind == "histogram" else ()), job, (), **more)  # type: ignore[arg-type]


def only(found: dict[str, str]) -> str:
    (values,) = found.values()
    return values


def expanded(values: str) -> list[str]:
    found: list[str] = []
    for token in values.split():
        value, _, times = token.partition("x")
        found += [value] * (int(times or 1) if value == "_" else int(times or 0) + 1)
    return found


def test_a_counter_grows_from_zero_and_stands_still(job: Job) -> None:
    item = one("counter", job)
    found = render([item], [Segment(30.0, {item: Level(rate=0.5)}), Segment(30.0, {item: Level()})], 10.0)
    assert found == {'foo{instance="shop-1:80",job="shop",team="web"}': "0 5 10x3"}


def test_a_counter_starts_anew_at_a_reset_and_jumps_at_a_burst(job: Job) -> None:
    item = one("counter", job)
    busy = {item: Level(rate=1.0)}
    reset = [Segment(30.0, busy), Segment(30.0, busy, reset=True)]
    assert expanded(only(render([item], reset, 10.0))) == ["0", "10", "20", "10", "20", "30"]
    burst = [Segment(20.0, busy, seen="absent"), Segment(10.0, busy, burst_s=300.0), Segment(20.0, {item: Level()})]
    assert only(render([item], burst, 10.0)) == "_x2 300x2"


def test_a_gauge_goes_straight_to_where_it_is_sent(job: Job) -> None:
    item = one("gauge", job)
    segment = Segment(40.0, {item: Level(at=8.0)}, towards={item: Level(at=0.0)})
    assert expanded(only(render([item], [segment], 10.0))) == ["8", "6", "4", "2"]


def test_a_target_that_cannot_be_scraped_is_down_and_its_series_end(job: Job) -> None:
    gauge, up = one("gauge", job), Input(Family("up", "up", {}), job, ())
    calm = {gauge: Level(at=3.0), up: Level(at=1.0)}
    found = render([gauge, up], [Segment(20.0, calm), Segment(20.0, calm, seen="failed"), Segment(10.0, calm)], 10.0)
    assert list(found.values()) == ["3x1 stale _ 3", "1x1 0x1 1"]


def test_a_target_that_is_gone_has_no_series_at_all(job: Job) -> None:
    up = Input(Family("up", "up", {}), job, ())
    calm = {up: Level(at=1.0)}
    assert only(render([up], [Segment(20.0, calm), Segment(30.0, calm, seen="gone")], 10.0)) == "1x1 stale _x2"


def cumulative(found: dict[str, str]) -> dict[float, float]:
    """Last counts of the buckets by their upper bounds."""
    counts = {name.split('le="')[1].split('"')[0]: expanded(v)[-1] for name, v in found.items() if "le=" in name}
    return {float(bound.replace("+Inf", "inf")): float(count) for bound, count in counts.items()}


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("at", [0.995, 1.0, 1.7, 2.0, 3.1, 5.0])
def test_the_quantile_lies_where_it_is_wanted(job: Job, quantile: float, at: float) -> None:
    item = one("histogram", job, quantile=quantile)
    found = render([item], [Segment(20.0, {item: Level(rate=10.0, at=at)})], 10.0)
    assert histogram_quantile(quantile, cumulative(found)) == pytest.approx(at, rel=1e-6)


def test_a_quantile_beyond_all_buckets_is_the_last_of_them(job: Job) -> None:
    item = one("histogram", job)
    found = render([item], [Segment(20.0, {item: Level(rate=10.0, at=9.0)})], 10.0)
    assert histogram_quantile(0.95, cumulative(found)) == 5.0


def test_a_quantile_is_never_lower_than_its_share_of_the_first_bucket(job: Job) -> None:
    item = one("histogram", job)
    found = render([item], [Segment(20.0, {item: Level(rate=10.0, at=0.2)})], 10.0)
    assert histogram_quantile(0.95, cumulative(found)) == 0.95


def histogram_quantile(q: float, counts: dict[float, float]) -> float:
    rank, low, below = q * counts[math.inf], 0.0, 0.0
    for bound, count in sorted(counts.items()):
        if count >= rank:
            return low + (bound - low) * (rank - below) / (count - below) if math.isfinite(bound) else low
        low, below = bound, count
    raise AssertionError("no bucket holds the rank")


def test_slow_events_lie_above_all_buckets(job: Job) -> None:
    item = one("histogram", job)
    found = render([item], [Segment(20.0, {item: Level(rate=1.0, at=1.0, slow=0.25)})], 10.0)
    assert cumulative(found) == {1.0: 7.5, 2.0: 7.5, 5.0: 7.5, math.inf: 10.0}
    assert [values for name, values in found.items() if "_count" in name] == ["0 10"]


def test_spread_traffic_is_divided_over_targets_and_label_values(job: Job) -> None:
    counter = one("counter", job, variants=((("route", "/b"),),))
    found = render([counter], [Segment(20.0, {counter: Level(rate=6.0)})], 10.0, rest={counter: Level()})
    assert list(found.values()) == ["0 10"] * 6
    assert sum('instance="shop-2:80"' in name for name in found) == 2, "targets that are not written are made up"


def test_a_gauge_misbehaves_on_one_of_three_targets(job: Job) -> None:
    gauge = one("gauge", job, variants=((("route", "/b"),),))
    found = render([gauge], [Segment(20.0, {gauge: Level(at=9.0)})], 10.0, rest={gauge: Level(at=1.0)})
    assert list(found.values()) == ["9x1", "1x1", "1x1"]
    assert list(render([gauge], [Segment(20.0, {gauge: Level(at=9.0)})], 10.0, rest={}).values()) == ["9x1"] * 3


def test_labels_are_written_as_promql_reads_them() -> None:
    assert notation("up", {"b": 'say "no"\n\\', "a": "1", "empty": ""}) == 'up{a="1",b="say \\"no\\"\\n\\\\"}'


def test_a_gauge_goes_on_from_where_its_growth_brought_it(job: Job) -> None:
    item = one("gauge", job)
    told = [Segment(30.0, {item: Level(at=1.0, slope=0.2)}), Segment(20.0, {item: Level(at=1.0)})]
    assert expanded(only(render([item], told, 10.0))) == ["1", "3", "5", "7", "7"]


def test_a_gauge_in_steps_changes_now_and_then(job: Job) -> None:
    item = one("gauge", job)
    told = [Segment(60.0, {item: Level(slope=0.04, in_steps=True)})]
    assert expanded(only(render([item], told, 10.0))) == ["0", "0", "0", "1", "1", "2"]


def test_copies_come_and_go_each_on_a_target_of_its_own(job: Job) -> None:
    item = replace(one("gauge", job), apart=("version",))
    segments = [Segment(20.0, {item: Level(at=1.0, copies=n)}) for n in (2, 1, 0)]
    first, second = render([item], segments, 10.0).items()
    assert 'version="version-1"' not in first[0]
    assert 'version="version-1"' in second[0]
    assert first[0].count("instance=") == second[0].count("instance=") == 1
    assert (first[1], second[1]) == ("1x3 stale _", "1x1 stale _x3")
