"""The exporter of the log pipeline: what it tells of healthy, sick and silent servers, to a real scrape."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

FIXTURE = Path("fixtures/llm_router")
STATS = {"libbeat": {"output": {"events": {"acked": 7, "dropped": 1, "failed": 2}},
                     "pipeline": {"events": {"active": 3}}}}  # fmt: skip


@pytest.fixture(scope="module")
def exporter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("exporter", FIXTURE / "exporter" / "log_pipeline_exporter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Server(BaseHTTPRequestHandler):
    answers: dict[str, bytes] = {}

    def do_GET(self) -> None:
        body = self.answers.get(self.path, b"no json")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_filebeat_tells_what_became_of_its_events(exporter: ModuleType) -> None:
    lines = exporter.filebeat_lines(STATS)
    assert "log_pipeline_filebeat_up 1" in lines
    assert 'log_pipeline_filebeat_events_total{state="acked"} 7' in lines
    assert "log_pipeline_filebeat_events_active 3" in lines


def test_a_filebeat_that_does_not_answer_is_down_and_nothing_else_is_told(exporter: ModuleType) -> None:
    assert [line for line in exporter.filebeat_lines(None) if not line.startswith("#")] == [
        "log_pipeline_filebeat_up 0"
    ]


@pytest.mark.parametrize(
    ("health", "up"), [({"status": "green"}, 1), ({"status": "yellow"}, 1), ({"status": "red"}, 0), ({}, 0), (None, 0)]
)
def test_elasticsearch_is_up_when_it_answers_and_is_not_red(exporter: ModuleType, health: object, up: int) -> None:
    assert f"log_pipeline_elasticsearch_up {up}" in exporter.elasticsearch_lines(health)


def test_a_server_is_asked_over_http_and_is_down_for_any_other_answer(exporter: ModuleType, server: str) -> None:
    Server.answers = {"/stats": json.dumps(STATS).encode(), "/list": b"[]"}
    assert exporter.ask(f"{server}/stats", 1.0) == STATS
    assert exporter.ask(f"{server}/list", 1.0) is None
    assert exporter.ask(f"{server}/other", 1.0) is None
    assert exporter.ask("http://127.0.0.1:1/stats", 1.0) is None


def test_the_stand_in_tells_what_a_healthy_pipeline_would(exporter: ModuleType) -> None:
    """Cells without a pipeline serve these words; they must be those of the exporter."""

    def names(lines: list[str]) -> set[str]:
        return {line.rpartition(" ")[0] for line in lines}

    told = exporter.filebeat_lines(STATS) + exporter.elasticsearch_lines({"status": "green"})
    assert names((FIXTURE / "log-pipeline.prom").read_text().splitlines()) == names(told)


class Odd(BaseHTTPRequestHandler):
    """Answers with a number, one more every time, once it may."""

    count = 0
    may = threading.Event()

    def do_GET(self) -> None:
        self.may.wait(5)
        type(self).count += 1
        body = json.dumps({"number": type(self).count}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_scrape_asks_and_waits_only_a_moment(exporter: ModuleType) -> None:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        Odd.may.set()
        watch = exporter.Watch(f"http://127.0.0.1:{httpd.server_address[1]}/", 3600.0, 5.0)
        first, second = watch.latest(5.0), watch.latest(5.0)
        assert (first["number"], second["number"]) == (2, 3)
        Odd.may.clear()
        assert watch.latest(0.05)["number"] == 3  # the one before, for this one takes its time
        Odd.may.set()
        assert watch.latest(5.0)["number"] == 5  # the one under way was asked before
    finally:
        Odd.may.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()
