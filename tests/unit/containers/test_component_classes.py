"""How each class describes its container, without an engine: what it would be started with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from testcontainers.core import container as testcontainers_container

from harness.run.containers.alertmanager import AlertmanagerContainer
from harness.run.containers.component import ComponentContainer
from harness.run.containers.elasticsearch import ElasticsearchContainer
from harness.run.containers.filebeat import FilebeatContainer
from harness.run.containers.prometheus import PrometheusContainer
from harness.run.containers.service import ServiceContainer
from harness.run.containers.toxiproxy import ToxiproxyContainer


class Recorded:
    """Keeps what a container would be created with."""

    def __init__(self, **_kw: Any) -> None:
        self.created: dict[str, Any] = {}

    def create(self, image: str, **settings: Any) -> Recorded:
        self.created = {"image": image, **settings}
        return self

    def start(self, container: Any) -> None:
        assert container is self

    short_id = "abc"


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testcontainers_container, "DockerClient", Recorded)
    monkeypatch.setattr(testcontainers_container.c, "ryuk_disabled", True)


def created(container: ComponentContainer) -> dict[str, Any]:
    client: Any = container.without_waiting().start().get_docker_client()
    found: dict[str, Any] = client.created
    return found


def test_a_port_is_published_on_loopback_alone() -> None:
    found = created(PrometheusContainer("own/prometheus:3"))
    assert found["image"] == "own/prometheus:3"
    assert found["ports"] == {"9090": ("127.0.0.1", None)}
    assert "--web.listen-address=0.0.0.0:9090" in found["command"]
    assert "network" not in found


def test_on_the_network_of_the_machine_it_listens_on_loopback_and_publishes_nothing() -> None:
    container = PrometheusContainer().on_host_network(19090)
    found = created(container)
    assert (found["network"], found["ports"]) == ("host", {})
    assert "--web.listen-address=127.0.0.1:19090" in found["command"]
    assert container.url == "http://127.0.0.1:19090"


def test_limits_labels_and_user_add_up() -> None:
    container = ToxiproxyContainer().with_limits(memory="64m", cpus=1000).as_user(1000, 1001)
    found = created(container.with_labels({"a": "1"}).with_labels({"b": "2"}))
    assert (found["mem_limit"], found["memswap_limit"]) == ("64m", "64m")
    assert 0 < found["nano_cpus"] < 1000e9, "never more than the machine has"
    assert found["user"] == "1000:1001"
    assert found["labels"] == {"a": "1", "b": "2"}


def test_no_limit_is_none() -> None:
    assert "mem_limit" not in created(ToxiproxyContainer().with_limits())


def test_prometheus_runs_a_file_or_a_folder(tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    found = created(PrometheusContainer().with_config(config))
    assert found["volumes"] == {str(config): {"bind": "/etc/prometheus/prometheus.yml", "mode": "ro"}}
    found = created(PrometheusContainer().with_folder(tmp_path, config, tmp_path / "data").with_flags("--x=1"))
    assert found["volumes"] == {str(tmp_path): {"bind": str(tmp_path), "mode": "rw"}}
    assert found["command"] == [
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        "--web.listen-address=0.0.0.0:9090",
        "--x=1",
    ]


def test_alertmanager_forms_no_cluster(tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    found = created(AlertmanagerContainer().with_config(config).with_flags("--log.level=warn"))
    assert "--cluster.listen-address=" in found["command"]
    assert found["command"][-1] == "--log.level=warn"
    assert next(iter(found["volumes"].values()))["bind"] == "/etc/alertmanager/alertmanager.yml"
    found = created(AlertmanagerContainer().with_folder(tmp_path, config, tmp_path / "data"))
    assert f"--storage.path={tmp_path / 'data'}" in found["command"]


def test_elasticsearch_is_told_by_its_environment() -> None:
    found = created(ElasticsearchContainer(heap="128m").on_host_network(19200).with_transport(19300))
    told = found["environment"]
    assert told["ES_JAVA_OPTS"] == "-Xms128m -Xmx128m"
    assert (told["network.host"], told["http.port"], told["transport.port"]) == ("127.0.0.1", "19200", "19300")
    assert told["xpack.security.enabled"] == "false"
    assert created(ElasticsearchContainer())["environment"]["network.host"] == "0.0.0.0"


def test_filebeat_takes_whoevers_configuration(tmp_path: Path) -> None:
    found = created(FilebeatContainer().with_config(tmp_path / "filebeat.yml").with_same_path(Path("/var/log/shop")))
    assert found["command"] == ["-e", "-c", "/usr/share/filebeat/filebeat.yml", "--strict.perms=false"]
    assert found["volumes"]["/var/log/shop"] == {"bind": "/var/log/shop", "mode": "ro"}
    found = created(FilebeatContainer().with_folder(tmp_path, tmp_path / "filebeat.yml"))
    assert f"--path.data={tmp_path / 'data'}" in found["command"]


def test_toxiproxy_listens_where_it_is_told() -> None:
    assert created(ToxiproxyContainer())["command"] == ["-host=0.0.0.0", "-port=8474"]


def test_a_service_keeps_its_own_arguments_unless_told() -> None:
    assert created(ServiceContainer("shop:1", 8080))["command"] == []
    found = created(ServiceContainer("shop:1", 8080).with_arguments(["-v"]).with_environment({"A": "1"}))
    assert (found["command"], found["environment"]) == (["-v"], {"A": "1"})
