"""Hooks over HTTP and signals to processes, each against a stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import Signals
from typing import Any

import orjson
import pytest

from harness.run.clients.http import HttpFault
from harness.run.faults.forgetting import ForgettingFault
from harness.run.faults.hook import Call, HookFault
from harness.run.faults.signals import SignalFault, SignalKind
from harness.run.stack.wait import NotYet


class Admin:
    """The admin port of a subject: one error rate, set by POST and told by GET."""

    def __init__(self) -> None:
        self.rate: Any = 0
        self.asked: list[tuple[str, str, Any]] = []
        self.status = 200
        admin = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = orjson.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"null")
                admin.asked.append(("POST", self.path, body))
                if admin.status == 200:
                    admin.rate = body["rate"] if body else 0
                self._tell()

            def do_GET(self) -> None:
                self._tell()

            def _tell(self) -> None:
                self.send_response(admin.status)
                self.end_headers()
                self.wfile.write(orjson.dumps({"rate": admin.rate}))

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}"


@pytest.fixture
def admin() -> Iterator[Admin]:
    it = Admin()
    thread = threading.Thread(target=it.httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield it
    it.httpd.shutdown()
    thread.join()
    it.httpd.server_close()


def hook(admin: Admin, value: float = 0.4) -> HookFault:
    return HookFault(
        "errors",
        value,
        inject=(Call(admin.url, "POST", "/faults/{{value}}", {"rate": "{{value}}"}),),
        confirm=(Call(admin.url, "GET", "/faults", expect={"/rate": "{{value}}"}),),
        heal=(Call(admin.url, "POST", "/reset", expect={"/rate": 0}),),
    )


def test_a_hook_is_injected_confirmed_and_healed(admin: Admin) -> None:
    fault = hook(admin)
    with pytest.raises(NotYet, match=r"/rate is 0, not 0\.4"):
        fault.confirm()
    assert fault.inject() == "value 0.4"
    assert admin.asked == [("POST", "/faults/0.4", {"rate": 0.4})]
    assert fault.confirm().endswith("answered 200: as expected")
    assert fault.heal() == "1 of 1 instances answered"
    assert fault.confirm_healed() == "every instance says so"
    assert admin.asked[-1] == ("POST", "/reset", None)


def test_a_hook_that_is_refused_is_a_fault_of_the_exchange(admin: Admin) -> None:
    admin.status = 500
    with pytest.raises(HttpFault, match="answered 500"):
        hook(admin).inject()


def test_healing_goes_on_until_every_instance_answered(admin: Admin) -> None:
    fault = hook(admin)
    fault.inject()
    admin.status = 503
    assert fault.heal() == "0 of 1 instances answered"
    with pytest.raises(NotYet, match="answered 503"):
        fault.confirm_healed()
    admin.status = 200
    assert fault.confirm_healed() == "every instance says so"
    assert admin.rate == 0


def test_a_call_without_expectations_asks_for_nothing_but_success(admin: Admin) -> None:
    assert Call(admin.url, "GET", "/").seen(1) == f"GET {admin.url}/ answered 200"


class Sleeper:
    """A process with the surface that faults use."""

    id = "router-1"

    def __init__(self) -> None:
        self._process = self._start()

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: Signals, **_: Any) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def restart(self) -> None:
        self.kill()
        self._process = self._start()


@pytest.fixture
def sleeper() -> Iterator[Any]:
    it = Sleeper()
    yield it
    it.kill()


@pytest.mark.parametrize(("kind", "seen"), [("kill", "has ended"), ("stop", "is stopped"), ("restart", "is now pid")])
def test_a_signal_is_confirmed_by_the_kernel_and_healed_when_ready(kind: SignalKind, seen: str, sleeper: Any) -> None:
    ready = False
    fault = SignalFault("crash", kind, sleeper, lambda: ready)
    with pytest.raises(NotYet):
        fault.confirm() if kind != "restart" else fault.confirm_healed()
    before = sleeper.pid
    assert fault.inject() == f"{kind} router-1 (pid {before})"
    _soon(fault.confirm, seen)
    fault.heal()
    with pytest.raises(NotYet, match="is not ready"):
        fault.confirm_healed()
    ready = True
    _soon(fault.confirm_healed, "router-1 is ready")
    assert (sleeper.pid == before) is (kind == "stop")


def test_what_is_killed_and_forgets_has_nothing_left_when_it_starts(sleeper: Any, tmp_path: Path) -> None:
    memory = tmp_path / "data" / "registry"
    fault = ForgettingFault(SignalFault("crash", "kill", sleeper, lambda: True), memory)
    fault.inject()
    with pytest.raises(NotYet, match="registry is not there to be lost"):
        fault.confirm()
    memory.mkdir(parents=True)
    (memory / "log.json").write_text("sent")
    assert "has ended" in fault.confirm()
    assert "started as pid" in fault.heal()
    assert not memory.exists()
    assert fault.confirm_healed() == "router-1 is ready"


def test_a_restart_that_did_not_come_back_is_not_confirmed(sleeper: Any) -> None:
    fault = SignalFault("crash", "restart", sleeper, lambda: True)
    fault.inject()
    sleeper.kill()
    with pytest.raises(NotYet, match="has not started again"):
        fault.confirm()


def test_a_process_that_is_gone_has_no_state(sleeper: Any) -> None:
    fault = SignalFault("hang", "stop", sleeper, lambda: True)
    sleeper.kill()
    with pytest.raises(NotYet, match=r"is in state $"):
        fault.confirm()


def _soon(ask: Any, seen: str) -> None:
    for _ in range(200):
        try:
            assert seen in ask()
        except NotYet:
            threading.Event().wait(0.01)
        else:
            return
    pytest.fail(f"never seen: {seen}")
