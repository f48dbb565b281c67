"""Read-only views on production files: effective values, and the place of what is wrong."""

from pathlib import Path

import pytest

from harness.artefacts.alertmanager_config import read_alertmanager
from harness.artefacts.clock import Clock, ScrapeIntervals
from harness.artefacts.filebeat_config import read_filebeat
from harness.artefacts.index_template import read_index_template
from harness.artefacts.prometheus_config import read_prometheus
from harness.artefacts.promql import Selector, parse
from harness.artefacts.rules import read_rules, with_recorded_families
from harness.core.errors import ConfigError, Location
from harness.core.positions import inside
from harness.core.source import Document, load_yaml, parse_yaml

FIXTURES = Path(__file__).parents[3] / "fixtures" / "artefacts"


def fixture(name: str) -> Document:
    return load_yaml(FIXTURES / name, shown_as=name)


def test_prometheus_effective_intervals() -> None:
    config = read_prometheus(fixture("prometheus/full.yml"))
    shop, node = config.job("shop"), config.job("node")
    assert (config.scrape_interval_s, config.evaluation_interval_s, config.rule_query_offset_s) == (15, 15, 30)
    assert (shop.interval_s, shop.timeout_s, shop.discovery.scheme) == (10, 8, "https")
    assert (node.interval_s, node.timeout_s, node.metrics_path) == (15, 10, "/metrics")
    assert shop.discovery.static_targets == ("shop-1.internal:9090", "shop-2.internal:9090", "shop-3.internal:9090")
    assert config.job("kubernetes-pods").discovery.live_kinds == ("kubernetes_sd",)
    assert config.alertmanagers[0].live_kinds == ("dns_sd",)
    assert config.remote_write == ("https://mimir.example.com/api/v1/push",)
    assert config.external_labels["environment"] == "production"


def test_prometheus_defaults() -> None:
    config = read_prometheus(fixture("prometheus/minimal.yml"))
    assert (config.scrape_interval_s, config.evaluation_interval_s) == (60, 60)
    assert (config.job("shop").interval_s, config.job("shop").timeout_s) == (60, 10)


def test_the_jobs_that_feed_a_selector() -> None:
    config = read_prometheus(fixture("prometheus/full.yml"))

    def selectors(text: str) -> tuple[Selector, ...]:
        return parse(text, Location("x")).selectors

    assert config.scrapes_of(selectors('up{job="shop"}')) == ScrapeIntervals(10, 10)
    assert config.scrapes_of(selectors("up")) == ScrapeIntervals(10, 15)
    assert config.scrapes_of(selectors('up{job="typo"}')) == ScrapeIntervals(10, 15)
    assert read_prometheus(parse_yaml("", "empty.yml")).scrapes_of(selectors("up")) is None


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("scrape_configs: [{}]", "p.yml:1:18", "no job_name"),
        ("scrape_configs:\n- job_name: a\n- job_name: a", "p.yml:3:3", "appears twice"),
        ("global: []", "p.yml:1:9", "must be a mapping"),
        ("global: {scrape_interval: fast}", "p.yml:1:27", "not a duration"),
        ("scrape_configs: {a: b}", "p.yml:1:17", "must be a list"),
        ("scrape_configs:\n- {job_name: a, scrape_timeout: 2m}", "p.yml:2:33", "longer than the interval"),
        ("remote_write: [{}]", "p.yml:1:16", "no url"),
        ("- a", "p.yml:1:1", "must be a mapping"),
        ("scrape_configs: [{job_name: [a]}]", "p.yml:1:29", "must be text"),
        ("scrape_configs: [{job_name: a, honor_labels: maybe}]", "p.yml:1:46", "true or false"),
    ],
)
def test_prometheus_flaws(text: str, place: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read_prometheus(parse_yaml(text, "p.yml"))
    assert str(caught.value.location) == place


def test_rules() -> None:
    rules = read_rules(fixture("rules/slo.yml"))
    fast = rules.alerts[0]
    assert [group.interval_s for group in rules.groups] == [30, None]
    assert rules.groups[1].query_offset_s == 15
    assert rules.groups[1].labels == {"team": "shop"}
    assert (fast.name, fast.for_s, fast.keep_firing_for_s) == ("ErrorBudgetBurnsFast", 120, 300)
    assert fast.labels["severity"] == "critical"
    assert fast.query.comparison is not None
    assert fast.query.comparison.threshold == pytest.approx(0.0144)
    assert len(rules.recordings) == 5
    assert rules.recordings[0].name == "job:requests:rate5m"


def test_an_expression_knows_its_place_whatever_the_style() -> None:
    document = fixture("rules/slo.yml")
    lines = document.text.split("\n")
    for rule in read_rules(document).rules:
        for span in rule.query.durations:
            place = rule.query.place(span.start)
            assert lines[place.line - 1][place.column - 1 :].startswith(span.text), (rule.name, place)


@pytest.mark.parametrize(
    ("yaml", "place"),
    [
        ("a: up + x[5m]", "f:1:4"),
        ("a: 'it''s [5m]'", "f:1:5"),
        ('a: "it\\"s\\n [5m]"', "f:1:5"),
        ("a: |\n  one\n\n  two [5m]\n", "f:2:3"),
        ("a: >-\n  one\n  two\n  [5m]\n", "f:2:3"),
        ("a:\n  plain\n  over lines [5m]\n", "f:2:3"),
    ],
)
def test_positions_inside_scalars(yaml: str, place: str) -> None:
    document = parse_yaml(yaml, "f")
    where = inside(document, ("a",))
    assert str(where(0)) == place
    found = where(document.data["a"].index("[5m]"))
    assert yaml.split("\n")[found.line - 1][found.column - 1 :].startswith("[5m]")
    assert where(10_000).line == yaml.rstrip("\n").count("\n") + 1


def test_positions_of_what_is_no_text() -> None:
    assert inside(parse_yaml("a: 5", "f"), ("a",))(3) == Location("f", 1, 4)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("groups:\n- name: a\n- name: a", "r.yml:3:3", "twice"),
        ("groups:\n- rules: []", "r.yml:2:3", "no name"),
        (
            "groups:\n- name: a\n  rules:\n  - alert: x\n    record: y\n    expr: up",
            "r.yml:4:5",
            "either alert or record",
        ),
        ("groups:\n- name: a\n  rules:\n  - alert: x", "r.yml:4:5", "no expr"),
        (
            "groups:\n- name: a\n  rules:\n  - alert: x\n    expr: |\n      up >\n      rate(x[5m]",
            "r.yml:7:11",
            "unclosed",
        ),
    ],
)
def test_rule_flaws(text: str, place: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read_rules(parse_yaml(text, "r.yml"))
    assert str(caught.value.location) == place


def test_recorded_sums_of_the_wall_clock_still_tick() -> None:
    clock = with_recorded_families(
        Clock(60, frozenset({"process_cpu_seconds_total"})), [read_rules(fixture("rules/slo.yml"))]
    )
    assert clock.wall_families == {"process_cpu_seconds_total", "instance:cpu_seconds:sum"}


def test_the_fixture_of_unscalable_rules_is_refused_rule_by_rule() -> None:
    clock = Clock(60, frozenset({"process_cpu_seconds_total"}))
    rules = read_rules(fixture("rules/unscalable.yml")).rules
    assert len(rules) == 8
    for rule in rules:
        with pytest.raises(ConfigError):
            clock.expression(rule.query, ScrapeIntervals(15, 15))


def test_alertmanager_routes() -> None:
    config = read_alertmanager(fixture("alertmanager/everything.yml"))

    def names(**labels: str) -> tuple[str, ...]:
        return config.receivers_for(labels)

    assert names(alertname="Watchdog", severity="none") == ("deadman",)
    assert names(severity="critical", team="shop") == ("critical", "archive")
    assert names(severity="critical", team="lab") == ("archive",)
    assert names(severity="warning") == ("warning",)
    assert names(severity="warning", team="mobile") == ("chat",)
    assert names(team="cloud") == ("cloud",)
    assert names() == ("default",)


def test_route_settings_are_inherited() -> None:
    config = read_alertmanager(fixture("alertmanager/everything.yml"))
    (chat,) = config.routes_for({"severity": "warning", "team": "mobile"})
    assert (chat.group_wait_s, chat.group_interval_s, chat.repeat_interval_s) == (30, 10, 3600)
    assert chat.group_by == ("alertname", "service")
    assert chat.active_time_intervals == ()
    (archive,) = config.routes_for({"severity": "critical", "team": "lab"})
    assert archive.group_labels({"b": "2", "a": "1"}) == {"a": "1", "b": "2"}
    assert chat.group_labels({"alertname": "X", "team": "mobile"}) == {"alertname": "X"}
    minimal = read_alertmanager(fixture("alertmanager/minimal.yml"))
    assert (minimal.route.group_wait_s, minimal.route.group_interval_s) == (30, 300)
    assert (minimal.route.repeat_interval_s, minimal.resolve_timeout_s) == (14400, 300)


def test_routes_say_when_they_tell_anybody() -> None:
    text = """\
route: {receiver: a, routes: [{matchers: [x=1], active_time_intervals: [day, fair], mute_time_intervals: [noon]}]}
receivers: [{name: a}]
time_intervals: [{name: day}, {name: noon}]
mute_time_intervals: [{name: fair}]
"""
    route = read_alertmanager(parse_yaml(text, "am.yml")).route
    assert (route.times, route.routes[0].times) == ("", "only during day, fair and not during noon")


def test_receivers_and_their_integrations() -> None:
    config = read_alertmanager(fixture("alertmanager/everything.yml"))
    critical = config.receiver("critical")
    assert [(each.kind, each.index, each.send_resolved) for each in critical.integrations] == [
        ("email", 0, False),
        ("pagerduty", 0, True),
        ("pagerduty", 1, True),
        ("slack", 0, True),
        ("slack", 1, False),
    ]
    assert config.receiver("deadman").integrations[0].send_resolved is False
    assert config.templates == ("templates/*.tmpl",)


def test_inhibition() -> None:
    config = read_alertmanager(fixture("alertmanager/everything.yml"))
    critical = {"alertname": "A", "service": "s", "severity": "critical"}
    warning = critical | {"severity": "warning"}
    cluster = {"alertname": "ClusterDown", "severity": "critical"}
    assert config.inhibited_by(warning, [critical]) == critical
    assert config.inhibited_by(critical, [warning]) is None
    assert config.inhibited_by(warning | {"service": "t"}, [critical]) is None
    assert config.inhibited_by(warning, [warning]) is None
    assert config.inhibited_by(critical, [cluster]) == cluster
    assert config.inhibited_by(cluster | {"zone": "1"}, [cluster]) is None


@pytest.mark.parametrize(
    ("matcher", "label", "accepted"),
    [
        ('severity="a,b"', "a,b", True),
        ("severity =~ a|b", "b", True),
        ('"severity" != "x"', "y", True),
        ('{severity!~"x.*"}', "xy", False),
        ('severity="q\\"q"', 'q"q', True),
        ("severity=", "", True),
    ],
)
def test_matcher_syntax(matcher: str, label: str, accepted: bool) -> None:
    quoted = "'" + matcher.replace("'", "''") + "'"
    route = f"route: {{receiver: a, routes: [{{receiver: b, matchers: [{quoted}]}}]}}"
    text = f"{route}\nreceivers: [{{name: a}}, {{name: b}}]"
    config = read_alertmanager(parse_yaml(text, "am.yml"))
    assert config.receivers_for({"severity": label}) == (("b",) if accepted else ("a",))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("receivers: []", "no route"),
        ("route: {}\nreceivers: []", "names no receiver"),
        ("route: {receiver: hok}\nreceivers: [{name: hook}]", "not defined"),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", "twice"),
        (
            "route: {receiver: a, routes: [{mute_time_intervals: [nigth]}]}\nreceivers: [{name: a}]\n"
            "time_intervals: [{name: night}]",
            "time interval 'nigth', which is not defined",
        ),
        ("route: {receiver: a, matchers: ['???']}\nreceivers: [{name: a}]", "not a matcher"),
    ],
)
def test_alertmanager_flaws(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read_alertmanager(parse_yaml(text, "am.yml"))
    assert caught.value.location is not None


def test_filebeat_nested_and_dotted() -> None:
    nested, dotted = read_filebeat(fixture("filebeat/nested.yml")), read_filebeat(fixture("filebeat/dotted.yml"))
    assert [(each.kind, each.enabled) for each in nested.inputs] == [("log", True), ("log", True), ("log", False)]
    assert nested.inputs[0].paths == ("/var/log/shop/access.log", "/var/log/shop/access.*.log")
    assert nested.inputs[0].processors[0].name == "add_tags"
    assert [each.name for each in nested.processors][:3] == [
        "add_host_metadata",
        "add_cloud_metadata",
        "add_docker_metadata",
    ]
    assert (nested.output, nested.index) == ("elasticsearch", "shop-%{+yyyy.MM.dd}")
    assert (dotted.output, dotted.hosts, dotted.index) == (
        "elasticsearch",
        ("es.internal:9200",),
        "filebeat-%{[agent.version]}",
    )
    assert dotted.inputs[1].name == "shop-error"
    assert read_filebeat(fixture("filebeat/kafka.yml")).hosts == ("kafka-1.internal:9092", "kafka-2.internal:9092")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: x", "exactly one output"),
        ("output: {console: {}, file: {}}", "exactly one output"),
        ("output.console: {}\nfilebeat.inputs: [5]", "must be a mapping"),
    ],
)
def test_filebeat_flaws(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_filebeat(parse_yaml(text, "fb.yml"))


def test_filebeat_oddities() -> None:
    config = read_filebeat(parse_yaml("output.console: {}\nprocessors: [{if: {}, then: []}]\nfilebeat: {}", "fb.yml"))
    assert (config.inputs, config.processors[0].name, config.hosts) == ((), "if", ())


def test_index_template() -> None:
    template = read_index_template(fixture("filebeat/template.json"))
    assert template.covers("shop-2024.01.01")
    assert not template.covers("other")
    assert (template.dynamic, template.priority, template.is_data_stream) == ("strict", 200, False)
    assert template.fields["error.name"] == "keyword"
    assert template.fields["message.keyword"] == "keyword"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("groups:\n- name: x\n  rules:\n  - {alert: A, expr: up, fro: 5m}\n", (4, 26), "did you mean 'for'?"),
        ("groups:\n- name: x\n  rulez: []\n", (3, 3), "did you mean 'rules'?"),
        ("group: []\n", (1, 1), "did you mean 'groups'?"),
        ("groups: []\nnamespace: x\n", (2, 1), "known: groups"),
        ("apiVersion: x/v1\nkind: PrometheusRule\nspec: {groups: []}\n", (2, 7), "what stands under spec"),
    ],
)
def test_what_prometheus_does_not_know_in_a_rule_file_is_refused(text: str, place: tuple[int, int], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rules(parse_yaml(text, "rules.yml"))
    assert (caught.value.location.line, caught.value.location.column) == place
    assert words in caught.value.remedy
