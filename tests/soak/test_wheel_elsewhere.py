"""A stranger's first ten minutes: the wheel in an empty environment, outside the repository, on two services.

One service is ours (the tiny subject), the other is Alertmanager, which nobody here wrote. Both are gated by the files
that ``harness init`` writes, and by nothing else.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.provision import ensure
from tests.integration.packaging.test_wheel import ROOT, run, wheel

__all__ = ["wheel"]

HELP = "# HELP tiny_failures_total Requests that failed.\\n"


@pytest.fixture(scope="module")
def harness(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command ``harness`` of an environment that holds the wheel and what it asks for to send load."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    locked = re.findall(r"^([\w.-]+==[^ \\]+.*?) \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(locked))
    pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--constraint", folder / "constraints.txt", f"{wheel}[load]", cwd=folder)
    return folder / "bin" / "harness"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def gated(harness: Path, folder: Path, start: str, port: int) -> dict[str, str]:
    """Verdict of each clause, by the files that ``init`` writes for the service that ``start`` starts."""
    run(harness, "init", "--metrics", f"http://127.0.0.1:{port}/metrics", "--start", start, cwd=folder)
    subprocess.run([harness, "gate", "--json", "report.json"], cwd=folder, check=False, capture_output=True)
    told = json.loads((folder / "report.json").read_bytes())
    return {clause["id"]: clause["verdict"] for clause in told["clauses"]}


def test_what_is_good_in_a_service_that_nobody_here_wrote_is_held(harness: Path, tmp_path: Path) -> None:
    program, port = ensure(["alertmanager"])["alertmanager"].executable, free_port()
    (tmp_path / "its.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    start = (
        f"{program} --config.file=its.yml --storage.path=data --web.listen-address=127.0.0.1:{port} "
        "--cluster.listen-address="
    )
    verdicts = gated(harness, tmp_path, start, port)
    assert len(verdicts) > 40
    assert set(verdicts.values()) == {"held"}


def test_what_is_broken_in_ours_is_told(harness: Path, tmp_path: Path) -> None:
    source, port = tmp_path / "source", free_port()
    source.mkdir()
    for name in ("go.mod", "main.go"):
        text = (ROOT / "fixtures/tiny/service" / name).read_text()
        (source / name).write_text(text.replace(HELP, ""))
    subprocess.run(["go", "build", "-o", tmp_path / "tiny", "."], cwd=source, check=True)
    verdicts = gated(harness, tmp_path, f"./tiny -port {port} -log requests.log", port)
    assert {name for name, verdict in verdicts.items() if verdict != "held"} == {
        "campaign::metrics::tiny_failures_total::documented"
    }
    assert len(verdicts) > 10
