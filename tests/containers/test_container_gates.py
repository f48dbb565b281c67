"""The same story on containers and as processes, and what a campaign leaves that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.provision.engine import Engine
from harness.run.containers.owner import COMPONENT, RUN
from harness.run.stack import procfs

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "fixtures" / "tiny"
STORY = ("failing.yaml", "campaign.yaml")
WITHIN_S = 60.0


def gate(backend: str, report: Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "harness.cli", "gate", *STORY, "--backend", backend, "--json", str(report)]
    argv += ["--bundle-dir", str(report.parent / "bundles")]
    return subprocess.Popen(argv, cwd=TINY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def verdicts(report: Path) -> list[tuple[str, str]]:
    return [(clause["id"], clause["verdict"]) for clause in json.loads(report.read_text())["clauses"]]


def running(engine: Engine) -> dict[str, str]:
    """Component → run, of every container of a campaign that there is."""
    return {item["Labels"][COMPONENT]: item["Labels"][RUN] for item in engine.owned("containers", RUN)}


def until(engine: Engine, component: str) -> str:
    """Wait until there is a container of ``component``; its run."""
    ends = time.monotonic() + WITHIN_S
    while component not in (found := running(engine)):
        assert time.monotonic() < ends, found
        time.sleep(0.1)
    return found[component]


def until_gone(engine: Engine, run: str) -> None:
    ends = time.monotonic() + WITHIN_S
    while run in running(engine).values():
        assert time.monotonic() < ends, running(engine)
        time.sleep(0.1)


def kill(front: subprocess.Popen[str], *, warden_too: bool) -> None:
    """SIGKILL the campaign, or everything that descends from the front, which is told nothing."""
    below = list(procfs.descendants(front.pid))
    chosen = below if warden_too else [pid for pid in below if "harness.run.campaign" in procfs.command_line(pid)]
    assert chosen
    for pid in chosen:
        os.kill(pid, signal.SIGKILL)
    front.communicate(timeout=60)


def test_a_campaign_that_is_killed_takes_its_containers_along(engine: Engine, tmp_path: Path) -> None:
    front = gate("containers", tmp_path / "killed.json")
    run = until(engine, "campaign/elasticsearch")
    kill(front, warden_too=False)
    until_gone(engine, run)


def test_what_even_the_janitor_could_not_remove_is_swept_and_verdicts_are_the_same_as_of_processes(
    engine: Engine, tmp_path: Path
) -> None:
    front = gate("containers", tmp_path / "killed.json")
    left = until(engine, "campaign/elasticsearch")
    kill(front, warden_too=True)
    assert left in running(engine).values(), "nobody was there to remove it"

    on_containers = gate("auto", tmp_path / "containers.json")
    own = until(engine, "failing/prometheus")
    assert left not in running(engine).values(), "swept before anything started"
    said, _ = on_containers.communicate(timeout=WITHIN_S)
    assert f"containers (the engine on {engine.socket} has all 5 images" in said
    assert "removed what a campaign that was killed had left" in said
    assert own not in running(engine).values()

    native = gate("native", tmp_path / "native.json")
    native.communicate(timeout=WITHIN_S)
    assert verdicts(tmp_path / "containers.json") == verdicts(tmp_path / "native.json")
    assert {verdict for _, verdict in verdicts(tmp_path / "containers.json")} == {"held"}, said


@pytest.fixture(autouse=True)
def nothing_stays(engine: Engine) -> object:
    yield
    assert not engine.owned("containers", RUN)
