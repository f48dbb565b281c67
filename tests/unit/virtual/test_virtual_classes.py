"""Which series an alert reads, by contract, configuration and selectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.artefacts.chains import Chains
from harness.artefacts.rules import RuleFile
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.virtual.classes import inputs_of
from harness.virtual.families import Catalogue
from harness.virtual.inputs import Input, Level, Segment, render
from harness.virtual.reasons import NotGeneratedError
from harness.virtual.subjects import examined_alerts, rule_set

SHOP = Path(__file__).parents[2] / "integration" / "virtual" / "data" / "shop"
Rules = Callable[[str], RuleFile]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    campaign = load_campaign([SHOP])
    return Catalogue(campaign, read_production(campaign))


@pytest.fixture
def inputs(catalogue: Catalogue, rules: Rules) -> Callable[[str], tuple[Input, ...]]:
    def read(expression: str) -> tuple[Input, ...]:
        text = "".join(f"      {line}\n" for line in ["- alert: A", "  expr: |", f"    {expression}"])
        return inputs_of(rules(text).alerts[0], {}, catalogue)

    return read


def labels(found: tuple[Input, ...]) -> list[dict[str, str]]:
    return [dict(each.labels) for each in found]


def test_narrow_and_broad_selectors_get_a_class_each(inputs) -> None:
    found = inputs('sum(rate(shop_requests_total{code=~"5.."}[5m])) / sum(rate(shop_requests_total[5m]))')
    assert labels(found) == [{"code": "500", "route": "/a"}, {"code": "200", "route": "/a"}]
    assert [dict(each) for each in found[0].variants] == [
        {"code": "500", "route": "/b"}, {"code": "500", "route": "/c"}]  # fmt: skip
    assert all(dict(each)["code"] in {"200", "404"} for each in found[1].variants)


def test_a_broad_selector_alone_spreads_over_the_first_label(inputs) -> None:
    (found,) = inputs("sum(rate(shop_requests_total[5m])) > 1")
    assert [dict(each)["code"] for each in found.variants] == ["500", "404"]


@pytest.mark.parametrize("matchers", ['team="db"', 'route="/z"', 'code="6xx"', 'code="500", code!="500"'])
def test_matchers_that_nothing_declared_can_pass_are_named(inputs, matchers: str) -> None:
    with pytest.raises(NotGeneratedError, match="no series that is declared passes shop_requests_total"):
        inputs(f"rate(shop_requests_total{{{matchers}}}[5m]) > 1")


def test_a_value_of_the_declared_pattern_passes(inputs) -> None:
    (found,) = inputs('rate(shop_requests_total{code="503"}[5m]) > 1')
    assert dict(found.labels)["code"] == "503"


def test_values_come_from_the_matchers_where_nothing_is_declared(inputs) -> None:
    (found,) = inputs('mystery{kind=~"disk|net", zone!="a", host=~".+\\\\d"} > 1')
    assert found.family.is_declared is False
    assert dict(found.labels)["kind"] == "disk"
    assert "zone" not in dict(found.labels), "an empty value passes, and is no label"


def test_histograms_are_known_by_all_their_parts(inputs) -> None:
    found = inputs("rate(shop_request_seconds_sum[5m]) / rate(shop_request_seconds_count[5m]) > 1")
    assert [(each.family.kind, each.family.buckets) for each in found] == [("histogram", (0.1, 0.3, 1.0, 3.0))]
    (guessed,) = inputs("histogram_quantile(0.9, rate(other_bucket[5m])) > 1")
    assert (guessed.family.name, guessed.family.kind, guessed.quantile) == ("other", "histogram", 0.9)


def test_jobs_come_from_matchers_exporters_and_the_subject(inputs) -> None:
    assert inputs("shop_in_flight > 1")[0].job.name == "shop"
    assert inputs("node_filesystem_avail_bytes < 1")[0].job.name == "node"
    assert inputs('up{job="node"} == 0')[0].job.interval_s == 30.0
    assert inputs('up{job="elsewhere"} == 0')[0].job.name == "elsewhere"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [("ALERTS > 0", "reads ALERTS"), ('{zone="a"} > 1', "without naming their metric")],
)
def test_what_cannot_be_made_is_refused_by_name(inputs, expression: str, reason: str) -> None:
    with pytest.raises(NotGeneratedError, match=reason):
        inputs(expression)


def test_recordings_are_followed_to_their_leaves(rules: Rules, catalogue: Catalogue) -> None:
    file = rules(
        "      - {record: fast, expr: 'rate(shop_requests_total[5m])'}\n"
        "      - {record: slow, expr: 'avg_over_time(fast[1h])'}\n"
        "      - {alert: A, expr: 'slow > 1'}\n"
    )
    recordings = {rule.name: rule for rule in file.recordings}
    assert [each.family.name for each in inputs_of(file.alerts[0], recordings, catalogue)] == ["shop_requests_total"]
    chains = Chains([file], 15.0)
    assert chains.range_s(file.alerts[0]) == 3600 + 300
    assert chains.recorded_s(file.alerts[0]) == 2 * 15
    assert [each.rule.name for each in chains.needed_by(file.alerts[0])] == ["fast", "slow"]


def test_a_recording_made_of_itself_is_an_error(rules: Rules, catalogue: Catalogue) -> None:
    file = rules("      - {record: a, expr: 'b'}\n      - {record: b, expr: 'a'}\n      - {alert: A, expr: 'a > 1'}\n")
    with pytest.raises(ConfigError, match="made of itself"):
        inputs_of(file.alerts[0], {rule.name: rule for rule in file.recordings}, catalogue)


def test_alerts_of_one_name_are_told_apart(catalogue: Catalogue) -> None:
    campaign = load_campaign([SHOP])
    production = read_production(campaign)
    known = {each.name: each for each in examined_alerts(campaign, production)}
    assert {"Hot[ticket]", "Hot[page]"} <= known.keys()
    assert known["BurnFast"].series == 'ALERTS{alertname="BurnFast", severity="page", slo="availability"}'
    assert known["BurnFast"].reads_recordings
    assert [path.name for path in known["BurnFast"].files] == ["burn.yml"]
    assert known["BurnSlow"].solving_step_s == 15.0 * 25
    assert known["NoTraffic"].solving_step_s == 15.0
    assert rule_set(production, known["Hot[page]"].files).groups == ("shop",)
    assert rule_set(production).groups == ("records", "slo", "shop", "meta")
    assert rule_set(production).external_labels == {"region": "eu"}


@pytest.mark.parametrize(
    ("expression", "job", "found"),
    [
        ('used{job="node", zone="b"} / limit > 0.75', ["node", "node"], [{"zone": "b"}, {"zone": "b"}]),
        ('used{job="node", zone!=""} > 1 and on (zone) limit > 2', ["node", "node"], [{"zone": "a"}, {"zone": "a"}]),
        ('used{job="node"} / limit{job="other"} > 1', ["node", "other"], [{}, {}]),
        ('used{kind="x"} / used > 1', ["job", "job", "job"], [{"kind": "x"}, {}, {"kind": "a"}]),
    ],
)
def test_families_of_which_nothing_is_declared_carry_what_joins_them(
    inputs, expression: str, job: list[str], found: list[dict[str, str]]
) -> None:
    read = inputs(expression)
    if "job" not in job:
        assert [each.job.name for each in read] == job
    assert labels(read) == found


def test_a_label_that_no_selector_names_is_spread_alike_for_all_classes(inputs) -> None:
    failed, all_of = 'rate(shop_requests_total{code="500"}[5m])', "rate(shop_requests_total[5m])"
    found = inputs(f"{failed} / ignoring (code) sum without (code) ({all_of})")
    assert [{dict(each)["route"] for each in one.variants} for one in found] == [{"/b", "/c"}, {"/b", "/c"}]


def test_what_is_grouped_alike_carries_the_same_label(inputs) -> None:
    expression = "sum by (room) (shop_temperature) > 5 and sum by (room) (rate(fans_total[5m])) == 0"
    assert labels(inputs(expression)) == [{"room": "north"}, {"room": "north"}]
    expression = "shop_request_seconds_count > on (route) rate(shop_requests_total[5m])"
    assert [each["route"] for each in labels(inputs(expression))] == ["/a", "/a"]
    assert labels(inputs("shop_temperature > on (instance) wind")) == [{"room": "north"}, {}]


@pytest.mark.parametrize(
    ("matchers", "place", "most"),
    [
        ('job=~"db|cache"', ("db", "db-1:80"), 3),
        ('job=~"probe/.+", job!="probe/0"', ("probe/a", "probe/a-1:80"), 3),
        ('job="shop", instance=~"shop.*"', ("shop", "shop:80"), 3),
        ('instance="mail-7:25"', ("shop", "mail-7:25"), 1),
        ('instance=~"mail-(7|8):25"', ("shop", "mail-7:25"), 2),
    ],
)
def test_targets_pass_the_matchers_that_name_them(inputs, matchers: str, place: tuple[str, str], most: int) -> None:
    (found,) = inputs(f"mystery{{{matchers}}} > 1")
    assert (found.job.place, found.job.most) == (place, most)


def test_selectors_that_no_one_job_suits_get_one_each(inputs) -> None:
    found = inputs('up{job="db"} == 0 or up{job="cache"} == 0')
    assert [each.job.name for each in found] == ["db", "cache"]
    found = inputs('mystery{instance="a"} > on () mystery{instance="b"}')
    assert [each.job.place for each in found] == [("shop", "a"), ("shop", "b")]


def test_families_that_are_joined_share_the_instance(inputs) -> None:
    found = inputs('mystery{instance="a", zone="z"} > riddle')
    assert [each.job.place for each in found] == [("shop", "a"), ("shop", "a")]


def test_a_bucket_that_a_rule_names_is_there_as_prometheus_stores_it(inputs) -> None:
    (found,) = inputs('rate(other_bucket{le="0.3"}[5m]) / ignoring (le) rate(other_bucket{le="+Inf"}[5m]) < 0.9')
    assert 0.3 in found.family.buckets
    names = render((found,), [Segment(60.0, {found: Level(rate=1.0, at=0.2)})], 30.0)
    assert {name for name in names if 'le="1.0"' in name}
    assert not {name for name in names if 'le="1"' in name}


def test_metrics_that_are_named_by_an_expression_are_made(inputs) -> None:
    found = inputs('sum({__name__=~"queue_(in|out)_total", zone="z"}) > 1')
    assert [(each.family.name, dict(each.labels)) for each in found] == [
        ("queue_in_total", {"zone": "z"}), ("queue_out_total", {"zone": "z"})]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("jobs_failed_total > 0", "gauge"),
        ("rate(jobs_failed_total[5m]) > 0", "counter"),
        ("rate(jobs_failed_total[5m]) > 0 and jobs_failed_total > 9", "counter"),
        ("changes(jobs_failed_total[5m]) > 1", "gauge"),
    ],
)
def test_what_nothing_declares_counts_where_its_growth_is_asked_for(inputs, expression: str, kind: str) -> None:
    assert {each.family.kind for each in inputs(expression)} == {kind}


def test_a_quantile_that_nothing_declares_can_reach_what_it_is_compared_with(inputs) -> None:
    (found,) = inputs("histogram_quantile(0.99, rate(other_bucket[5m])) > 300")
    assert {150.0, 300.0, 600.0, 1200.0} < set(found.family.buckets)
    (found,) = inputs("histogram_quantile(0.99, rate(other_bucket[5m])) > 3")
    assert found.family.buckets[-1] == 10.0


def test_instants_are_seconds_since_the_epoch(inputs) -> None:
    (found,) = inputs("time() - last_backup > 5")
    level = Level(at=-90.0, slope=1.0, moment=True)
    (written,) = render((found,), [Segment(60.0, {found: level})], 30.0, start_s=1e9).values()
    assert written == "999999910 999999940"


def test_what_a_count_counts_is_told_apart_by_what_it_is_grouped_by_below(inputs) -> None:
    assert inputs("count by (job) (count by (job, version) (build)) > 1")[0].apart == ("version",)
    assert inputs("count by (zone) (count by (zone, version) (build)) > 1")[0].apart == ("version",)
    assert inputs("count by (zone) (build) > 1")[0].apart == ()
