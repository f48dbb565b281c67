"""A subject in this process, scraped and judged by a real Prometheus and Alertmanager at a quarter of a second."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.provision import elasticsearch_command, ensure
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.elasticsearch import ElasticsearchClient
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient

INTERVAL_S = 0.25
PROMETHEUS = """
global: {{scrape_interval: 250ms, evaluation_interval: 250ms}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}
scrape_configs:
  - {{job_name: subject, static_configs: [{{targets: ['127.0.0.1:{subject}']}}]}}
  - {{job_name: slow, scrape_interval: 500ms, static_configs: [{{targets: ['127.0.0.1:{subject}']}}]}}
"""
RULES = """
groups:
  - name: g
    rules:
      - {alert: High, expr: 'level{job="subject"} > 1', for: 500ms, labels: {severity: critical},
         annotations: {summary: 'level {{ $value }}'}}
      - {alert: Low, expr: 'level{job="subject"} > 0.5', labels: {severity: warning}}
"""
ALERTMANAGER = """
route: {receiver: nobody, group_wait: 0s}
receivers: [{name: nobody}]
inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [instance]}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(argv: list[str], cwd: Path, ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """A process until the block ends; entered once ``ready`` says so."""
    with (cwd / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=cwd, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not _holds(ready):
            assert process.poll() is None, (cwd / "log").read_text()
            assert time.monotonic() < deadline, (cwd / "log").read_text()
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def _holds(ready: Callable[[], bool]) -> bool:
    try:
        return ready()
    except (HttpFault, OSError):
        return False


@dataclass
class Subject:
    """Exposes one gauge and a health endpoint; ``mute`` makes it answer nothing."""

    port: int = 0
    level: float = 0.0
    counter: int = 0
    status: int = 200
    mute: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def subject() -> Iterator[Subject]:
    it = Subject()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if it.mute.is_set():
                return
            if self.path == "/health":
                self._answer(it.status, b'{"status": "fine"}', "application/json")
            else:
                text = f"# TYPE level gauge\nlevel {it.level}\n# TYPE done_total counter\ndone_total {it.counter}\n"
                self._answer(200, text.encode(), "text/plain; version=0.0.4")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    it.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield it
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@dataclass
class Stack:
    prometheus: PrometheusClient
    alertmanager: AlertmanagerClient
    processes: dict[str, subprocess.Popen[bytes]]


@pytest.fixture
def stack(subject: Subject, tmp_path: Path) -> Iterator[Stack]:
    tools = ensure(["prometheus", "alertmanager"])
    ports = {name: free_port() for name in tools}
    clients = {name: Http(f"http://127.0.0.1:{port}", timeout_s=1.0) for name, port in ports.items()}
    prometheus, alertmanager = PrometheusClient(clients["prometheus"]), AlertmanagerClient(clients["alertmanager"])
    folders = {name: tmp_path / name for name in tools}
    for folder in folders.values():
        folder.mkdir()
    config = PROMETHEUS.format(subject=subject.port, alertmanager=ports["alertmanager"])
    (folders["prometheus"] / "prometheus.yml").write_text(config)
    (folders["prometheus"] / "rules.yml").write_text(RULES)
    (folders["alertmanager"] / "alertmanager.yml").write_text(ALERTMANAGER)
    options = {
        "prometheus": ("--storage.tsdb.path=data", "--scrape.discovery-reload-interval=50ms",
                       "--rules.alert.resend-delay=250ms"),
        "alertmanager": ("--cluster.listen-address=",),
    }  # fmt: skip
    readies = {"prometheus": prometheus.ready, "alertmanager": alertmanager.ready}
    with ExitStack() as exits:
        processes = {}
        for name in ("alertmanager", "prometheus"):
            argv = [str(tools[name].executable), f"--web.listen-address=127.0.0.1:{ports[name]}", *options[name]]
            processes[name] = exits.enter_context(running(argv, folders[name], readies[name]))
        yield Stack(prometheus, alertmanager, processes)


@pytest.fixture(scope="session")
def elasticsearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElasticsearchClient]:
    folder = tmp_path_factory.mktemp("elasticsearch")
    home = folder / "home"
    argv = elasticsearch_command(ensure(["elasticsearch"])["elasticsearch"], home, {}, heap_mb=128)
    ports = home / "logs" / "http.ports"
    with running([str(part) for part in argv], folder, lambda: bool(ports.read_text().strip())):
        yield ElasticsearchClient(Http(f"http://{ports.read_text().split()[0]}", timeout_s=10.0))
