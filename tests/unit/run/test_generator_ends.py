"""A generator that has ended: whoever ordered something tells of the death that explains it, not of a broken pipe."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.contract import load_campaign
from harness.run.conductor import Conductor
from harness.run.load.generator import GeneratorEndedError
from harness.run.load_desk import LoadDesk

ROOT = Path(__file__).parents[3]


class Gone:
    """Its process has ended, and nobody has been told yet."""

    alive = True

    def start_phase(self, *_: Any) -> None:
        raise GeneratorEndedError("load generator takes no orders: Broken pipe")

    stop_phase = start_phase


@pytest.fixture
def desk(tmp_path: Path) -> LoadDesk:
    (story,) = load_campaign([ROOT / "fixtures" / "tiny"]).scenarios
    context = SimpleNamespace(folder=tmp_path)
    cell: Any = SimpleNamespace(name="failing", context=context, plan=SimpleNamespace(scenario=story))
    shared: Any = SimpleNamespace(generator=Gone(), processes={"generator": Gone()})
    return LoadDesk(cell, shared)


def test_to_stop_it_is_nothing_and_to_start_its_load_is_an_error(desk: LoadDesk) -> None:
    phase = desk.cell.plan.scenario.phases[0]
    with pytest.raises(GeneratorEndedError):
        desk.start(phase, 60.0)
    desk._current = phase.name
    desk.stop()
    assert desk._current is None


@pytest.fixture
def conductor(monkeypatch: pytest.MonkeyPatch) -> Conductor:
    monkeypatch.setattr("harness.run.conductor._TOLD_WITHIN_S", 1.0)
    found = Conductor.__new__(Conductor)
    found._cut, found._cancel = "", threading.Event()
    return found


def test_the_death_that_is_told_a_moment_later_is_the_reason(conductor: Conductor) -> None:
    threading.Timer(0.1, conductor.cut_short, ["the warden ended"]).start()
    assert conductor._why_ended("Broken pipe") == "the warden ended"


def test_a_death_that_nobody_tells_of_leaves_what_was_seen(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.conductor._TOLD_WITHIN_S", 0.05)
    assert conductor._why_ended("Broken pipe") == "Broken pipe"


def test_a_campaign_that_is_cancelled_does_not_wait_for_it(conductor: Conductor) -> None:
    began = time.monotonic()
    conductor._cancel.set()
    assert conductor._why_ended("Broken pipe") == "cancelled"
    assert time.monotonic() - began < 0.5
