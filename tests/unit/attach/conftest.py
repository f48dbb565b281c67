"""A system that runs already, as one web server: it answers what a healthy one would, and remembers who asked how."""

from __future__ import annotations

import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
import yaml

ROOT = Path(__file__).parents[3]
TINY = ROOT / "fixtures" / "tiny"
DATA = Path(__file__).parent / "data"
TEXT = """\
# HELP tiny_requests_total Requests answered.
# TYPE tiny_requests_total counter
tiny_requests_total{code="200"} 7
tiny_requests_total{code="500"} 0
# HELP tiny_failures_total Requests that failed.
# TYPE tiny_failures_total counter
tiny_failures_total 0
# HELP tiny_request_seconds Time to answer.
# TYPE tiny_request_seconds histogram
tiny_request_seconds_bucket{le="0.001"} 7
tiny_request_seconds_bucket{le="0.01"} 7
tiny_request_seconds_bucket{le="0.1"} 7
tiny_request_seconds_bucket{le="1"} 7
tiny_request_seconds_bucket{le="+Inf"} 7
tiny_request_seconds_sum 0.001
tiny_request_seconds_count 7
"""
TYPES = {
    "tiny_requests_total": [{"type": "counter", "help": "Requests answered."}],
    "tiny_failures_total": [{"type": "counter", "help": "Requests that failed."}],
    "tiny_request_seconds": [{"type": "histogram", "help": "Time to answer."}],
    "go_goroutines": [{"type": "gauge", "help": "Of another."}],
}
LINE = {
    "time": "2026-11-30T10:00:00.000Z",
    "level": "info",
    "msg": "request",
    "request_id": "r1",
    "code": 200,
    "duration": 0.1,
    "pid": 1,
    "seq": 1,
}


@dataclass
class System:
    """What it answers, by path; a status other than 200 stands for the body."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    echoes: bool = False
    """Whether errors repeat the headers of the request, as careless gateways do."""
    ahead_s: float = 0.0

    def heal(self) -> None:
        """Answer as the tiny service and its stack do when all is well."""
        rules = yaml.safe_load((TINY / "production" / "rules.yml").read_text())["groups"][0]
        rule = rules["rules"][0]
        loaded = {
            "type": "alerting",
            "name": rule["alert"],
            "query": "sum(rate(tiny_failures_total[40s])) > 0.1",
            "duration": 20,
            "keepFiringFor": 0,
            "labels": rule["labels"],
            "annotations": rule["annotations"],
            "state": "inactive",
            "health": "ok",
            "lastEvaluation": "2026-11-30T10:00:00Z",
            "alerts": [],
        }
        group = {"name": "tiny", "file": "rules.yml", "lastEvaluation": "2026-11-30T10:00:00Z", "rules": [loaded]}
        document = {"_index": "tiny-1", "_id": "a", "sort": [1, 1]}
        source = {**LINE, "log": {"file": {"path": "/var/log/tiny/requests.log"}}, "agent": {"type": "filebeat"}}
        config = (TINY / "production" / "alertmanager.yml").read_text()
        self.answers = {
            "/metrics": TEXT,
            "/healthz": {"status": "healthy"},
            "/api/v1/rules": data({"groups": [group]}),
            "/api/v1/alertmanagers": data({"activeAlertmanagers": [{"url": "http://am"}]}),
            "/api/v1/metadata": data(TYPES),
            "/api/v1/targets": data({"activeTargets": [{"labels": {"job": "tiny", "instance": "a:1", "zone": "x"}}]}),
            "/api/v1/status/runtimeinfo": data({"storageRetention": "15d"}),
            "/api/v1/query": self.query,
            "/api/v2/status": {"config": {"original": config}},
            "/api/v2/alerts": [],
            "/tiny*/_count": {"count": 1},
            "/tiny*/_search": {"hits": {"hits": [{**document, "_source": source}]}},
        }

    def query(self, form: dict[str, str]) -> Any:
        """An instant query: the time, or all series of the service."""
        if form["query"] == "time()":
            return data({"resultType": "scalar", "result": [0, str(self.now())]})
        return data({"resultType": "vector", "result": self.series(float(form.get("time", self.now())))})

    def series(self, t: float) -> list[dict[str, Any]]:
        """What Prometheus holds at an instant."""
        return vector(TEXT, t)

    def now(self) -> float:
        return datetime.now(UTC).timestamp() + self.ahead_s


def data(result: Any) -> dict[str, Any]:
    """As the API of Prometheus wraps it."""
    return {"status": "success", "data": result}


def vector(text: str, t: float) -> list[dict[str, Any]]:
    """The series of an exposition as Prometheus answers them, with the labels of their target."""
    from prometheus_client.parser import text_string_to_metric_families

    target = {"job": "tiny", "instance": "a:1", "zone": "x"}
    return [
        {"metric": {"__name__": sample.name, **sample.labels, **target}, "value": [t, str(sample.value)]}
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def serve(system: System, context: ssl.SSLContext | None = None) -> Callable[[], None]:
    """Serve ``system``; answers what ends it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # header and body in one packet: else each answer waits for an acknowledgement

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            path = self.path.partition("?")[0]
            system.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            found = system.answers.get(path, 404)
            if callable(found):
                found = found({key: values[0] for key, values in parse_qs(body.decode()).items()})
            status = found if isinstance(found, int) else 200
            content = found.encode() if isinstance(found, str) else orjson.dumps(found)
            if status != 200 and system.echoes:
                content = f"refused: {dict(self.headers)}".encode()
            self.send_response(status)
            kind = "text/plain" if isinstance(found, str) else "application/json"
            for name, value in {"content-length": str(len(content)), "content-type": kind}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 (names of the standard library)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    if context:
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    system.url = f"http{'s' if context else ''}://127.0.0.1:{httpd.server_address[1]}"

    def end() -> None:
        httpd.shutdown()
        thread.join()
        httpd.server_close()

    return end


@pytest.fixture
def system() -> Iterator[System]:
    made = System()
    made.heal()
    end = serve(made)
    yield made
    end()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A copy of the tiny campaign, to break."""
    shutil.copytree(TINY, tmp_path / "tiny", ignore=shutil.ignore_patterns("service"))
    return tmp_path / "tiny"
