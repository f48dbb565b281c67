"""Production files and a topology in which every way out of them ends on this machine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.artefacts import FilebeatPlace, JobBinding, Link, LogSource, Target, Topology, read_alertmanager
from harness.core.source import Document, load_yaml

FIXTURES = Path(__file__).parents[3] / "fixtures" / "artefacts"
POD = {
    "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
    "__meta_kubernetes_pod_annotation_prometheus_io_port": "9090",
    "__meta_kubernetes_pod_label_app": "shop",
}


@pytest.fixture
def fixture() -> Callable[[str], Document]:
    return lambda name: load_yaml(FIXTURES / name, shown_as=name)


@pytest.fixture
def prometheus_topology() -> Topology:
    def direct(port: int) -> Link:
        return Link.direct(f"127.0.0.1:{port}")

    return Topology(
        jobs={
            "shop": JobBinding((Target(direct(4001)), Target(direct(4002)))),
            "kubernetes-pods": JobBinding((Target(direct(4003), "10.0.0.7:9090", "10.0.0.7:3000", POD),)),
            "consul": JobBinding(),
            "node": JobBinding((Target(direct(4004), "node:9100", path="/exposition"),)),
        },
        addresses={"blackbox.internal:9115": direct(4005), "localhost:9090": direct(4000)},
        alertmanager=direct(4093),
        files={"rules/*.yml": ("slo.yml",)},
        absent=frozenset({"remote_write", "remote_read", "/etc/prometheus/scrape.d/*.yml"}),
    )


@pytest.fixture
def alertmanager_topology(fixture: Callable[[str], Document]) -> Topology:
    sinks = {}
    for name in ("alertmanager/everything.yml", "alertmanager/minimal.yml"):
        for receiver in read_alertmanager(fixture(name)).receivers:
            for each in receiver.integrations:
                key = f"{each.kind}-{each.index}"
                http = f"http://127.0.0.1:8000/{receiver.name}/{key}"
                sinks[receiver.name, key] = "127.0.0.1:2525" if each.kind == "email" else http
    return Topology(sinks=sinks, files={"templates/*.tmpl": ("t.tmpl",)})


@pytest.fixture
def filebeat_topology() -> Topology:
    def logs(stream: str) -> tuple[LogSource, ...]:
        return tuple(LogSource(f"/run/{cell}/{stream}.log", cell, "one", stream) for cell in ("c1", "c2"))

    return Topology(
        elasticsearch=Link.direct("http://127.0.0.1:9200"),
        outputs={"logstash": (Link.direct("127.0.0.1:5044"),), "kafka": (Link.direct("127.0.0.1:9092"),)},
        logs={
            "/var/log/shop/access.log": logs("access"),
            "/var/log/shop/access.*.log": logs("access"),
            "/var/log/shop/error.log": logs("error"),
            "/var/log/containers/shop-*.log": logs("container"),
        },
        environment={"HOSTNAME": "host"},
        filebeat=FilebeatPlace("/run/data", "/run/logs", Link.direct("127.0.0.1:5066"), {"seccomp.enabled": False}),
    )
