"""A wait on a container: no longer than it lives, and always with its last words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from harness.run.containers.ready import ContainerDiedError, HttpAnswers, last_lines


class Target:
    """A container as a wait sees it: it ends after it was looked at so often."""

    def __init__(self, port: int, lives: int = 1000, **state: Any) -> None:
        self.port, self.lives = port, lives
        self.state = {"ExitCode": 3, "Error": "", **state}

    def get_container_host_ip(self) -> str:
        return "127.0.0.1"

    def get_exposed_port(self, port: int) -> int:
        if not self.port:
            raise ConnectionError(f"port {port} is not published")
        return self.port

    def get_wrapped_container(self) -> Any:
        return SimpleNamespace(attrs={"State": self.state})

    def get_logs(self) -> tuple[bytes, bytes]:
        return b"one\ntwo\n", b"three\n"

    def reload(self) -> None:
        self.lives -= 1

    @property
    def status(self) -> str:
        return "running" if self.lives > 0 else "exited"


@pytest.fixture
def service() -> Iterator[Any]:
    statuses = [503, 500]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop() if statuses else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_it_waits_until_the_path_answers_as_expected(service: Any) -> None:
    target = Target(service.server_port)
    HttpAnswers(80, "/ready").wait_until_ready(target)
    assert target.lives == 998, "asked twice in vain"


def test_another_status_may_be_the_expected_one(service: Any) -> None:
    HttpAnswers(80, statuses=[500]).wait_until_ready(Target(service.server_port, lives=0))


def test_a_death_ends_the_wait_at_once_with_the_last_words() -> None:
    with pytest.raises(ContainerDiedError, match=r"exited with code 3\nits last lines:\n  one\n  two\n  three"):
        HttpAnswers(80).wait_until_ready(Target(0, lives=2))


def test_a_death_for_memory_is_named_so() -> None:
    with pytest.raises(ContainerDiedError, match="was killed for its memory: no space"):
        HttpAnswers(80).wait_until_ready(Target(0, lives=1, OOMKilled=True, Error="no space"))


def test_a_bound_that_passes_says_what_was_seen_last() -> None:
    wait = HttpAnswers(80, "/ready").with_startup_timeout(0)
    with pytest.raises(TimeoutError, match=r"/ready on port 80 was not ready within 0 s: port 80 is not published"):
        wait.wait_until_ready(Target(0))


def test_silence_is_told() -> None:
    silent = Target(0)
    silent.get_logs = lambda: (b"", b"")  # type: ignore[method-assign]
    assert last_lines(silent) == "it wrote nothing"
