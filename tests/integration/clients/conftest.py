"""A real Prometheus, Alertmanager and Toxiproxy at intervals of a quarter second."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.provision import ensure
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient
from harness.run.clients.toxiproxy import ToxiproxyClient

PROMETHEUS = """
global: {{scrape_interval: 250ms, evaluation_interval: 250ms}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: itself
    metrics_path: /prefix/metrics
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""
RULES = """
groups:
  - name: g
    rules:
      - {alert: Always, expr: vector(1), labels: {severity: none}, annotations: {summary: 'is {{ $value }}'}}
"""
ALERTMANAGER = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(program: str, *arguments: str, ready: Callable[[], bool], cwd: Path) -> Iterator[None]:
    """``program`` until the block ends; entered once ``ready`` says so."""
    argv = [str(ensure([program])[program].executable), *arguments]
    with (cwd / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=cwd, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 15
        while not _holds(ready):
            assert process.poll() is None, (cwd / "log").read_text()
            assert time.monotonic() < deadline, (cwd / "log").read_text()
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


def _holds(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except HttpFault:
        return False


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusClient]:
    """Under a path prefix, scraping itself, with one alert that always fires."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(port=port))
    (folder / "rules.yml").write_text(RULES)
    client = PrometheusClient(Http(f"http://127.0.0.1:{port}/prefix/"))
    listen = (f"--web.listen-address=127.0.0.1:{port}", "--web.route-prefix=/prefix", "--web.external-url=/prefix")
    # Targets are handed to the scrapers at this interval, which is 5 s by default.
    quick = ("--storage.tsdb.path=data", "--scrape.discovery-reload-interval=50ms")
    with running("prometheus", *listen, *quick, ready=client.ready, cwd=folder):
        yield client


@pytest.fixture(scope="session")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertmanagerClient]:
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    (folder / "alertmanager.yml").write_text(ALERTMANAGER)
    client = AlertmanagerClient(Http(f"http://127.0.0.1:{port}"))
    listen = (f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
    with running("alertmanager", *listen, ready=client.ready, cwd=folder):
        yield client


@pytest.fixture(scope="session")
def toxiproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToxiproxyClient]:
    folder, port = tmp_path_factory.mktemp("toxiproxy"), free_port()
    client = ToxiproxyClient(Http(f"http://127.0.0.1:{port}"))
    with running("toxiproxy", f"-port={port}", ready=lambda: bool(client.version()), cwd=folder):
        yield client
