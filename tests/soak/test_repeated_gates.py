"""Consecutive gates give identical lists of verdicts (``make soak N=10``)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.events import ClauseJudged, decode_event

ROOT = Path(__file__).parents[2]
GATES = int(os.environ.get("SOAK_GATES", "10"))


def verdicts_of_one_gate() -> dict[str, str]:
    """Run the gate as a person does; its last line is the path of the bundle."""
    command = [str(Path(sys.executable).with_name("harness")), "gate", "scenarios/campaign.yaml"]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    events = (ROOT / done.stdout.splitlines()[-1].strip() / "events.ndjson").read_bytes().splitlines()
    judged = [event for event in map(decode_event, events) if isinstance(event, ClauseJudged)]
    return {event.clause: event.verdict for event in judged}


@pytest.fixture(scope="module")
def first() -> dict[str, str]:
    return verdicts_of_one_gate()


def test_the_gate_judges(first: dict[str, str]) -> None:
    assert "held" in first.values()


@pytest.mark.parametrize("number", range(2, GATES + 1))
def test_a_further_gate_gives_the_same_verdicts(number: int, first: dict[str, str]) -> None:
    assert verdicts_of_one_gate() == first
