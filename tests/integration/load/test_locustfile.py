"""The plain Locust file, run as a person runs it, against a small server that speaks like the reference router."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.run.stack.wait import eventually

FILE = Path(__file__).parents[3] / "scenarios" / "locustfile.py"


class Router(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: Counter[str] = Counter()

    def do_GET(self) -> None:
        self._answer(503 if self.path == "/health/ready" else 404, b"{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        options = body.get("options", {})
        if not body["prompt"]:
            self._answer(400, b'{"success": false}')
        elif options.get("stream"):
            self._stream(5 if options["max_tokens"] == 32 else 200)
        else:
            self._answer(200, b'{"success": true}')

    def _stream(self, tokens: int) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for _ in range(tokens):
                time.sleep(0.02)
                self.wfile.write(b'c\r\ndata: {"t"}\n\r\n')
            self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            self.seen["left"] += 1
            self.close_connection = True

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that leaves is part of the test."""


@pytest.fixture
def router() -> Iterator[str]:
    server = Listener(("127.0.0.1", 0), Router)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    Router.seen.clear()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def locust(tmp_path: Path, host: str, *options: str) -> dict[str, dict[str, Any]]:
    """Run Locust without its web page for two seconds; the statistics by name and type."""
    command = [
        sys.executable, "-m", "locust", "-f", str(FILE), "--host", host, "--headless",
        "-t", "2s", "--json-file", str(tmp_path / "stats"), "--skip-log", *options,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {f"{entry['method']} {entry['name']}": entry for entry in json.loads((tmp_path / "stats.json").read_text())}


def test_every_kind_of_user_runs_and_none_fails(router: str, tmp_path: Path) -> None:
    stats = locust(tmp_path, router, "-u", "15", "-r", "15")
    assert set(stats) == {
        "POST generate", "POST cached prompt", "POST stream", "first token stream", "POST bad input",
        "POST client abort", "GET health probe",
    }  # fmt: skip
    assert sum(entry["num_failures"] for entry in stats.values()) == 0
    assert 20 <= stats["first token stream"]["min_response_time"] < 60
    assert stats["POST stream"]["min_response_time"] >= 100
    assert Router.seen["left"] > 0


def test_tags_choose_users(router: str, tmp_path: Path) -> None:
    assert set(locust(tmp_path, router, "-u", "2", "--tags", "health", "bad")) == {"GET health probe", "POST bad input"}


def test_a_shape_changes_the_number_of_users(router: str, tmp_path: Path) -> None:
    options = ("-u", "20", "-r", "20", "--tags", "bad", "--shape")
    steady = locust(tmp_path, router, *options, "steady")["POST bad input"]["num_requests"]
    ramp = locust(tmp_path, router, *options, "ramp", "--shape-period", "4")["POST bad input"]["num_requests"]
    assert steady >= 30
    assert 1 <= ramp < steady * 0.6


def test_the_web_page_comes_up(router: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "locust", "-f", str(FILE), "--host", router, "--web-host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--web-port", str(port)], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        page = eventually(lambda: _get(f"http://127.0.0.1:{port}/"), what="the web page", within_s=15)
    finally:
        process.terminate()
        process.wait(10)
    assert "Locust" in page
    assert "shape" in page


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())
