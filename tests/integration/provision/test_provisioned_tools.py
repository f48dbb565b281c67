"""Every provisioned part really starts, is the version that was asked for, and does its first piece of work."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.provision import Tool, elasticsearch_command, ensure
from harness.provision.sets import NATIVE, GoBuild
from harness.provision.versions import binary_version, within

READY_S = 30.0


@pytest.fixture(scope="module")
def tools() -> dict[str, Tool]:
    return ensure(list(NATIVE.by_name))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(argv: list[str], log: Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        child = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, **options)  # type: ignore[call-overload]
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)
                child.wait()


def until(answer: Callable[[], object], child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while not answer():
        assert child.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def ask(port: int, path: str, method: str = "GET", body: object = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except ConnectionError:
        return 0, ""
    finally:
        connection.close()


def said_by(*argv: str | Path) -> str:
    answer = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=True, timeout=30)
    return answer.stdout + answer.stderr


def test_every_binary_carries_an_accepted_version(tools: dict[str, Tool]) -> None:
    """Read from the binaries themselves, not from what the cache says of them."""
    for part in NATIVE.components:
        if isinstance(part.recipe, GoBuild):
            for path in (tools[part.name].executable, *tools[part.name].extra.values()):
                assert within(binary_version(part, path), part.accepts), path


def test_prometheus_becomes_ready_and_promtool_checks(tools: dict[str, Tool], tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1s}\nscrape_configs: []\n")
    assert "SUCCESS" in said_by(tools["prometheus"].extra["promtool"], "check", "config", config)
    port, log = free_port(), tmp_path / "log"
    argv = [
        str(tools["prometheus"].executable),
        f"--config.file={config}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
    ]
    with running(argv, log) as child:
        until(lambda: ask(port, "/-/ready")[0] == 200, child, log)
        status, text = ask(port, "/api/v1/query?query=1%2B1")
        assert (status, json.loads(text)["data"]["result"][1]) == (200, "2")


def test_alertmanager_becomes_ready_and_amtool_checks(tools: dict[str, Tool], tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    assert "SUCCESS" in said_by(tools["alertmanager"].extra["amtool"], "check-config", config)
    port, log = free_port(), tmp_path / "log"
    argv = [
        str(tools["alertmanager"].executable),
        f"--config.file={config}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        f"--storage.path={tmp_path / 'data'}",
    ]
    with running(argv, log) as child:
        until(lambda: ask(port, "/-/ready")[0] == 200, child, log)
        assert ask(port, "/api/v2/alerts")[1].strip() == "[]"


def test_toxiproxy_opens_a_proxy(tools: dict[str, Tool], tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    argv = [str(tools["toxiproxy"].executable), "-host", "127.0.0.1", "-port", str(port)]
    with running(argv, log) as child:
        until(lambda: ask(port, "/version")[0] == 200, child, log)
        proxy = {"name": "self", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{port}"}
        status, text = ask(port, "/proxies", "POST", proxy)
        assert status == 201
        opened = int(json.loads(text)["listen"].rsplit(":", 1)[1])
        assert ask(opened, "/version")[0] == 200


def elasticsearch_port(home: Path) -> int:
    return int((home / "logs" / "http.ports").read_text().split()[0].rsplit(":", 1)[1])


@contextmanager
def elasticsearch(tool: Tool, home: Path, *jvm_options: str) -> Iterator[int]:
    argv = elasticsearch_command(tool, home, {"cluster.name": "provisioned"}, jvm_options=jvm_options)
    log = home.parent / "elasticsearch.log"
    with running(argv, log) as child:
        until((home / "logs" / "http.ports").exists, child, log)
        yield elasticsearch_port(home)


def test_elasticsearch_indexes_and_finds_a_document(tools: dict[str, Tool], tmp_path: Path) -> None:
    with elasticsearch(tools["elasticsearch"], tmp_path / "home") as port:
        told = json.loads(ask(port, "/")[1])
        assert (told["version"]["number"], told["cluster_name"]) == ("8.8.0", "provisioned")
        assert ask(port, "/lines/_doc/1?refresh=true", "PUT", {"message": "one line"})[0] == 201
        found = json.loads(ask(port, "/lines/_search", "POST", {"query": {"match": {"message": "line"}}})[1])
        assert [hit["_source"]["message"] for hit in found["hits"]["hits"]] == ["one line"]


def test_elasticsearch_loads_its_classes_from_the_archive(tools: dict[str, Tool], tmp_path: Path) -> None:
    """Otherwise each start costs a second more, and nothing else would tell."""
    loaded = tmp_path / "classes.log"
    with elasticsearch(tools["elasticsearch"], tmp_path / "home", f"-Xlog:class+load:file={loaded}:none"):
        pass
    own = [line for line in loaded.read_text().splitlines() if line.startswith("org.elasticsearch.")]
    shared = [line for line in own if "shared objects file (top)" in line]
    assert len(own) > 1000
    assert len(shared) > 0.8 * len(own)


def test_elasticsearch_ends_with_its_parent(tools: dict[str, Tool], tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    argv = elasticsearch_command(tools["elasticsearch"], home, {}, stop_with_parent=True)
    with running(argv, log, stdin=subprocess.PIPE) as child:
        until((home / "logs" / "http.ports").exists, child, log)
        assert child.stdin
        child.stdin.close()
        assert child.wait(timeout=20) == 0


def test_elasticsearch_names_a_setting_that_it_does_not_know(tools: dict[str, Tool], tmp_path: Path) -> None:
    home = tmp_path / "home"
    argv = elasticsearch_command(tools["elasticsearch"], home, {"http.prot": "1"})
    answer = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert answer.returncode == 1
    assert "http.prot" in answer.stdout + answer.stderr


def test_filebeat_ships_a_line_into_elasticsearch(tools: dict[str, Tool], tmp_path: Path) -> None:
    assert "7.12.1" in said_by(tools["filebeat"].executable, "version")
    (tmp_path / "app.log").write_text('{"message":"shipped"}\n')
    with elasticsearch(tools["elasticsearch"], tmp_path / "home") as port:
        config, log = tmp_path / "filebeat.yml", tmp_path / "filebeat.log"
        config.write_text(
            "seccomp.enabled: false\nsetup.ilm.enabled: false\nsetup.template.enabled: false\n"
            "filebeat.inputs:\n"
            f"- {{type: log, paths: ['{tmp_path / 'app.log'}'], json.keys_under_root: true, scan_frequency: 50ms}}\n"
            "queue.mem.flush.timeout: 50ms\n"
            f"output.elasticsearch: {{hosts: ['127.0.0.1:{port}'], index: shipped}}\n"
        )
        argv = [str(tools["filebeat"].executable), "-e", "-c", str(config), "--strict.perms=false"]
        with running([*argv, "--path.home", str(tmp_path / "beat")], log) as child:
            until(lambda: counted(port, "shipped") == 1, child, log)


def counted(port: int, index: str) -> int:
    ask(port, f"/{index}/_refresh", "POST")
    status, text = ask(port, f"/{index}/_count")
    return int(json.loads(text)["count"]) if status == 200 else 0
