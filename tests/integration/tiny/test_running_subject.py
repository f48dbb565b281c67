"""A subject that somebody else started: it keeps its promises here as well, and is left as it was found."""

from __future__ import annotations

import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.run.stack.wait import eventually
from tests.integration.tiny.gates import Gate, Home, Story

START = re.compile(r"(?s)^start:\n.*?^ports:", re.MULTILINE)
LOGS = re.compile(r"(?s)^logs:\n.*?\n(?=\w|\n)", re.MULTILINE)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def running(tiny: Story, port: int, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The tiny service, started by hand; its profile names the port, its contract leaves the logs out."""
    program = tmp_path / "started-by-hand"
    subprocess.run(["go", "build", "-o", program, "."], cwd=tiny.path("service"), check=True)
    profile = START.sub(f"start: {{running: {{app: {port}}}}}\nports:", tiny.path("profile.yaml").read_text())
    profile = profile.replace('  - {logs: "/var/log/tiny/*.log", stream: requests}\n', "")
    tiny.write("profile.yaml", profile.replace('logs:\n  requests: "{logs}/requests.log"\n', ""))
    contract = re.sub(r"(?ms)^logs:.*?(?=^endpoints:)", "", tiny.path("contract.yaml").read_text())
    tiny.write("contract.yaml", re.sub(r"(?m)^  (filebeat|index_template): .*\n", "", contract))
    tiny.write("failing.yaml", re.sub(r"(?m)^  - log .*\n", "", tiny.path("failing.yaml").read_text()))
    log = tmp_path / "its.log"
    with subprocess.Popen([program, "-port", str(port), "-log", log], start_new_session=True) as process:
        yield process
        process.terminate()


def answers(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
        return bool(answer.status == 200)


def await_answers(port: int) -> None:
    eventually(lambda: answers(port), what="the service to answer", within_s=10, retry_on=(OSError,))


def test_it_is_proved_and_left_alone(home: Home, tiny: Story, running: subprocess.Popen[bytes], port: int) -> None:
    await_answers(port)
    ended = home.gate(tiny.folder)
    assert ended.code == 0, ended.out + ended.err
    assert set(ended.verdicts.values()) == {"held"}
    own = {clause for clause in ended.verdicts if "::subject::" in clause}
    assert own == {"failing::subject::tiny-0::stays_reachable"}
    assert running.poll() is None
    assert answers(port)
    home.assert_clean(sorted(ended.ports - {port}))


def test_one_that_does_not_answer_is_told(home: Home, tiny: Story, running: subprocess.Popen[bytes], port: int) -> None:
    running.kill()
    running.wait()
    tiny.replace("profile.yaml", ("path: /healthz}", "path: /healthz, within: 1s wall}"))
    ended = home.gate(tiny.folder)
    assert ended.code == 4, ended.out + ended.err
    assert "held" not in ended.verdicts.values()
    assert "tiny-0 to be ready: not within 1 s" in ended.out
    home.assert_clean(sorted(ended.ports))


def test_one_that_dies_half_way_is_never_green(
    home: Home, tiny: Story, running: subprocess.Popen[bytes], port: int, tmp_path: Path
) -> None:
    """No threshold of this load looks at failures: what was answered, was answered in time."""
    await_answers(port)
    wish = ("--mix", "work=1", "--rate", "1/s", "--for", "2m", "--threshold", "response p95 < 2s wall")
    command = ("harness.cli", "load", str(tiny.folder), *wish, "--bundle-dir", str(home.bundles))
    with Gate(home, command, home.bundles) as gate:
        gate.until(lambda _: (tmp_path / "its.log").read_text().count("\n") >= 20)
        running.kill()
        ended = gate.end(60)
    assert ended.code == 1, ended.out + ended.err
    clause = "offered_load::subject::tiny-0::stays_reachable"
    assert ended.of("violated") == {clause}
    assert re.search(r"tiny-0 refused the connection of work \S+ during", ended.words(clause))
