"""Campaigns that a controller conducts for workers: one after the other, and none is waited for in vain."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.event_lines import decode_event
from harness.core.events import CampaignFailed, Event
from harness.front import process
from harness.front.proof import Proof, Wish

ROOT = Path(__file__).parents[3]
STORY = ROOT / "fixtures" / "tiny" / "failing.yaml"
STUB = (sys.executable, str(Path(__file__).with_name("campaign_stub.py")))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(process, "COMMAND", STUB)
    return str(tmp_path), "stamp"


def proof(place: tuple[str, str], heard: list[Event], *, follows: bool = False) -> Proof:
    made = Proof(Wish(place, follows=follows), heard.append)
    made.select(made.library.clauses_in(STORY))
    return made


def test_a_worker_gets_the_verdicts_of_what_the_controller_conducts(place: tuple[str, str]) -> None:
    proof(place, []).conduct(threading.Event())
    worker = proof(place, [], follows=True)
    placed = worker.library.clauses_in(STORY)
    assert [worker.verdict(item).clause for item in placed] == [item.clause.id for item in placed]
    worker.close()


def test_a_session_that_ended_leaves_word_for_its_workers(place: tuple[str, str]) -> None:
    stop = threading.Event()
    stop.set()
    controller = proof(place, [])
    controller.conduct(stop)
    (events,) = Path(place[0]).glob("*/events.ndjson")
    assert isinstance(decode_event(events.read_bytes()), CampaignFailed)
    worker = proof(place, [], follows=True)
    with pytest.raises(HarnessError, match="the session ended before this campaign began"):
        worker.verdict(worker.library.clauses_in(STORY)[0])
    assert list(controller.summary()) == []


def test_verdicts_that_are_known_let_the_campaign_end_uncancelled(place: tuple[str, str]) -> None:
    heard: list[Event] = []
    alone = proof(place, heard)
    for item in alone.library.clauses_in(STORY):
        assert alone.verdict(item).verdict == "held"
    alone.close()
    assert type(heard[-1]).__name__ == "CampaignEnded"
    (line,) = alone.summary()
    assert line.startswith(f"harness: bundle {place[0]}")
