"""What is asked of Prometheus, to the millisecond, and what is made of its answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from harness.clauses.exposition import parse_exposition
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient, SeriesData, sum_families

VECTOR = {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1.25, "NaN"]}]}
MATRIX = {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[1.001, "1"], [1.251, "+Inf"]]}]}


def client(server: Any) -> PrometheusClient:
    return PrometheusClient(Http(server.url))


def form(server: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(server.asked[-1].body.decode()).items()}


def test_an_instant_query_is_posted_with_exact_time_and_its_warnings_surface(server: Any) -> None:
    server.answer("POST", "/api/v1/query", {"data": VECTOR, "warnings": ["w"], "infos": ["i"]})
    result = client(server).query('up{a="é"}', at=1700000000.1234)
    assert form(server) == {"query": 'up{a="é"}', "time": "1700000000.123"}
    assert result.warnings == ("w", "i")
    assert result.series[0].labels == {"a": "b"}
    assert result.series[0].points[0][1] != result.series[0].points[0][1]


def test_an_instant_query_without_time_is_the_servers_now(server: Any) -> None:
    server.answer("POST", "/api/v1/query", {"data": {"resultType": "scalar", "result": [2.5, "7"]}})
    assert client(server).query("7").series == (SeriesData({}, ((2.5, 7.0),)),)
    assert form(server) == {"query": "7"}


def test_a_refused_query_says_what_the_server_said(server: Any) -> None:
    server.answer("POST", "/api/v1/query", {"errorType": "bad_data", "error": "parse error"}, status=400)
    with pytest.raises(HttpFault, match=r"answered 400: .*parse error"):
        client(server).query("sum(")
    assert len(server.asked) == 1


def test_a_range_keeps_milliseconds(server: Any) -> None:
    server.answer("POST", "/api/v1/query_range", {"data": MATRIX})
    result = client(server).query_range("x", 1.0005, 2.25, 0.25)
    assert form(server) == {"query": "x", "start": "1.000", "end": "2.250", "step": "0.250"}
    assert result.series == (SeriesData({"a": "b"}, ((1.001, 1.0), (1.251, float("inf")))),)


def test_raw_samples_are_a_left_open_window_that_ends_at_an_exact_instant(server: Any) -> None:
    server.answer("POST", "/api/v1/query", {"data": MATRIX})
    assert client(server).samples("up", 10.0, 11.25).series[0].points[0] == (1.001, 1.0)
    assert form(server) == {"query": "up[1s250ms]", "time": "11.250"}


def test_native_histograms_are_told_by_count_and_sum(server: Any) -> None:
    labels = {"harness_family": "took.s", "job": 'a"b'}
    found = {"resultType": "vector", "result": [{"metric": labels, "value": [1, "3"]}]}
    server.answer("POST", "/api/v1/query", {"data": found})
    text = client(server).native_histograms('{job="a"}')
    assert text == ('# native took.s\n{"took.s_count", "job"="a\\"b"} 3.0\n{"took.s_sum", "job"="a\\"b"} 3.0\n')
    names = [sample.name for family in parse_exposition(text).values() for sample in family.samples]
    assert names == ["took.s_count", "took.s_sum"]
    wanted = 'histogram_sum(label_replace({job="a"}, "harness_family", "$1", "__name__", "(.+)"))'
    assert form(server)["query"] == wanted


def test_an_empty_window_asks_nothing(server: Any) -> None:
    assert client(server).samples("up", 10.0004, 10.0001).series == ()
    assert server.asked == []


def test_native_histograms_have_no_points(server: Any) -> None:
    server.answer("POST", "/api/v1/query", {"data": {"result": [{"metric": {}, "histogram": [1, {}]}]}})
    assert client(server).query("h").series == (SeriesData({}, ()),)


@pytest.mark.parametrize(
    ("call", "path", "data", "expected"),
    [
        (lambda c: c.rules("alert"), "/api/v1/rules", {"groups": [1]}, [1]),
        (lambda c: c.rules(), "/api/v1/rules", {"groups": []}, []),
        (lambda c: c.alerts(), "/api/v1/alerts", {"alerts": [1]}, [1]),
        (lambda c: c.targets(), "/api/v1/targets", {"activeTargets": [1]}, [1]),
        (lambda c: c.metadata(), "/api/v1/metadata", {"m": []}, {"m": []}),
        (lambda c: c.series("a", "b"), "/api/v1/series", [{"x": "y"}], [{"x": "y"}]),
        (lambda c: c.config(), "/api/v1/status/config", {"yaml": "x: 1"}, "x: 1"),
        (lambda c: c.flags(), "/api/v1/status/flags", {"f": "1"}, {"f": "1"}),
        (lambda c: c.runtime(), "/api/v1/status/runtimeinfo", {"r": 1}, {"r": 1}),
        (lambda c: c.version(), "/api/v1/status/buildinfo", {"version": "3"}, {"version": "3"}),
    ],
)
def test_the_status_endpoints_are_unwrapped(server: Any, call: Any, path: str, data: Any, expected: Any) -> None:
    server.answer("GET", path, {"status": "success", "data": data})
    assert call(client(server)) == expected


def test_format_query_readiness_and_own_metrics(server: Any) -> None:
    server.answer("POST", "/api/v1/format_query", {"data": "up"})
    server.answer("GET", "/-/ready", status=503)
    server.answer("GET", "/-/ready", status=200)
    server.answer("GET", "/metrics", b"m 1\n")
    prometheus = client(server)
    assert prometheus.format_query(" up ") == "up"
    assert not prometheus.ready()
    assert prometheus.ready()
    assert prometheus.own_metrics() == "m 1\n"


def test_families_are_summed_over_their_labels_and_others_left_out() -> None:
    text = '# HELP a x\n# TYPE a counter\na{l="}"} 1\na{l="y 9"} 2.5 1700\nab 7\nb 3e2\nc{} NaN\n'
    assert sum_families(text, frozenset({"a", "b", "absent"})) == {"a": 3.5, "b": 300.0}
