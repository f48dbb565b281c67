"""The campaign process as fronts see it: followed, cancelled, killed, found dead."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.errors import HarnessError, MachineError
from harness.core.event_lines import encode_event
from harness.core.events import CampaignEnded, CampaignFailed, CampaignStarted, ClauseJudged, Note
from harness.front import process as process_module
from harness.front.follow import EventFile
from harness.front.process import CampaignProcess, death, written_pid
from harness.front.sources import Followed
from harness.request import CampaignRequest

STUB = (sys.executable, str(Path(__file__).with_name("campaign_stub.py")))
ROOT = Path(__file__).parents[3]
Start = Callable[..., CampaignProcess]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    running: list[CampaignProcess] = []

    def start(mode: str = "judge") -> CampaignProcess:
        monkeypatch.setenv("STUB_MODE", mode)
        running.append(CampaignProcess(CampaignRequest(("x.yaml",), str(bundle), ("s::alerts::A::fires",)), STUB))
        return running[-1]

    yield start
    for process in running:
        process.kill()


def first_event(process: CampaignProcess) -> CampaignStarted:
    event = next(process.follow())
    assert isinstance(event, CampaignStarted)
    return event


@pytest.mark.parametrize("mode", ["judge", "slow"])
def test_events_are_answered_once_and_in_order(start: Start, mode: str) -> None:
    with start(mode) as process:
        kinds = [type(event) for event in process.follow()]
        assert process.ended
    assert kinds == [CampaignStarted, ClauseJudged, CampaignEnded]
    assert not process.running


def test_a_cancelled_campaign_still_tells_its_verdicts(start: Start) -> None:
    process = start("wait")
    first_event(process)
    process.cancel()
    *_, last = process.follow()
    assert isinstance(last, CampaignEnded)
    assert last.cancelled
    process.close()
    assert not process.running


def test_leaving_the_context_cancels(start: Start) -> None:
    with start("wait") as process:
        first_event(process)
    assert not process.running
    assert any(isinstance(event, CampaignEnded) for event in process.poll())


@pytest.mark.parametrize("mode", ["die", "half", "silent"])
def test_a_death_without_last_event_is_told_with_the_last_words(start: Start, mode: str) -> None:
    process = start(mode)
    with pytest.raises(HarnessError, match=r"ended with exit code \d before its verdicts") as caught:
        list(process.follow())
    words = "the stub has nothing to say" if mode == "silent" else "the stub dies"
    assert words in str(caught.value)
    assert "campaign.log" in caught.value.remedy


def test_the_terminal_signals_only_the_front(start: Start) -> None:
    process = start("wait")
    first_event(process)
    pid = written_pid(process.bundle)
    assert pid is not None
    assert os.getsid(pid) == pid


def test_kill_ends_a_campaign_that_does_not_listen(start: Start) -> None:
    process = start("deaf")
    first_event(process)
    process.kill()
    assert not process.running
    with pytest.raises(HarnessError, match="exit code -9"):
        process.poll()


def test_a_cancelled_campaign_has_a_bound(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "CANCEL_S", 0.2)
    process = start("deaf")
    first_event(process)
    process.cancel()
    with pytest.raises(HarnessError, match=r"did not end within 0\.2 s of its cancellation"):
        list(process.follow())
    assert not process.running


def test_close_kills_what_does_not_end(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "CANCEL_S", 0.2)
    process = start("deaf")
    process.close()
    assert not process.running


def test_a_bundle_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(MachineError, match="the campaign cannot be started: Not a directory"):
        CampaignProcess(CampaignRequest((), str(file / "bundle")), STUB)


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_FULL_BYTES", float("inf"))
    assert "the disk is full" in str(death(tmp_path, "early"))


def test_a_death_without_words_says_so(tmp_path: Path) -> None:
    assert str(death(tmp_path / "none", "early")).startswith("the campaign process ended early before its verdicts\n")


def test_a_half_written_line_waits(tmp_path: Path) -> None:
    events = EventFile(tmp_path)
    assert events.read() == ()
    first, second = encode_event(Note(1.0, "one")), encode_event(CampaignFailed(2.0, "two"))
    events.path.write_bytes(first + second[:7])
    assert events.read() == (Note(1.0, "one"),)
    assert events.read() == ()
    with events.path.open("ab") as file:
        file.write(second[7:])
    assert events.read() == (CampaignFailed(2.0, "two"),)


def test_a_follower_sees_what_another_process_started(start: Start) -> None:
    process = start("wait")
    followed = Followed(process.bundle)
    first_event(process)
    process.cancel()
    seen: list[object] = []
    deadline = time.monotonic() + 10
    while not any(isinstance(event, CampaignEnded) for event in seen):
        seen += followed.poll()
        assert time.monotonic() < deadline
    followed.close()
    assert isinstance(seen[0], CampaignStarted)


def test_a_follower_learns_of_the_death(start: Start) -> None:
    process = start("die")
    with pytest.raises(HarnessError):
        list(process.follow())
    followed = Followed(process.bundle)
    assert len(followed.poll()) == 1
    with pytest.raises(HarnessError, match="ended early before its verdicts"):
        followed.poll()


def test_a_follower_waits_for_the_start(tmp_path: Path) -> None:
    assert Followed(tmp_path / "later").poll() == ()
