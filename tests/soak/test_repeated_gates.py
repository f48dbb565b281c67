"""Consecutive gates give identical lists of verdicts, on half the machine, too (``make soak N=10``).

Each gate tells its smallest slack and how many cells were unfit; what they add up to is printed at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.core.events import CellEnded, ClauseJudged, Event, Note, decode_event

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


def one_gate(cores: set[int] | None = None, backend: str = "auto") -> Gated:
    """Run the gate as a person does, on ``cores`` alone if given; its last line is the path of the bundle."""
    command = [str(Path(sys.executable).with_name("harness")), "gate", "scenarios/campaign.yaml", "--backend", backend]
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (ROOT / done.stdout.splitlines()[-1].strip() / "events.ndjson").read_bytes().splitlines()
    return _gated([decode_event(line) for line in lines])


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


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="NOT PROVED HERE: cores cannot be taken away")
def test_on_one_core_the_gate_takes_longer_and_judges_the_same(first: Gated) -> None:
    alone = one_gate({min(os.sched_getaffinity(0))})
    assert alone.verdicts == first.verdicts
    assert alone.length_s > first.length_s
