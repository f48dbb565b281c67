"""Every check finds what is wrong, and nothing in the file that differs from it in one thing and is right."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.artefacts.alertmanager_config import read_alertmanager
from harness.artefacts.prometheus_config import read_prometheus
from harness.artefacts.rules import read_rules
from harness.contract.planes import MetricFamily
from harness.core.source import parse_yaml
from harness.lint.checks import CHECKS, findings
from harness.lint.model import Files, Finding

_FAMILIES = {
    "orders_total": MetricFamily(type="counter"),
    "queue_depth": MetricFamily(type="gauge"),
    "took_seconds": MetricFamily(type="histogram", buckets=[0.5, 1, 5]),
}
_PROMETHEUS = "global: {scrape_interval: 15s, evaluation_interval: 15s}\nscrape_configs: [{job_name: shop}]\n"
_ROUTE = """\
route:
  receiver: default
  routes:
  - {receiver: pager, matchers: [severity="critical"]}
receivers: [{name: default}, {name: pager}]
"""


def _look(rules: str = "groups: []", routes: str = "", prometheus: str = _PROMETHEUS) -> tuple[Finding, ...]:
    documents = parse_yaml(rules, "rules.yml"), parse_yaml(routes, "alertmanager.yml")
    files = Files(
        rules=(read_rules(documents[0]),),
        prometheus=read_prometheus(parse_yaml(prometheus, "prometheus.yml")) if prometheus else None,
        alertmanager=read_alertmanager(documents[1]) if routes else None,
        families=_FAMILIES,
        units={},
        undeclared=lambda query: [f"{name} is declared nowhere" for name in query.metric_names if "typo" in name],
    )
    return findings(files, {"rules.yml": rules, "alertmanager.yml": routes})


def _codes(found: Sequence[Finding]) -> list[str]:
    return [each.code for each in found]


def _alert(expression: str, more: str = "") -> str:
    return f"groups:\n- name: shop\n  rules:\n  - alert: Odd\n    expr: {expression}\n{more}"


_RIGHT_AND_WRONG = [
    ("no-condition", "rate(orders_total[5m])", "rate(orders_total[5m]) > 0"),
    ("no-condition", "queue_depth", "queue_depth > 9"),
    ("no-condition", "queue_depth > bool 9", "(queue_depth > bool 9) == 1"),
    ("no-condition", "sum(a) or absent(a)", "sum(a) > 1 or absent(a)"),
    ("no-condition", "sum(a) / sum(b)", "sum(a) and sum(b)"),
    ("no-condition", "sum(a) * 2", 'some_state{state="broken"}'),
    ("no-condition", "count(a)", "count(a == 0)"),
    ("no-condition", "sum(a)", "vector(1)"),
    ("no-condition", "sum(a)", 'sum(ALERTS{alertname="Other"})'),
    ("no-condition", "sum(a)", "sum(others:recording)"),
    ("never-ends", "orders_total > 5", "increase(orders_total[5m]) > 5"),
    ("never-ends", "5 < sum by (job) (orders_total)", "sum by (job) (queue_depth) > 5"),
    ("never-ends", "orders_total >= 0", "orders_total - orders_total offset 5m > 0"),
    ("never-ends", "orders_total > 5", "orders_total == 0"),
    ("rate-of-gauge", "rate(queue_depth[5m]) > 1", "deriv(queue_depth[5m]) > 1"),
    ("range-too-short", "rate(orders_total[20s]) > 1", "rate(orders_total[1m]) > 1"),
    ("range-too-short", "increase(orders_total[30s]) > 1", "max_over_time(queue_depth[20s]) > 1"),
    ("never-so-much", 'sum(rate(a{code="5"}[5m])) / sum(rate(a[5m])) > 5', "sum(rate(a[5m])) / sum(rate(b[5m])) > 5"),
    ("never-so-much", 'sum(a{x="1"}) / sum(a) > 1', 'sum(a{x="1"}) / sum(a) >= 1'),
    ("never-so-much", '100 * (sum(a{x="1"}) / sum(a)) > 100', '100 * (sum(a{x="1"}) / sum(a)) > 99'),
    ("never-so-much", 'sum by (j, x) (a{x="1"}) / on (j) group_left () sum by (j) (a) > 1', 'a{x="1"} / a{x="2"} > 1'),
    ("beyond-buckets", "histogram_quantile(0.9, sum by (le) (rate(took_seconds_bucket[5m]))) > 5",
     "histogram_quantile(0.9, sum by (le) (rate(took_seconds_bucket[5m]))) >= 5"),
    ("beyond-buckets", "max(histogram_quantile(0.9, rate(took_seconds_bucket[5m]))) > 7",
     "sum(histogram_quantile(0.9, rate(took_seconds_bucket[5m]))) > 7"),
    ("no-buckets", "histogram_quantile(0.9, sum by (job) (rate(x_bucket[5m]))) > 1",
     "histogram_quantile(0.9, sum by (job, le) (rate(x_bucket[5m]))) > 1"),
    ("no-buckets", "histogram_quantile(0.9, sum without (le) (rate(x_bucket[5m]))) > 1",
     "histogram_quantile(0.9, sum(rate(native[5m]))) > 1"),
    ("never-match", "sum by (a) (x) / sum by (b) (y) > 1", "sum by (a) (x) / sum by (a) (y) > 1"),
    ("never-match", "sum by (a) (x) > 1 and sum(y) > 1", "sum by (a) (x) > 1 and on () sum(y) > 1"),
    ("never-match", "sum by (a) (x) > sum by (a, b) (y)", "sum by (a) (x) > ignoring (b) sum by (a, b) (y)"),
    ("never-match", "sum by (a) (x) / sum(y) > 1", "sum by (a) (x) / scalar(sum(y)) > 1"),
    ("never-match", "sum by (a) (x) / sum(y) > 1", "sum by (a) (x) / (sum by (a) (y) or vector(1)) > 1"),
    ("never-match", "sum by (a) (x) / sum(y) > 1", "sum without (b) (x) / sum(y) > 1"),
    ("not-declared", "typo_total > bool 1 == 1", "other_total > bool 1 == 1"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "wrong", "right"), _RIGHT_AND_WRONG)
def test_expressions(code: str, wrong: str, right: str) -> None:
    found = _look(_alert(wrong))
    assert code in _codes(found), found
    assert (found[0].location.file, found[0].location.line) == ("rules.yml", 5)
    assert code not in _codes(_look(_alert(right)))


def test_a_recording_with_a_condition_is_one_and_without_is_none() -> None:
    record = (
        "groups:\n- name: g\n  rules:\n  - {{record: 'job:bad', expr: '{}'}}\n  - {{alert: A, expr: 'sum(job:bad)'}}\n"
    )
    assert _codes(_look(record.format("a > 1"))) == []
    assert _codes(_look(record.format("sum by (job) (a)"))) == ["no-condition"]


def test_a_recording_of_itself_ends() -> None:
    rules = (
        "groups:\n- name: g\n  rules:\n  - {record: 'a:b', expr: 'sum(a:b)'}\n  - {alert: A, expr: 'sum(a:b) > 1'}\n"
    )
    assert _codes(_look(rules)) == []


_TEXT = '    labels: {{severity: critical}}\n    annotations: {{summary: "on {}"}}\n'


@pytest.mark.parametrize(
    ("expression", "printed", "told"),
    [
        ("sum by (job) (a) > 1", "{{ $labels.instance }}", "no series of the expression has it"),
        ("sum by (job) (a) > 1", "{{ $labels.job }}", ""),
        ("a > 1", "{{ $labels.instance }}", ""),
        ("a > 1", "{{ $labels.severity }}", ""),
        ("max by (job) (a) > 1", "{{ $labels.severity }}", "write 'critical' itself"),
        ("sum by (job) (a) > 1", "{{ if $labels.instance }}{{ $labels.instance }}{{ end }}", ""),
        ("sum without (instance) (a) > 1", "{{ .Labels.instance }}", "no series of the expression has it"),
        ('absent(up{job="x"})', "{{ $labels.job }}", ""),
        ('absent(up{job="x"})', "{{ $labels.instance }}", "no series of the expression has it"),
        ("sum by (job) (a) * on (job) group_left (team) b > 1", "{{ $labels.team }}", ""),
        ("sum by (job) (a) * on (job) b > 1", "{{ $labels.team }}", "no series of the expression has it"),
        ("a * on (job) group_right (team) sum by (job) (b) > 1", "{{ $labels.team }}", ""),
        ("b * ignoring (team) a > 1", "{{ $labels.team }}", "no series of the expression has it"),
        ('label_replace(sum(a), "team", "x", "", "") > 1', "{{ $labels.team }}", ""),
        ('count_values("version", a) > 1', "{{ $labels.version }}", ""),
        ("topk(3, sum by (job) (a)) > 1", "{{ $labels.job }}", ""),
        ("sum by (job) (a) > 1 or sum by (team) (a) > 2", "{{ $labels.team }}", ""),
        ("1 < sum by (job) (a)", "{{ $labels.team }}", "no series of the expression has it"),
        ("quantile_over_time(0.9, a[5m]) > 1", "{{ $labels.team }}", ""),
        ("vector(1) > 0", "{{ $labels.team }}", "no series of the expression has it"),
        ("info(a) > 0", "{{ $labels.team }}", ""),
    ],
)  # fmt: skip
def test_labels_that_annotations_print(expression: str, printed: str, told: str) -> None:
    found = [each for each in _look(_alert(expression, _TEXT.format(printed))) if each.code == "empty-label"]
    assert [told in f"{each}" for each in found] == ([True] if told else [])


def test_labels_of_recordings_are_known() -> None:
    rules = (
        "groups:\n- name: g\n  labels: {team: core}\n  rules:\n"
        "  - {record: 'job:a', expr: 'sum by (job) (a)', labels: {tier: one}}\n"
        "  - {alert: A, expr: 'job:a > 1', annotations: {s: '{{ .Labels.job }}{{ .Labels.tier }}{{ .Labels.zone }}'}}\n"
    )
    (found,) = _look(rules)
    assert "$labels.zone" in found.problem


def test_a_for_below_the_evaluation_interval() -> None:
    assert _codes(_look(_alert("a > 1", "    for: 10s\n"))) == ["for-too-short"]
    assert _codes(_look(_alert("a > 1", "    for: 15s\n"))) == []
    assert _codes(_look(_alert("a > 1", "    for: 10s\n"), prometheus="")) == []


@pytest.mark.parametrize(
    ("severity", "told"),
    [("critcal", "did you mean 'critical'"), ("critical", ""), ("ticket", ""), ("'{{ $value }}'", "")],
)
def test_a_value_that_is_nearly_one_that_routes_ask_for(severity: str, told: str) -> None:
    found = _look(_alert("a > 1", f"    labels: {{severity: {severity}}}\n"), _ROUTE)
    assert _codes(found) == (["falls-through"] if told else [])
    assert all(told in str(each) for each in found)


def test_an_alert_without_the_label_falls_to_the_root_on_purpose() -> None:
    assert _codes(_look(_alert("a > 1", "    labels: {team: core}\n"), _ROUTE)) == []


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        ('severity="critical"', 'severity="critical", team="core"', False),
        ('severity=~"critical|warning"', 'severity="critical"', False),
        ('severity="critical", team="core"', 'severity="critical"', True),
        ('severity="critical"', 'severity="warning"', True),
    ],
)
def test_routes_behind_others(first: str, second: str, taken: bool) -> None:
    routes = (
        "route:\n  receiver: default\n  routes:\n"
        f"  - {{receiver: one, matchers: ['{first}']{{}}}}\n  - {{receiver: two, matchers: ['{second}']}}\n"
        "receivers: [{name: default}, {name: one}, {name: two}]\n"
    )
    assert _codes(_look(routes=routes.replace("{}", ""))) == ([] if taken else ["never-taken"])
    assert _codes(_look(routes=routes.replace("{}", ", continue: true"))) == []


def test_a_receiver_that_nobody_routes_to() -> None:
    (found,) = _look(routes=_ROUTE.replace("{name: pager}", "{name: pager}, {name: nobody}"))
    assert found.code == "unused-receiver"
    assert "nobody" in found.problem


_PAIR = (
    "groups:\n- name: g\n  rules:\n"
    "  - {alert: High, expr: 'a > 1', labels: {severity: warning, about: a}}\n"
    "  - {alert: Critical, expr: 'a > 2', labels: {severity: critical, about: a}}\n"
)
_INHIBITION = 'inhibit_rules: [{source_matchers: [SOURCE], target_matchers: [severity="warning"], equal: [EQUAL]}]\n'


@pytest.mark.parametrize(
    ("equal", "source", "works"),
    [
        ("alertname", 'severity="critical"', False),
        ("about", 'severity="critical"', True),
        ("instance", 'severity="critical"', True),
        ("alertname", 'zone="eu"', True),
        ("alertname", 'severity="page"', True),
    ],
)
def test_inhibition_by_labels_that_always_differ(equal: str, source: str, works: bool) -> None:
    routes = "route: {receiver: default}\nreceivers: [{name: default}]\n"
    routes += (
        _INHIBITION.replace("EQUAL", equal)
        .replace("SOURCE", f"'{source}'")
        .replace('[severity="warning"]', "['severity=\"warning\"']")
    )
    assert _codes(_look(_PAIR, routes)) == ([] if works else ["never-inhibits"])


def test_a_repeat_interval_below_the_group_interval_is_told_once() -> None:
    routes = "route: {receiver: d, group_interval: 5m, repeat_interval: 1m, routes: [{matchers: ['a=\"b\"']}]}\n"
    assert _codes(_look(routes=f"{routes}receivers: [{{name: d}}]\n")) == ["repeats-late"]


@pytest.mark.parametrize(
    ("comment", "is_told"),
    [
        ("# harness: allow no-condition: it is on, on purpose", False),
        ("# harness: allow never-ends, no-condition: both", False),
        ("# harness: allow no-condition", True),
        ("# harness: allow never-ends: another", True),
    ],
)
def test_what_is_allowed_with_a_reason_is_not_told(comment: str, is_told: bool) -> None:
    above = f"groups:\n- name: g\n  rules:\n  {comment}\n  # and more\n  - alert: A\n    expr: sum(a)\n"
    beside = f"groups:\n- name: g\n  rules:\n  - alert: A\n    expr: sum(a)  {comment}\n"
    assert [bool(_look(text)) for text in (above, beside)] == [is_told, is_told]


def test_codes_are_unique_and_every_one_is_planted_here() -> None:
    codes = [check.code for check in CHECKS]
    planted = {code for code, *_ in _RIGHT_AND_WRONG} | {
        "empty-label", "for-too-short", "falls-through", "never-taken", "unused-receiver", "never-inhibits",
        "repeats-late",
    }  # fmt: skip
    assert sorted(codes) == sorted(planted)
