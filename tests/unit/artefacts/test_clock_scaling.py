"""Time made short: what is divided, what is divided back, what is left alone and what is refused."""

import random

import pytest

from harness.artefacts.clock import Clock, ScrapeIntervals
from harness.artefacts.clock_check import verify
from harness.artefacts.promql import parse
from harness.core.errors import ConfigError, HarnessError, Location

WALL = frozenset({"process_cpu_seconds_total", "gc_seconds"})
CLOCK = Clock(60, WALL)


def here(offset: int) -> Location:
    return Location("rules.yml", 4, offset + 1)


def scaled(text: str, clock: Clock = CLOCK) -> str:
    return clock.expression(parse(text, here)).text


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("rate(a[5m]) > 0.1", "(rate(a[5s])/60) > 0.1"),
        ("irate(a[5m])", "(irate(a[5s])/60)"),
        ("deriv(a[10m:1m])", "(deriv(a[10s:1s])/60)"),
        ("increase(a[5m]) > 3", "increase(a[5s]) > 3"),
        ("a offset 5m", "a offset 5s"),
        ("SUM BY (x) (a OFFSET - 5m)", "SUM BY (x) (a OFFSET - 5s)"),
        ("offset5m + a:offset:rate5m offset-5m", "offset5m + a:offset:rate5m offset-5s"),
        ("a offset -1h30m", "a offset -1m30s"),
        ("max_over_time(rate(a[5m])[1h:30s])", "max_over_time((rate(a[5s])/60)[1m:500ms])"),
        ("deriv(rate(a[5m])[1h:1m])", "(deriv((rate(a[5s])/60)[1m:1s])/60)"),
        ("absent_over_time(up[1m])", "absent_over_time(up[1s])"),
        ("min_over_time(up[1h:])", "min_over_time(up[1m:])"),
        ("rate(a[300])", "(rate(a[5s])/60)"),
        ("a > 5", "a > 5"),
        ('a{rate="5m",offset="[5m]"} # rate(a[5m])', 'a{rate="5m",offset="[5m]"} # rate(a[5m])'),
        ("sum by (rate) (rate (a[1m]))", "sum by (rate) ((rate (a[1s])/60))"),
        ("-rate(a[1m]) ^ 2", "-(rate(a[1s])/60) ^ 2"),
        ("rate(process_cpu_seconds_total[5m])", "rate(process_cpu_seconds_total[5s])"),
        ("rate(gc_seconds_sum[5m])", "rate(gc_seconds_sum[5s])"),
        ("increase(gc_seconds_count[5m])", "(increase(gc_seconds_count[5s])*60)"),
        ("a / on () group_left (b) rate(c[5m])", "a / on () group_left (b) (rate(c[5s])/60)"),
        ("topk(3, sum without (x) (rate(a[5m])))", "topk(3, sum without (x) ((rate(a[5s])/60)))"),
        ('label_replace(a, "b", "$1", "c", "(.*)[5m]")', 'label_replace(a, "b", "$1", "c", "(.*)[5m]")'),
    ],
)
def test_expressions(original: str, expected: str) -> None:
    assert scaled(original) == expected


def test_speed_one_leaves_everything_alone() -> None:
    text = "time() - a > rate(b[1s] @ 5)"
    assert Clock(1).expression(parse(text, here)).text == text


def test_a_fractional_speed_is_written_in_full() -> None:
    assert scaled("rate(a[5m])", Clock(7.5)) == "(rate(a[40s])/7.5)"


def test_changes_name_place_before_and_after() -> None:
    changes = CLOCK.expression(parse("sum(rate(a[67s]))", here)).changes
    assert [(str(each.location), each.before, each.after) for each in changes] == [
        ("rules.yml:4:5", "rate(a[67s])", "(rate(a[1s117ms])/60)"),
        ("rules.yml:4:12", "67s", "1s117ms"),
    ]
    assert 0 < changes[1].error_ratio < 0.001
    assert "rounded by 0.03%" in str(changes[1])
    assert "rounded" not in str(changes[0])


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("holt_winters(a[1h], 0.5, 0.5) < 0", 1, "holt_winters"),
        ("1 + (time() - a)", 6, r"time\(\)"),
        ("timestamp(a) > 5", 1, r"timestamp\(\)"),
        ("a and on () hour() < 6", 13, r"hour\(\)"),
        ("day_of_week() == 0", 1, "calendar"),
        ("double_exponential_smoothing(a[5m], 0.5, 0.5)", 1, "smoothing"),
        ("ts_of_max_over_time(a[5m])", 1, "instant"),
        ("rate(a[5m] @ 100)", 12, "@ modifier"),
        ("rate(process_cpu_seconds_total[5m]) > rate(a[5m])", 1, "mixes"),
        ('rate({__name__=~"process_.*"}[5m])', 1, "both clocks"),
        ("changes(process_cpu_seconds_total[5m])", 1, "counts ticks"),
        ("rate(a[50ms])", 8, "more than 1 %"),
    ],
)
def test_what_cannot_be_scaled_is_refused_where_it_stands(text: str, column: int, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        CLOCK.expression(parse(text, here))
    assert caught.value.location == Location("rules.yml", 4, column)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "scaled"),
    [
        ("predict_linear(a[1h], 4 * 3600) < 0", "predict_linear(a[1m], (4 * 3600)/60) < 0"),
        ('predict_linear(a{x="1,("}[1h] offset 5m,86400)<0', 'predict_linear(a{x="1,("}[1m] offset 5s,(86400)/60)<0'),
        ("predict_linear(deriv(a[5m])[1h:1m], (3600 ))", "predict_linear((deriv(a[5s])/60)[1m:1s], ((3600 ))/60)"),
        ("predict_linear(a[1h], scalar(b or c))", "predict_linear(a[1m], (scalar(b or c))/60)"),
        ("predict_linear(process_cpu_seconds_total[1h], 9)", "predict_linear(process_cpu_seconds_total[1m], 9)"),
    ],
)
def test_the_horizon_of_a_forecast_is_a_length_of_time(text: str, scaled: str) -> None:
    found = CLOCK.expression(parse(text, here))
    assert found.text == scaled
    assert any(change.why == "clock: horizon divided by speed 60" for change in found.changes) == (")/60" in scaled)


@pytest.mark.parametrize(
    ("text", "scaled"),
    [
        ("a / on (x) group_left rate(b[5m])", "a / on (x) group_left () (rate(b[5s])/60)"),
        ("a / on (x) GROUP_RIGHT # all\n rate(b[5m])", "a / on (x) GROUP_RIGHT # all\n () (rate(b[5s])/60)"),
        ("a / on (x) group_left (y) rate(b[5m])", "a / on (x) group_left (y) (rate(b[5s])/60)"),
        ("a > bool rate(b[5m])", "a > bool (rate(b[5s])/60)"),
    ],
)
def test_a_factor_s_bracket_is_never_read_as_labels(text: str, scaled: str) -> None:
    assert CLOCK.expression(parse(text, here)).text == scaled


def test_a_gauge_of_the_other_clock_mixes_nothing() -> None:
    assert scaled("rate(process_cpu_seconds_total[5m]) > 0.9 and on () up == 1").endswith("and on () up == 1")


SCRAPES = ScrapeIntervals(10, 15)


@pytest.mark.parametrize("text", ["rate(a[19s])", "max_over_time(rate(a[5m])[1m:40s])"])
def test_ranges_under_two_samples_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="fewer than two samples"):
        CLOCK.expression(parse(text, here), SCRAPES)


def test_ranges_under_four_samples_are_warned_of() -> None:
    assert CLOCK.expression(parse("rate(a[60s])", here), SCRAPES).warnings == ()
    assert "fewer than four" in CLOCK.expression(parse("rate(a[59s])", here), SCRAPES).warnings[0]
    assert CLOCK.expression(parse("rate(a[3s])", here)).warnings == ()


def test_durations_of_configuration() -> None:
    change = CLOCK.duration("15s", here(0))
    assert (change.before, change.after, change.error_ratio) == ("15s", "250ms", 0)
    assert CLOCK.duration("0s", here(0)).after == "0s"
    assert Clock(7).duration("10s", here(0)).after == "1s429ms"


@pytest.mark.parametrize(("text", "problem"), [("soon", "not a duration"), ("10ms", "more than 1 %")])
def test_bad_durations_are_refused_with_their_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        CLOCK.duration(text, here(2))
    assert caught.value.location == here(2)


@pytest.mark.parametrize("speed", [0, 0.5, -1, float("inf"), float("nan")])
def test_speeds_are_sane(speed: float) -> None:
    with pytest.raises(ConfigError, match="speed"):
        Clock(speed)


@pytest.mark.parametrize(
    ("original", "wrong"),
    [
        ("rate(a[5m])", "rate(a[5s])"),
        ("rate(a[5m])", "(rate(a[5s])/61)"),
        ("rate(a[5m])", "(rate(a[5m])/60)"),
        ("rate(a[5m])", "(rate(b[5s])/60)"),
        ("rate(a[5m])", "(rate(a[5s])*60)"),
        ("a > 1", "a > 2"),
        ("a > 1", "a >= 1"),
        ("a > 1", "a > bool 1"),
        ("sum by (x) (a)", "sum by (y) (a)"),
        ("sum by (x) (a)", "sum(a)"),
        ("a offset 5m", "a offset -5s"),
        ("abs(a)", "ceil(a)"),
        ("a + on (x) b", "a + ignoring (x) b"),
        ('label_replace(a,"b","c","d","e")', 'label_replace(a,"b","x","d","e")'),
        ("min_over_time(a[5m:1m])", "min_over_time(a[5s:2s])"),
        ("round(a)", "round(a, 5)"),
    ],
)
def test_the_proof_rejects_any_other_difference(original: str, wrong: str) -> None:
    with pytest.raises(HarnessError, match="scaling went wrong"):
        verify(parse(original, here).tree, parse(wrong, here).tree, CLOCK)


def _random_instant(dice: random.Random, depth: int) -> str:
    """Some instant vector of PromQL: whatever it is, scaling must prove itself on it."""
    if depth == 0:
        return dice.choice(["a", 'b{c="[5m]"}', "d offset 5m", "e:offset:rate5m", "rate{x=~`.*[5m]`}", "f offset -1h"])
    inner = _random_instant(dice, depth - 1)
    window = dice.choice(
        [f"a[{dice.choice(['5m', '90s', '1h30m', '300'])}]", f"({inner})[1h:{dice.choice(['', '30s'])}]"]
    )
    function = dice.choice(
        ["rate", "irate", "increase", "deriv", "max_over_time", "delta", "changes", "absent_over_time"]
    )
    return dice.choice(
        [
            f"{function}({window})",
            f"{function} ( {window} offset 10m )",
            f"sum by (rate) ({inner})",
            f"({inner}) / on () group_left (x) ({_random_instant(dice, depth - 1)})",
            f"-{inner} > bool 0.5",
            f"topk(3, {inner}) # rate(a[5m])\n",
            f'label_replace({inner}, "x", "$1", "y", "(.*)[5m]")',
        ]
    )


def test_whatever_is_written_the_scaled_form_proves_itself() -> None:
    dice = random.Random(60)
    for _ in range(400):
        text = _random_instant(dice, dice.randint(1, 4))
        query = parse(text, here)
        result = CLOCK.expression(query)
        wrapped = [call for call in query.calls if call.name in ("rate", "irate", "deriv")]
        assert result.text.count("/60)") == len(wrapped)
        assert len(result.changes) == len(wrapped) + len(query.durations)
