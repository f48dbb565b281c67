"""The clients against the real servers: their answers have the shape that the clients read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient, sum_families
from harness.run.clients.toxiproxy import Toxic, ToxiproxyClient

T = TypeVar("T")


def soon(probe: Callable[[], T], bound_s: float = 5.0) -> T:
    deadline = time.monotonic() + bound_s
    while not (value := probe()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return value


def test_raw_samples_of_neighbouring_windows_are_disjoint_and_complete(prometheus: PrometheusClient) -> None:
    begin = time.time() - 5
    soon(lambda: sum(len(s.points) for s in prometheus.samples("up", begin, time.time()).series) >= 6)
    end = time.time() - 0.5
    whole = [t for series in prometheus.samples("up", begin, end).series for t, _ in series.points]
    cut = whole[len(whole) // 2]  # a boundary exactly on a sample
    parts = [
        t
        for after, until in ((begin, cut), (cut, end))
        for series in prometheus.samples("up", after, until).series
        for t, _ in series.points
    ]
    assert len(whole) >= 4
    assert parts == whole


def test_range_points_lie_on_the_millisecond_grid_that_was_asked_for(prometheus: PrometheusClient) -> None:
    start = time.time() // 0.25 * 0.25 - 1
    (series,) = prometheus.query_range("vector(1)", start, start + 1, 0.25).series
    assert [t for t, _ in series.points] == [round(start + k * 0.25, 3) for k in range(5)]


def test_instant_query_and_the_servers_warnings(prometheus: PrometheusClient) -> None:
    assert soon(lambda: prometheus.query("up == 1").series)
    assert soon(lambda: prometheus.query("rate(process_resident_memory_bytes[5s])").warnings)


def test_a_query_that_does_not_parse_is_a_fault_with_the_servers_words(prometheus: PrometheusClient) -> None:
    with pytest.raises(HttpFault, match="parse error"):
        prometheus.query("sum(")
    with pytest.raises(HttpFault, match="parse error"):
        prometheus.query_range("sum(", 1, 2, 1)
    assert prometheus.format_query(" sum ( up ) ") == "sum(up)"


def test_rules_alerts_targets_and_status(prometheus: PrometheusClient) -> None:
    assert soon(prometheus.alerts)[0]["labels"]["alertname"] == "Always"
    rule = prometheus.rules("alert")[0]["rules"][0]
    assert (rule["name"], rule["state"], rule["alerts"][0]["annotations"]) == ("Always", "firing", {"summary": "is 1"})
    assert prometheus.rules("record")[0:1] == []
    assert soon(prometheus.targets)[0]["scrapeInterval"] == "250ms"
    assert "scrape_interval: 250ms" in prometheus.config()
    assert prometheus.flags()["web.route-prefix"] == "/prefix"
    assert "startTime" in prometheus.runtime()
    assert "goVersion" in prometheus.version()
    assert prometheus.series("up")[0]["job"] == "itself"
    assert "up" not in prometheus.metadata()
    assert sum_families(prometheus.own_metrics(), frozenset({"prometheus_rule_group_iterations_missed_total"})) == {
        "prometheus_rule_group_iterations_missed_total": 0.0
    }


def test_alertmanager_tells_its_alerts_groups_and_configuration(alertmanager: AlertmanagerClient) -> None:
    assert alertmanager.receivers() == ("nobody",)
    assert "receiver: nobody" in alertmanager.config()
    assert alertmanager.silences() == []
    alertmanager.http.post_json("/api/v2/alerts", [{"labels": {"alertname": "A"}, "annotations": {"s": "x"}}])
    (alert,) = soon(alertmanager.alerts)
    assert (alert["labels"], alert["receivers"]) == ({"alertname": "A"}, [{"name": "nobody"}])
    assert alertmanager.groups()[0]["alerts"][0]["fingerprint"] == alert["fingerprint"]
    assert "alertmanager_notifications_failed_total" in alertmanager.own_metrics()


def test_a_link_is_made_slowed_cut_and_mended(prometheus: PrometheusClient, toxiproxy: ToxiproxyClient) -> None:
    upstream = prometheus.http.base.split("/")[2]
    link = toxiproxy.create("prometheus", "127.0.0.1:0", upstream)
    through = PrometheusClient(Http(f"http://{link.listen}/prefix"))
    assert through.ready()
    toxiproxy.add_toxic("prometheus", Toxic("slow", "latency", {"latency": 150}))
    assert through.http.send("GET", "/-/ready").duration_s >= 0.15
    assert toxiproxy.proxies()["prometheus"].toxics[0].attributes["latency"] == 150
    toxiproxy.remove_toxic("prometheus", "slow")
    toxiproxy.remove_toxic("prometheus", "slow")
    assert not toxiproxy.enable("prometheus", False).enabled
    with pytest.raises(HttpFault):
        through.ready()
    toxiproxy.reset()
    assert through.ready()
    toxiproxy.delete("prometheus")
    with pytest.raises(HttpFault, match="404"):
        toxiproxy.proxy("prometheus")
