"""Consecutive gates give identical lists of verdicts, and so does one that loses a core (``make soak N=10``).

Each gate tells its smallest slack and how many cells were unfit; what they add up to is printed at the end.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from harness.core.event_lines import decode_event
from harness.core.events import CellEnded, ClauseJudged, Event, Note
from harness.run.stack.procfs import descendants

ROOT = Path(__file__).parents[2]
GATES = int(os.environ.get("SOAK_GATES", "10"))


@dataclass(frozen=True)
class Gated:
    """What one gate told: its verdicts, how close it came to a bound, and which stories were unfit at first."""

    verdicts: dict[str, str]
    slack_s: float
    tightest: str
    again: int
    unfit: int
    length_s: float


@dataclass
class Tally:
    gates: list[Gated] = field(default_factory=list)

    def __str__(self) -> str:
        least = min(self.gates, key=lambda gated: gated.slack_s)
        again, unfit = sum(g.again for g in self.gates), sum(g.unfit for g in self.gates)
        longest = max(g.length_s for g in self.gates)
        return (
            f"{len(self.gates)} gates: smallest slack {least.slack_s:.2f} s wall ({least.tightest}); "
            f"{again} stories were played again, {unfit} stayed invalid; the longest gate took {longest:.1f} s"
        )


def one_gate(backend: str = "auto", *, losing: int | None = None) -> Gated:
    """Run the gate as a person does, ``losing`` a core once stories play; its last line is the path of the bundle."""
    command = [str(Path(sys.executable).with_name("harness")), "gate", "scenarios/campaign.yaml", "--backend", backend]
    with tempfile.TemporaryFile("w+") as output:
        gate = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        if losing is not None:
            _lose(losing, gate, output)
        code = gate.wait()
        output.seek(0)
        told = output.read()
    assert code == 0, told
    lines = (ROOT / told.splitlines()[-1].strip() / "events.ndjson").read_bytes().splitlines()
    return _gated([decode_event(line) for line in lines])


def _lose(core: int, gate: subprocess.Popen[bytes], output: IO[str]) -> None:
    """Take ``core`` away from the gate and everything that it started, while its stories play."""
    while " begins" not in Path(f"/proc/self/fd/{output.fileno()}").read_text():
        assert gate.poll() is None, "it ended before a story began"
        time.sleep(0.1)
    left = os.sched_getaffinity(0) - {core}
    while taken := [thread for thread in _threads(gate.pid) if core in _affinity(thread)]:  # others begin meanwhile
        for thread in taken:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, left)


def _threads(root: int) -> list[int]:
    tasks = (Path(f"/proc/{pid}/task") for pid in (root, *descendants(root)))
    return [int(thread.name) for folder in tasks if folder.is_dir() for thread in folder.iterdir()]


def _affinity(thread: int) -> set[int]:
    try:
        return os.sched_getaffinity(thread)
    except ProcessLookupError:
        return set()


def _gated(events: list[Event]) -> Gated:
    judged = [event for event in events if isinstance(event, ClauseJudged)]
    least = min((event for event in judged if event.slack_s is not None), key=lambda event: event.slack_s or 0.0)
    return Gated(
        verdicts={event.clause: event.verdict for event in judged},
        slack_s=least.slack_s or 0.0,
        tightest=least.clause,
        again=sum(isinstance(event, Note) and "played again" in event.text for event in events),
        unfit=sum(isinstance(event, CellEnded) and not event.fit for event in events),
        length_s=events[-1].t - events[0].t,
    )


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    found = Tally()
    yield found
    if found.gates:
        print(f"\n{found}")  # noqa: T201 (what the soak is for)


@pytest.fixture(scope="module")
def first(tally: Tally) -> Gated:
    tally.gates.append(one_gate())
    return tally.gates[0]


def test_the_gate_judges(first: Gated) -> None:
    assert "held" in first.verdicts.values()


@pytest.mark.parametrize("number", range(2, GATES + 1))
def test_a_further_gate_gives_the_same_verdicts(number: int, first: Gated, tally: Tally) -> None:
    tally.gates.append(one_gate())
    assert tally.gates[-1].verdicts == first.verdicts


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="NOT PROVED HERE: no core to lose"
)
def test_a_gate_that_loses_a_core_takes_longer_and_judges_the_same(first: Gated) -> None:
    poorer = one_gate(losing=max(os.sched_getaffinity(0)))
    print(f"\nwithout a core: {poorer.length_s:.1f} s, {poorer.again} stories were played again")  # noqa: T201
    assert poorer.verdicts == first.verdicts
    assert poorer.length_s > first.length_s
