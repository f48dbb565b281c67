"""Alertmanager, Elasticsearch, Filebeat and Toxiproxy: what is asked and what is made of the answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.elasticsearch import ElasticsearchClient, Hit
from harness.run.clients.filebeat import FilebeatClient
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.toxiproxy import Proxy, Toxic, ToxiproxyClient


def body(server: Any) -> Any:
    return orjson.loads(server.asked[-1].body)


@pytest.mark.parametrize(
    ("call", "path", "data", "expected"),
    [
        (lambda c: c.alerts(), "/api/v2/alerts", [1], [1]),
        (lambda c: c.groups(), "/api/v2/alerts/groups", [1], [1]),
        (lambda c: c.silences(), "/api/v2/silences", [1], [1]),
        (lambda c: c.receivers(), "/api/v2/receivers", [{"name": "a"}, {"name": "b"}], ("a", "b")),
        (lambda c: c.config(), "/api/v2/status", {"config": {"original": "route: {}"}}, "route: {}"),
        (lambda c: c.ready(), "/-/ready", "OK", True),
        (lambda c: c.own_metrics(), "/metrics", 1, "1"),
    ],
)
def test_alertmanager(server: Any, call: Any, path: str, data: Any, expected: Any) -> None:
    server.answer("GET", path, data)
    assert call(AlertmanagerClient(Http(server.url))) == expected


def hit(number: int) -> dict[str, Any]:
    return {"_index": "i", "_id": str(number), "_source": {"n": number}, "sort": [number, "i"]}


def test_elasticsearch_pages_go_on_after_the_last_hit(server: Any) -> None:
    server.answer("POST", "/app-*/_search", {"hits": {"hits": [hit(1), hit(2)]}})
    server.answer("POST", "/app-*/_search", {"hits": {"hits": [hit(3)]}})
    client = ElasticsearchClient(Http(server.url))
    found = list(client.search_after("app-*", {"term": {"a": 1}}, [{"n": "asc"}], page=2))
    assert found == [Hit("i", str(n), {"n": n}, (n, "i")) for n in (1, 2, 3)]
    assert body(server)["search_after"] == [2, "i"]
    assert body(server)["query"] == {"term": {"a": 1}}
    assert "ignore_unavailable=true" in server.asked[0].path


def test_elasticsearch_scans_one_snapshot_and_lets_go_of_it(server: Any) -> None:
    server.answer("POST", "/app-*/_search", {"_scroll_id": "s1", "hits": {"hits": [hit(1), hit(2)]}})
    server.answer("POST", "/_search/scroll", {"_scroll_id": "s2", "hits": {"hits": [hit(3), hit(4)]}})
    server.answer("POST", "/_search/scroll", {"_scroll_id": "s3", "hits": {"hits": []}})
    server.answer("DELETE", "/_search/scroll", {})
    found = list(ElasticsearchClient(Http(server.url)).scan("app-*", page=2))
    assert [item.id for item in found] == ["1", "2", "3", "4"]
    assert server.asked[-1].method == "DELETE"
    assert body(server) == {"scroll_id": "s3"}


def test_elasticsearch_counts_refreshes_and_tells_health(server: Any) -> None:
    server.answer("POST", "/x/_count", {"count": 7})
    server.answer("POST", "/x/_refresh", {})
    server.answer("GET", "/_cluster/health", {"status": "yellow"})
    server.answer("GET", "/", {"version": {"number": "8"}})
    client = ElasticsearchClient(Http(server.url))
    assert client.count("x") == 7
    assert server.asked[-1].body == b""
    assert client.count("x", {"term": {"a": 1}}) == 7
    assert body(server) == {"query": {"term": {"a": 1}}}
    client.refresh("x")
    assert client.health() == "yellow"
    assert client.info()["version"]["number"] == "8"


def test_elasticsearch_bulk_counts_what_was_refused(server: Any) -> None:
    server.answer("POST", "/_bulk", {"items": [{"index": {"status": 201}}, {"index": {"status": 400}}]})
    assert ElasticsearchClient(Http(server.url)).bulk("x", [(None, {"a": 1}), ("id", {"b": 2})]) == 1
    assert server.asked[0].body == (
        b'{"index":{"_index":"x"}}\n{"a":1}\n{"index":{"_index":"x","_id":"id"}}\n{"b":2}\n'
    )


def test_elasticsearch_templates_and_indices(server: Any) -> None:
    server.answer("PUT", "/_index_template/app%20x", {})
    server.answer("PUT", "/x", {})
    for status in (200, 404, 500):
        server.answer("DELETE", "/x", status=status)
    client = ElasticsearchClient(Http(server.url))
    client.put_index_template("app x", {"index_patterns": ["x"]})
    client.create_index("x")
    client.delete_index("x")
    client.delete_index("x")
    with pytest.raises(HttpFault, match="500"):
        client.delete_index("x")


def test_filebeat_counters_are_zero_until_told(server: Any) -> None:
    stats = {"libbeat": {"output": {"events": {"acked": 5}}}, "filebeat": {"harvester": 3}}
    server.answer("GET", "/stats", stats)
    counters = FilebeatClient(Http(server.url)).counters()
    assert counters["output_acked"] == 5.0
    assert {value for name, value in counters.items() if name != "output_acked"} == {0.0}


def proxy(**more: Any) -> dict[str, Any]:
    return {"name": "a", "listen": "127.0.0.1:1", "upstream": "127.0.0.1:2", "enabled": True, **more}


def test_toxiproxy_reads_links_with_their_toxics(server: Any) -> None:
    toxic = {"name": "t", "type": "latency", "stream": "upstream", "toxicity": 0.5, "attributes": {"latency": 9}}
    server.answer("GET", "/proxies", {"a": proxy(toxics=[toxic])})
    server.answer("GET", "/proxies/a", proxy(toxics=None))
    server.answer("GET", "/version", b"2\n")
    client = ToxiproxyClient(Http(server.url))
    assert client.proxies()["a"].toxics == (Toxic("t", "latency", {"latency": 9}, "upstream", 0.5),)
    assert client.proxy("a") == Proxy("a", "127.0.0.1:1", "127.0.0.1:2", True)
    assert client.version() == "2"


def test_toxiproxy_changes_links(server: Any) -> None:
    server.answer("POST", "/proxies", proxy(), status=201)
    server.answer("POST", "/proxies/a", proxy(enabled=False))
    server.answer("POST", "/proxies/a/toxics", {})
    server.answer("DELETE", "/proxies/a", status=204)
    server.answer("POST", "/reset", status=204)
    for status in (204, 404, 500):
        server.answer("DELETE", "/proxies/a/toxics/t", status=status)
    client = ToxiproxyClient(Http(server.url))
    assert client.create("a", "127.0.0.1:0", "127.0.0.1:2").enabled
    assert not client.enable("a", False).enabled
    client.add_toxic("a", Toxic("t", "latency", {"latency": 9}))
    assert body(server)["attributes"] == {"latency": 9}
    client.remove_toxic("a", "t")
    client.remove_toxic("a", "t")
    with pytest.raises(HttpFault):
        client.remove_toxic("a", "t")
    client.reset()
    client.delete("a")
