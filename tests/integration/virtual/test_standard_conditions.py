"""Every shape of alert under every standard condition, on the real promtool."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.virtual.conditions import CONDITIONS
from harness.virtual.suite import Report, examine

Edited = Callable[[str, str], Campaign]
TINY = Path(__file__).parents[3] / "fixtures" / "tiny"
ORDINARY = ["LatencyShare", "LatencyMean", "LatencyP99", "DiskFull", "InstanceDown", "JobGone", "ErrorsPerSeries",
            "ManyErrors", "Hot", "Unknown", "NoTraffic", "Compare", "Crowded", "Slipping", "TooFew",
            "Changes"]  # fmt: skip


@pytest.fixture(scope="module")
def report(shop: Campaign, promtool: Path) -> Report:
    return examine(shop, promtool, alerts=ORDINARY)


@pytest.fixture(scope="module")
def tiny(promtool: Path) -> Report:
    return examine(load_campaign([TINY]), promtool)


def test_every_alert_has_a_cell_for_every_condition(report: Report) -> None:
    alerts = {cell.alert for cell in report.cells}
    assert len(alerts) == len(ORDINARY) + 1, "two rules are named Hot"
    assert {(cell.alert, cell.condition) for cell in report.cells} == {(a, c) for a in alerts for c in CONDITIONS}


@pytest.mark.parametrize(
    "alert", ["LatencyShare", "LatencyMean", "DiskFull", "InstanceDown", "JobGone", "ErrorsPerSeries",
              "ManyErrors", "Hot[ticket]", "Hot[page]", "NoTraffic"],
)  # fmt: skip
def test_the_designed_trigger_fires_in_time_and_resolves(report: Report, alert: str) -> None:
    assert report.cell(alert, "designed trigger").verdict == "held", report.cell(alert, "designed trigger")


def test_a_text_about_a_label_that_is_not_there_is_named(report: Report) -> None:
    cell = report.cell("LatencyP99", "designed trigger")
    assert cell.verdict == "violated"
    assert cell.why == "its summary speaks of the label nothing, which the alert does not carry"


@pytest.mark.parametrize("alert", ["LatencyMean", "LatencyP99", "ErrorsPerSeries", "ManyErrors", "DiskFull"])
def test_the_threshold_itself_is_quiet(report: Report, alert: str) -> None:
    assert report.cell(alert, "at threshold").verdict == "held"
    assert report.cell(alert, "just below").verdict == "held"


def test_what_moves_an_alert_is_told(report: Report) -> None:
    assert report.moved_by["LatencyP99"] == "quantile of shop_request_seconds"
    assert report.moved_by["LatencyShare"] == "share of slow events of shop_request_seconds"
    assert report.moved_by["InstanceDown"] == "value of up"
    assert report.moved_by["JobGone"] == "presence of its series"
    assert report.guessed == {"Unknown": ("mystery_done",)}


def test_a_rate_that_is_not_summed_misses_spread_traffic(report: Report) -> None:
    cell = report.cell("ErrorsPerSeries", "spread")
    assert (cell.verdict, cell.why) == ("violated", "it should fire")
    assert report.cell("ManyErrors", "spread").verdict == "held"


def test_an_average_hides_one_bad_instance(report: Report) -> None:
    assert report.cell("Hot[ticket]", "spread").verdict == "violated"


def test_an_alert_on_little_traffic_fires_without_any(report: Report) -> None:
    for condition in ("fresh start", "series at zero", "idle"):
        assert report.cell("NoTraffic", condition).verdict == "violated", condition
    assert report.cell("NoTraffic", "target gone").verdict == "held"


def test_absence_fires_only_for_the_alert_on_absence(report: Report) -> None:
    assert report.cell("JobGone", "series absent").does.startswith("fires")
    assert report.cell("JobGone", "target gone").does.startswith("fires")
    assert report.cell("InstanceDown", "target gone").does == "quiet"


def test_a_restart_is_one_failed_scrape(report: Report) -> None:
    assert report.cell("InstanceDown", "restart").does.startswith("pends")


def test_a_warning_yields_to_its_critical_sibling(report: Report) -> None:
    assert report.cell("Hot[ticket]", "sibling").verdict == "held"
    assert report.cell("Hot[ticket]", "decay").verdict == "held"
    assert report.cell("Hot[page]", "sibling").verdict == "not applicable"


def test_what_cannot_be_generated_is_named(report: Report) -> None:
    cell = report.cell("Compare", "designed trigger")
    assert (cell.verdict, cell.does) == ("inconclusive", "not generated")
    assert "room is on one of its two sides alone" in cell.why


@pytest.mark.parametrize(("alert", "moved_by"), [("Crowded", "value of shop_in_flight"),
                                                 ("Slipping", "events per second of shop_requests_total")])  # fmt: skip
def test_a_comparison_of_two_series_has_conditions_at_its_threshold(report: Report, alert: str, moved_by: str) -> None:
    assert report.moved_by[alert] == moved_by
    for condition in ("designed trigger", "at threshold", "just below"):
        assert report.cell(alert, condition).verdict == "held", report.cell(alert, condition)


def test_instances_that_are_counted_are_fewer(report: Report) -> None:
    assert report.moved_by["TooFew"] == "number of series of up"
    for condition in ("designed trigger", "restart"):
        assert report.cell("TooFew", condition).verdict == "held", report.cell("TooFew", condition)
    assert report.cell("TooFew", "spread").why == "its series are many already"


def test_the_threshold_of_two_series_that_may_be_equal_fires(edited: Edited, promtool: Path) -> None:
    """The control: where equal sides count, the very input that was quiet fires."""
    campaign = edited("shop_in_flight > on", "shop_in_flight >= on")
    cell = examine(campaign, promtool, alerts=["Crowded"], conditions=["at threshold"]).cell("Crowded", "at threshold")
    assert (cell.verdict, cell.does[:5]) == ("reported", "fires")


def test_an_input_that_missed_its_level_proves_nothing(report: Report) -> None:
    cell = report.cell("Unknown", "designed trigger")
    assert cell.verdict == "inconclusive"
    assert re.search(r"came out at .* instead of 10", cell.why)


def test_an_alert_that_always_fires_is_judged_by_its_silence(shop: Campaign, promtool: Path) -> None:
    found = examine(shop, promtool, alerts=["Watchdog", "Sleepy"])
    watchdog, sleepy = (found.cell(name, "designed trigger") for name in ("Watchdog", "Sleepy"))
    assert (watchdog.verdict, watchdog.does) == ("held", "fires throughout")
    assert (sleepy.verdict, sleepy.does) == ("violated", "is silent at times")
    assert found.cell("Watchdog", "idle").why == "it reads no series"


def test_an_alert_on_alerts_is_not_generated(shop: Campaign, promtool: Path) -> None:
    found = examine(shop, promtool, alerts=["Meta"], conditions=["designed trigger"])
    assert found.cell("Meta", "designed trigger").why.startswith("it reads ALERTS; ")


def test_siblings_that_different_inputs_move_are_not_generated(report: Report) -> None:
    cell = report.cell("ManyErrors", "sibling")
    assert (cell.verdict, cell.why) == ("inconclusive", "it and LatencyP99 are moved by different inputs")


def test_quiet_proves_nothing_of_an_alert_that_cannot_fire(edited: Edited, promtool: Path) -> None:
    campaign = edited("> 1\n        for: 1m", "> 1e9\n        for: 1m")
    found = examine(campaign, promtool, alerts=["LatencyMean"], thresholds={"LatencyMean": 1.0},
                    conditions=["designed trigger", "idle"])  # fmt: skip
    assert (
        found.cell("LatencyMean", "idle").why
        == "it fires neither on its designed trigger nor in an example: quiet proves nothing"
    )


def test_burn_rates_over_recordings_of_hours(shop: Campaign, promtool: Path) -> None:
    found = examine(
        shop, promtool, alerts=["BurnFast", "BurnSlow", "BurnDirect"], conditions=["designed trigger", "just below"]
    )
    assert {cell.verdict for cell in found.cells} == {"held"}, found.cells


def test_the_tiny_subject_is_well_behaved(tiny: Report) -> None:
    assert {cell.verdict for cell in tiny.cells} == {"held", "reported", "not applicable"}
    assert tiny.cell("TinyFailing", "designed trigger").does == "fires 30s to 2m20s"
    assert tiny.fired["TinyFailing"] == ({"alertname": "TinyFailing", "service": "tiny", "severity": "critical"},)


@pytest.mark.parametrize(
    ("before", "after", "alert", "condition", "verdict"),
    [
        ("increase(shop_requests_total", "delta(shop_requests_total", "ManyErrors", "designed trigger", "held"),
        ("avg(shop_temperature) >= 40", "max(shop_temperature) >= 40", "Hot[ticket]", "spread", "held"),
        ("avg(shop_temperature) >= 40", "avg(shop_temperature) > 40", "Hot[ticket]", "at threshold", "held"),
        ("equal: [slo]", "equal: [severity]", "Hot[ticket]", "sibling", "violated"),
        ('severity="ticket"', 'severity="tickets"', "Hot[ticket]", "sibling", "violated"),
        ("equal: [slo]", 'equal: [slo], target_match_re: {severity: "page|ticket"}', "Hot[ticket]", "sibling", "held"),
        ("keep_firing_for: 2m", "keep_firing_for: 0s", "Hot[ticket]", "decay", "violated"),
        ("rate(shop_requests_total[5m])) < 0.01", "rate(shop_requests_total[5m])) > 0.01", "NoTraffic", "idle", "held"),
        ('{{ $value }}"}', '{{ template \\"no\\" }}"}', "LatencyP99", "designed trigger", "violated"),
    ],
)  # fmt: skip
def test_an_edit_changes_the_cell_that_it_should(
    edited: Edited, promtool: Path, before: str, after: str, alert: str, condition: str, verdict: str
) -> None:
    conditions = list(dict.fromkeys(["designed trigger", condition]))
    found = examine(edited(before, after), promtool, alerts=[alert.partition("[")[0]], conditions=conditions)
    assert found.cell(alert, condition).verdict == verdict, found.cell(alert, condition)


def test_a_changed_threshold_shows_against_the_intended_one(edited: Edited, promtool: Path) -> None:
    campaign, meant = edited("> 1\n        for: 1m", "> 2.5\n        for: 1m"), {"LatencyMean": 1.0}
    found = examine(campaign, promtool, alerts=["LatencyMean"], thresholds=meant, conditions=["designed trigger"])
    assert found.cell("LatencyMean", "designed trigger").why == "it should fire"


@pytest.mark.parametrize(
    ("before", "after"),
    [("for: 1m", "for: 3m"), ("shop_request_seconds_sum[5m]))", "shop_request_seconds_sum[20m]))")],
)
def test_a_changed_duration_shows_against_the_intended_instant(
    edited: Edited, shop: Campaign, promtool: Path, before: str, after: str
) -> None:
    key = ("LatencyMean", "designed trigger")
    text = {key: "fires between 2m and 3m"}
    held = examine(shop, promtool, alerts=key[:1], expected=text, conditions=key[1:])
    assert held.cell(*key).verdict == "held", held.cells
    rule = "sum(rate(shop_request_seconds_sum[5m])) / sum(rate(shop_request_seconds_count[5m])) > 1\n        for: 1m"
    changed = rule.replace(before, after).replace("_count[5m]", "_count[20m]" if "20m" in after else "_count[5m]")
    found = examine(edited(rule, changed), promtool, alerts=key[:1], expected=text, conditions=key[1:])
    assert found.cell(*key).verdict == "violated", found.cells


def test_expectations_override_the_defaults(promtool: Path) -> None:
    wanted = {("TinyFailing", "idle"): "fires", ("TinyFailing", "hang"): "quiet", ("TinyFailing", "restart"): "any"}
    found = examine(load_campaign([TINY]), promtool, expected=wanted)
    verdicts = [found.cell("TinyFailing", condition).verdict for condition in ("idle", "hang", "restart")]
    assert verdicts == ["violated", "held", "reported"]


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({("A", "idel"): "quiet"}, "did you mean 'idle'"),
        ({("A", "idle"): "silent"}, "'silent' is nothing that an alert does here"),
        ({("A", "idle"): "fires between 4m and 3m"}, "is nothing that an alert does here"),
        ({("A", "idle"): "fires between soon and later"}, "is nothing that an alert does here"),
    ],
)
def test_a_misspelt_expectation_is_refused(shop: Campaign, expected, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        examine(shop, Path("promtool"), expected=expected)


@pytest.mark.parametrize(
    ("whole", "spread"),
    [(1000, ("inconclusive", "unknown: another rule cannot be evaluated")), (5, ("violated", "quiet"))],
    ids=["beside the others", "cut from a longer file"],
)
def test_a_rule_that_fails_blames_itself_alone(
    edited: Edited, promtool: Path, monkeypatch: pytest.MonkeyPatch, whole: int, spread: tuple[str, str]
) -> None:
    monkeypatch.setattr("harness.virtual.subjects._WHOLE", whole)
    broken = "shop_temperature * on() group_left() {__name__=~'shop_in_flight|shop_temperature'}"
    campaign = edited("- alert: Changes", f'- alert: Broken\n        expr: "{broken} > 1"\n      - alert: Changes')
    found = examine(campaign, promtool, alerts=["Hot", "Broken"], conditions=["designed trigger", "spread"])
    assert found.cell("Broken", "designed trigger").verdict == "inconclusive"
    hot = found.cell("Hot[ticket]", "spread")
    assert (hot.verdict, hot.does) == spread
    assert ("rule: Broken" in hot.why) == (whole == 1000)


def test_a_rule_that_cannot_be_evaluated_is_violated(edited: Edited, promtool: Path) -> None:
    doubled = "shop_requests_total * on(job) shop_temperature"
    campaign = edited("avg(shop_temperature) >= 40", f"avg(shop_temperature) >= 40 or sum({doubled}) > 1e12")
    found = examine(campaign, promtool, alerts=["Hot"], conditions=["designed trigger", "spread"])
    cell = found.cell("Hot[ticket]", "spread")
    assert (cell.verdict, cell.does) == ("violated", "cannot be evaluated"), found.cells
