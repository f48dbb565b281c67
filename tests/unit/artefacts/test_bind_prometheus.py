"""prometheus.yml and rule files: what changes, what stays to the letter, and what is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.artefacts import (
    BoundArtefact,
    Clock,
    JobBinding,
    Link,
    Target,
    Topology,
    bind_prometheus,
    bind_rules,
    bind_scrape_configs,
    close_off,
    prometheus_flags,
    read_prometheus,
    read_rules,
    with_recorded_families,
)
from harness.core.errors import ConfigError
from harness.core.source import Document, parse_yaml

Fixture = Callable[[str], Document]
CLOCK = Clock(60, frozenset({"process_cpu_seconds_total"}))
LOCAL = Link.direct("127.0.0.1:1")


@pytest.fixture
def full(fixture: Fixture, prometheus_topology: Topology) -> BoundArtefact:
    return bind_prometheus(fixture("prometheus/full.yml"), prometheus_topology, CLOCK)


def job(bound: BoundArtefact, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in bound.data["scrape_configs"] if each["job_name"] == name)
    return found


def bind(text: str, topology: Topology, clock: Clock = CLOCK) -> BoundArtefact:
    return bind_prometheus(parse_yaml(text, "p.yml"), topology, clock)


def test_times(full: BoundArtefact) -> None:
    assert full.data["global"]["scrape_interval"] == "250ms"
    assert full.data["global"]["scrape_timeout"] == "250ms"
    assert full.data["global"]["rule_query_offset"] == "500ms"
    assert (job(full, "shop")["scrape_interval"], job(full, "shop")["scrape_timeout"]) == ("167ms", "167ms")
    assert "scrape_timeout" not in job(full, "node")
    assert full.data["alerting"]["alertmanagers"][0]["timeout"] == "10s"


def test_defaults_that_are_not_written_are_added(fixture: Fixture) -> None:
    topology = Topology(addresses={"shop:8080": LOCAL}, alertmanager=LOCAL, files={"alerts.yml": ()})
    bound = bind_prometheus(fixture("prometheus/minimal.yml"), topology, CLOCK)
    assert bound.data["global"] == {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    assert any("the default of 1m divided" in edit.why for edit in bound.edits)


def test_frequent_scrapes_on_loopback_are_not_compressed(full: BoundArtefact) -> None:
    assert {job(full, each["job_name"])["enable_compression"] for each in full.data["scrape_configs"]} == {False}


def test_speed_one_changes_no_time(fixture: Fixture) -> None:
    topology = Topology(addresses={"shop:8080": LOCAL}, alertmanager=LOCAL, files={"alerts.yml": ()})
    bound = bind_prometheus(fixture("prometheus/minimal.yml"), topology, Clock(1))
    assert "global" not in bound.data
    assert not [edit for edit in bound.edits if edit.why.startswith("clock")]


def test_what_is_not_edited_keeps_its_very_characters(full: BoundArtefact) -> None:
    assert "    paged: yes\n    build: 1.10\n" in full.text
    assert "out_of_order_time_window: 30m" in full.text


def test_written_targets_stay_and_are_led_to_local_nodes(full: BoundArtefact) -> None:
    shop = job(full, "shop")
    assert shop["static_configs"][0] == {
        "targets": ["shop-1.internal:9090", "shop-2.internal:9090"],
        "labels": {"tier": "front"},
    }
    led = {rule["regex"]: rule["replacement"] for rule in shop["relabel_configs"] if "replacement" in rule}
    assert led[r"shop\-1\.internal:9090"] == "127.0.0.1:4001"
    assert led[r"shop\-2\.internal:9090"] == "127.0.0.1:4002"
    assert shop["relabel_configs"][-1] == {
        "source_labels": ["__address__"],
        "regex": r"127\.0\.0\.1:4001|127\.0\.0\.1:4002",
        "action": "keep",
    }
    assert "authorization" not in shop
    assert "tls_config" not in shop
    assert shop["metric_relabel_configs"]


def test_live_discovery_becomes_what_it_would_have_said(full: BoundArtefact) -> None:
    pods = job(full, "kubernetes-pods")
    assert "kubernetes_sd_configs" not in pods
    assert pods["static_configs"][0]["targets"] == ["10.0.0.7:3000"]
    assert pods["static_configs"][0]["labels"]["__meta_kubernetes_pod_label_app"] == "shop"
    assert pods["relabel_configs"][0]["action"] == "keep"
    assert len(pods["relabel_configs"]) == 5 + 4
    assert job(full, "consul")["static_configs"] == []
    assert job(full, "consul")["relabel_configs"][-1]["regex"] == "nothing is bound"
    paths = [
        rule["replacement"]
        for rule in job(full, "node")["relabel_configs"]
        if rule.get("target_label") == "__metrics_path__"
    ]
    assert paths == ["/exposition"]


def test_probes_keep_their_targets_and_ask_the_local_prober(full: BoundArtefact) -> None:
    probe = job(full, "blackbox")
    assert probe["static_configs"] == [{"targets": ["https://shop.example.com/health/live"]}]
    assert probe["relabel_configs"][-1]["regex"] == r"127\.0\.0\.1:4005"


def test_ways_out_are_closed(full: BoundArtefact) -> None:
    assert not {"remote_write", "remote_read", "tracing"} & full.data.keys()
    (manager,) = full.data["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["127.0.0.1:4093"]}]
    assert manager["scheme"] == "http"
    assert not {"basic_auth", "tls_config", "dns_sd_configs", "relabel_configs", "path_prefix"} & manager.keys()
    assert full.data["rule_files"] == ["slo.yml"]
    assert full.data["scrape_config_files"] == []
    assert "query_log_file" not in full.data["global"]


def test_remote_write_can_end_in_a_local_sink(fixture: Fixture, prometheus_topology: Topology) -> None:
    sink = Link.direct("http://127.0.0.1:7000/push")
    topology = replace(prometheus_topology, remote_write=sink, absent=prometheus_topology.absent - {"remote_write"})
    (entry,) = bind_prometheus(fixture("prometheus/full.yml"), topology, CLOCK).data["remote_write"]
    assert entry["url"] == sink.peer
    assert "basic_auth" not in entry
    assert entry["write_relabel_configs"]


def test_everything_unbound_is_named_at_once(fixture: Fixture) -> None:
    with pytest.raises(ConfigError) as caught:
        bind_prometheus(fixture("prometheus/full.yml"), Topology(), CLOCK)
    message = str(caught.value)
    for name in (
        "'shop-1.internal:9090', which nothing binds",
        "'kubernetes-pods' asks kubernetes_sd",
        "'consul' asks consul_sd",
        "'blackbox.internal:9115'",
        "'node' asks file_sd",
        "'localhost:9090'",
        "nothing stands for alertmanagers[0]",
        "nothing stands for remote_write[0]",
        "nothing stands for remote_read[0]",
        "rule file 'rules/*.yml'",
        "scrape config file",
        "prometheus/full.yml:41:5: nothing stands for remote_write[0]",
    ):
        assert name in message
    assert "health/live" not in message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("storage: {somewhere: 'http://bucket.example.com/x'}", "'http://bucket.example.com/x', which nothing binds"),
        ("otlp: {endpoint: 'collector:4317'}", "'collector:4317', which nothing binds"),
        ("storage: {key_file: /etc/key}", "names the file '/etc/key'"),
        ("global: {external_labels: {}}\nruntime: {log: '${LEVEL}'}", "refers to '${LEVEL}'"),
        (
            "scrape_configs: [{job_name: a, relabel_configs: [{target_label: __scrape_interval__, replacement: 5s}]}]",
            "__scrape_interval__ by relabelling",
        ),
    ],
)
def test_unknown_ways_out_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bind(text, Topology())
    assert problem in str(caught.value)


def test_other_alertmanagers_are_refused_unless_left_out() -> None:
    text = "alerting: {alertmanagers: [{static_configs: [{targets: [a:1]}]}, {static_configs: [{targets: [b:1]}]}]}"
    with pytest.raises(ConfigError, match=r"nothing stands for alertmanagers\[1\]"):
        bind(text, Topology(alertmanager=LOCAL))
    bound = bind(text, Topology(alertmanager=LOCAL, absent=frozenset({"alertmanagers[1]"})))
    assert bound.data["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]
    assert bind(text, Topology(absent=frozenset({"alertmanagers"}))).data["alerting"]["alertmanagers"] == []


def test_absent_addresses_need_no_stand_in() -> None:
    text = "scrape_configs: [{job_name: a, static_configs: [{targets: ['x:1', 'y:1']}]}]"
    bound = bind(text, Topology(addresses={"x:1": LOCAL}, absent=frozenset({"y:1"})))
    assert job(bound, "a")["relabel_configs"][-1]["regex"] == r"127\.0\.0\.1:1"


def test_instances_stand_for_written_targets_in_order_and_extra_ones_are_added() -> None:
    text = "scrape_configs: [{job_name: a, static_configs: [{targets: ['x:1']}]}]"
    binding = JobBinding((Target(LOCAL), Target(Link.direct("127.0.0.1:2"))), {"basic_auth": {"username": "u"}})
    shop = job(bind(text, Topology(jobs={"a": binding})), "a")
    assert shop["static_configs"] == [{"targets": ["x:1"]}, {"targets": ["127.0.0.1:2"]}]
    assert shop["basic_auth"] == {"username": "u"}


def test_an_address_is_asked_as_the_local_node_is_to_be() -> None:
    text = "scrape_configs: [{job_name: a, scheme: https, static_configs: [{targets: ['x:1', 'y:1']}]}]"
    addresses = {"x:1": LOCAL, "y:1": Link.direct("127.0.0.1:2")}
    client = {"tls_config": {"insecure_skip_verify": True}}
    entered = job(bind(text, Topology(addresses=addresses, schemes={"x:1": "https"}, clients={"x:1": client})), "a")
    rules = entered["relabel_configs"]
    assert [each["replacement"] for each in rules if each.get("target_label") == "__scheme__"] == ["https", "http"]
    assert entered["tls_config"] == client["tls_config"]
    other = {"y:1": {"basic_auth": {"username": "u"}}}
    with pytest.raises(ConfigError, match="targets of the job 'a' are entered in different ways"):
        bind(text, Topology(addresses=addresses, clients={"x:1": client, **other}))


def test_a_conditional_address_adds_to_the_written_ones() -> None:
    rule = "{source_labels: [zone], regex: b, target_label: __address__, replacement: 'relay:1'}"
    text = f"scrape_configs: [{{job_name: a, static_configs: [{{targets: ['x:1']}}], relabel_configs: [{rule}]}}]"
    with pytest.raises(ConfigError, match="'relay:1'"):
        bind(text, Topology(addresses={"x:1": LOCAL}))
    bound = bind(text, Topology(addresses={"x:1": LOCAL, "relay:1": Link.direct("127.0.0.1:2")}))
    assert job(bound, "a")["relabel_configs"][-1]["regex"] == r"127\.0\.0\.1:1|127\.0\.0\.1:2"


def test_references_in_external_labels() -> None:
    text = "global: {external_labels: {zone: '${ZONE}', rack: '${RACK:r1}'}}"
    assert bind(text, Topology(environment={"ZONE": "eu"})).data["global"]["external_labels"] == {
        "zone": "eu",
        "rack": "r1",
    }


def test_scrape_config_files_are_bound_like_jobs() -> None:
    main = parse_yaml("global: {scrape_interval: 15s}\nscrape_config_files: [extra.yml]\n", "prometheus.yml")
    jobs = "[{job_name: a, scrape_interval: 30s}, {job_name: b, scrape_timeout: 10s}]"
    document = parse_yaml(f"scrape_configs: {jobs}", "extra.yml")
    bound = bind_scrape_configs(document, Topology(), CLOCK, read_prometheus(main, {}, [document]))
    assert bound.data["scrape_configs"][0]["scrape_interval"] == "500ms"
    assert bound.data["scrape_configs"][1]["scrape_timeout"] == "250ms"  # the interval of the file that includes it
    assert "global" not in bound.data


def test_anchors_and_merges_are_edited_apart(fixture: Fixture) -> None:
    bound = bind_prometheus(fixture("prometheus/anchored.yml"), Topology(addresses={"shop:8080": LOCAL}), CLOCK)
    assert [each["scrape_interval"] for each in bound.data["scrape_configs"]] == ["333ms", "333ms", "1s"]
    assert bound.data["scrape_configs"][1]["metrics_path"] == "/admin/metrics"


def test_flags(fixture: Fixture) -> None:
    config = read_prometheus(fixture("prometheus/full.yml"))
    assert prometheus_flags(CLOCK, config) == (
        "--query.lookback-delta=5s",
        "--rules.alert.resend-delay=1s",
        "--rules.alert.for-grace-period=10s",
        "--scrape.discovery-reload-interval=100ms",
    )
    slow = read_prometheus(parse_yaml("global: {scrape_interval: 2m, evaluation_interval: 1m}", "p.yml"))
    assert prometheus_flags(CLOCK, slow)[:2] == ("--query.lookback-delta=10s", "--rules.alert.resend-delay=2s")


def test_rules_are_scaled_and_nothing_else(fixture: Fixture) -> None:
    document = fixture("rules/slo.yml")
    clock = with_recorded_families(CLOCK, [read_rules(document)])
    bound = bind_rules(document, clock, read_prometheus(fixture("prometheus/full.yml")))
    rules = {rule.get("alert") or rule["record"]: rule for group in bound.data["groups"] for rule in group["rules"]}
    assert rules["job:requests:rate5m"]["expr"] == "sum by (job) ((rate(http_requests_total[5s])/60))"
    assert rules["ErrorBudgetBurnsFast"]["for"] == "2s"
    assert rules["ErrorBudgetBurnsFast"]["keep_firing_for"] == "5s"
    assert rules["BusyProcess"]["expr"] == "rate(instance:cpu_seconds:sum[5s]) > 0.9"
    assert "page: yes" in bound.text
    assert bound.data["groups"][0]["interval"] == "500ms"
    assert "/ # of all" in rules["job:errors:ratio_rate1h"]["expr"]
    assert [warning for warning in bound.warnings if "query inside the description template" in warning]
    assert bound.scaled["groups", 0, "rules", 0, "expr"].changes
    touched = {edit.path[-1] for edit in bound.edits}
    assert touched == {"expr", "for", "keep_firing_for", "interval", "query_offset"}


def test_rules_that_cannot_be_scaled_are_all_named(fixture: Fixture) -> None:
    with pytest.raises(ConfigError) as caught:
        bind_rules(fixture("rules/unscalable.yml"), CLOCK, read_prometheus(fixture("prometheus/full.yml")))
    for name in (
        "DiskFullSoon",
        "BackupStale",
        "NightlyOnly",
        "PinnedToInstant",
        "Mixed",
        "RangeTooShort",
        "AnyFamily",
    ):
        assert f"{name}: " in str(caught.value)


def test_rules_at_speed_one_are_untouched(fixture: Fixture) -> None:
    bound = bind_rules(fixture("rules/unscalable.yml"), Clock(1))
    assert bound.edits == ()
    assert bound.data == fixture("rules/unscalable.yml").data


def test_closing_off_names_everything_left_out_and_lets_the_file_start(fixture: Fixture) -> None:
    document = fixture("prometheus/full.yml")
    addresses = {"blackbox.internal:9115": LOCAL, "shop-1.internal:9090": Link.direct("127.0.0.1:2")}
    topology, names = close_off(Topology(addresses=addresses, files={"rules/*.yml": ()}), read_prometheus(document))
    assert names == (
        "/etc/prometheus/scrape.d/*.yml",
        "alertmanagers",
        "job consul",
        "job kubernetes-pods",
        "job node",
        "job prometheus",
        "remote_read",
        "remote_write",
        "shop-2.internal:9090",
        "shop-3.internal:9090",
    )
    bound = bind_prometheus(document, topology, CLOCK)
    assert job(bound, "shop")["relabel_configs"][-1]["regex"] == r"127\.0\.0\.1:2"
    assert job(bound, "prometheus")["relabel_configs"][-1]["regex"] == "nothing is bound"
    assert job(bound, "blackbox")["relabel_configs"][-1]["regex"] == r"127\.0\.0\.1:1"
    assert close_off(topology, read_prometheus(document)) == (topology, ())


def test_closing_off_keeps_what_is_bound(fixture: Fixture, prometheus_topology: Topology) -> None:
    topology = replace(prometheus_topology, remote_write=LOCAL, absent=frozenset())
    config = read_prometheus(fixture("prometheus/full.yml"))
    _closed, names = close_off(topology, config)
    assert "remote_write" not in names
    assert "alertmanagers" not in names
    assert not [name for name in names if name.startswith("job")]
