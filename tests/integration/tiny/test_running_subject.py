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
from tests.integration.tiny.gates import Home, Story

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


def test_it_is_proved_and_left_alone(home: Home, tiny: Story, running: subprocess.Popen[bytes], port: int) -> None:
    def answers() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)

    eventually(answers, what="the service to answer", within_s=10, retry_on=(OSError,))
    ended = home.gate(tiny.folder)
    assert ended.code == 0, ended.out + ended.err
    assert set(ended.verdicts.values()) == {"held"}
    assert not [clause for clause in ended.verdicts if "::subject::" in clause]
    assert running.poll() is None
    assert answers()
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
