"""Start, drain, death: of one instance and of many under a launcher."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
GENERATE = "/api/generate"


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _begin(one: Any, body: dict[str, Any]) -> tuple[threading.Thread, list[tuple[int, bytes]]]:
    """A request in a thread of its own, returned once it is being worked on."""
    answers: list[tuple[int, bytes]] = []

    def ask() -> None:
        try:
            answers.append(one.call("POST", GENERATE, body))
        except OSError as error:
            answers.append((0, str(error).encode()))

    asking = threading.Thread(target=ask)
    asking.start()
    return asking, answers


def test_a_shutdown_lets_requests_finish_and_shows_their_count(launch: Any, served: Any, until: Any) -> None:
    running = launch("--speed", "60")
    one = served(running.fact())
    asking, answers = _begin(one, {"prompt": "x", "options": {"max_tokens": 600, "model": "ember-7b"}})
    until(lambda: bool(one.lines("application", "inference started")))
    running.process.send_signal(signal.SIGTERM)
    until(lambda: bool(one.lines("application", "shutting down")))
    assert one.total("models_loaded") == 2  # metrics are served while requests drain
    asking.join()
    assert running.process.wait(10) == 0
    assert answers[0][0] == 200
    assert [line["msg"] for line in one.lines("application")][-3:] == [
        "inference completed",
        "generation completed",
        "shutdown complete",
    ]
    assert one.lines("application", "shutting down")[0]["signal"] == "SIGTERM"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", one.ports["app"]))


def test_whoever_asks_from_the_first_moment_on_is_answered_once_it_is_ready(launch: Any, served: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = launch(f"--app-port={port}", "--metrics-port=0", "--admin-port=0", "--speed=60", ports=False)
    statuses: list[int] = []

    def ask() -> None:
        while not statuses:
            with suppress(urllib.error.URLError):
                statuses.append(urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5).status)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for each in asking:
        each.start()
    one = served(running.fact())
    for each in asking:
        each.join()
    assert set(statuses) == {200}
    assert one.lines("application", "health changed") == []


def test_without_the_compiled_loop_and_parser_it_serves_as_well(
    launch: Any, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("uvloop", "httptools"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not on this machine')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{REPOSITORY}")
    running = launch("--speed", "60")
    one = served(running.fact())
    for options in ({}, {"stream": True}):
        assert one.call("POST", GENERATE, {"prompt": "x", "options": options})[0] == 200
    assert one.total("http_requests_total") == 2
    assert one.total("connection_duration_seconds_count", type="client") == 2
    assert running.end() == 0


def test_a_shutdown_cuts_what_does_not_finish(launch: Any, served: Any, until: Any) -> None:
    running = launch("--speed", "60", "--drain-wall-s", "1")
    one = served(running.fact())
    assert one.call("POST", "/faults", {"hang": {}}, server="admin")[0] == 200
    asking, answers = _begin(one, {"prompt": "x"})
    until(lambda: bool(one.lines("application", "inference started")))
    assert running.end(signal.SIGINT, within_s=8) == 0
    asking.join()
    assert answers[0][0] == 503
    assert [line["response"]["status_code"] for line in one.lines("access")] == [503]
    assert [line["error"]["code"] for line in one.lines("error")] == ["SHUTTING_DOWN"]
    assert one.lines("application")[-1]["msg"] == "shutdown complete"


def test_the_fault_interface_is_off_unless_asked_for_and_never_leaves_loopback(launch: Any, served: Any) -> None:
    running = launch("--host", "0.0.0.0")
    one = served(running.fact())
    socket.create_connection(("127.0.0.2", one.ports["app"])).close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", one.ports["admin"]))
    plain = launch("--app-port", "0", "--metrics-port", "0", ports=False)
    assert plain.fact()["ports"]["admin"] is None


def test_a_port_that_is_taken_is_told_in_the_log_and_on_standard_error(launch: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = launch("--app-port", str(taken.getsockname()[1]), "--metrics-port", "0", ports=False)
        assert running.process.wait(10) == 1
    assert "failed to start" in running.errors()
    log = (running.folder / "application.log").read_text()
    assert '"msg":"failed to start"' in log
    assert "OSError" in log


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--models", "gpt-9"], 1, "unknown model gpt-9"),
        (["--log-dir", "/proc/nowhere"], 1, "failed to start"),
        (["--engine", "cpu", "--speed", "60"], 2, "use --speed 1"),
    ],
)
def test_a_start_that_cannot_work_says_why_in_one_line(
    launch: Any, arguments: list[str], code: int, message: str
) -> None:
    running = launch(*arguments)
    assert running.process.wait(10) == code
    errors = running.errors()
    assert message in errors
    assert len(errors.splitlines()) == 1


def test_the_cpu_engine_serves_real_text(launch: Any, served: Any) -> None:
    one = served(launch("--engine", "cpu").fact())
    status, _ = one.call("POST", GENERATE, {"prompt": "hello", "options": {"max_tokens": 24}})
    assert status == 200
    assert one.total("tokens_generated_total") == 24
    assert one.total("tokens_per_second_count") == 1
    assert b'"status":"healthy"' in one.call("GET", "/health")[1]


def test_a_launcher_forks_reports_and_forwards(launch: Any, served: Any) -> None:
    running = launch("--speed", "60", "--instances", "3")
    facts = [running.fact() for _ in range(3)]
    instances = {fact["instance"]: served(fact) for fact in facts}
    assert sorted(instances) == ["router-0", "router-1", "router-2"]
    assert len({port for fact in facts for port in fact["ports"].values()}) == 9
    for name, instance in instances.items():
        assert instance.call("POST", GENERATE, {"prompt": "x"})[0] == 200
        assert instance.total("http_requests_total") == 1
        assert {line["hostname"] for line in instance.lines("access")} == {name}
        assert instance.log_dir.name == name
    os.kill(instances["router-1"].pid, signal.SIGKILL)
    died = running.fact()
    assert died == {"event": "exited", "instance": "router-1", "pid": instances["router-1"].pid, "exit_code": -9}
    assert instances["router-0"].call("GET", "/health/live")[0] == 200
    running.process.send_signal(signal.SIGTERM)
    assert {fact["instance"]: fact["exit_code"] for fact in (running.fact(), running.fact())} == {
        "router-0": 0,
        "router-2": 0,
    }
    assert running.process.wait(5) == 1  # one of them was killed
    for name in ("router-0", "router-2"):
        assert instances[name].lines("application")[-1]["msg"] == "shutdown complete"


def test_instances_do_not_outlive_their_launcher(launch: Any, served: Any, until: Any) -> None:
    running = launch("--speed", "60", "--instances", "2")
    instances = [served(running.fact()) for _ in range(2)]
    running.end(signal.SIGKILL)
    try:
        until(lambda: not any(_alive(instance.pid) for instance in instances))
    finally:
        for left in (instance.pid for instance in instances if _alive(instance.pid)):
            os.kill(left, signal.SIGKILL)
    assert instances[0].lines("application", "shutting down")[0]["signal"] == "PARENT_EXIT"


def _order(folder: Path, name: str) -> bytes:
    ports = [f"--{port}-port=0" for port in ("app", "metrics")]
    order = {
        "instance": name,
        "arguments": [f"--log-dir={folder / name}", f"--instance-name={name}", *ports],
        "environment": {},
        "stdout": str(folder / f"{name}.out"),
        "stderr": str(folder / f"{name}.err"),
    }
    return json.dumps(order).encode() + b"\n"


def _said(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def test_a_standing_by_process_forks_for_every_order(tmp_path: Path, served: Any, until: Any) -> None:
    command = [sys.executable, "-m", "reference_router", "--standby"]
    pids: list[int] = []
    try:
        with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as standby:
            assert standby.stdin is not None
            assert standby.stdout is not None
            for name in ("a", "b"):
                standby.stdin.write(_order(tmp_path, name))
                standby.stdin.flush()
                said = json.loads(standby.stdout.readline())
                assert (said["event"], said["instance"]) == ("started", name)
                pids.append(said["pid"])
        assert standby.returncode == 0
        assert all(map(_alive, pids)), "they belong to whoever adopts orphans"
        for name, pid in zip("ab", pids, strict=True):
            until(lambda name=name: _said(tmp_path / f"{name}.out").endswith(b"\n"))
            fact = json.loads(_said(tmp_path / f"{name}.out"))
            assert fact["pid"] == pid
            assert served(fact).call("GET", "/health/live")[0] == 200
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
    until(lambda: not any(_alive(pid) for pid in pids))
