"""A story that is too fast for a restart is cut by itself: it is named, and no other story is ended."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.evidence.store import Evidence
from harness.run.stage import _Stage

ROOT = Path(__file__).parents[3]


class Cell:
    """A cell whose instance was ready after ``start_s``; it notes what is done with it."""

    def __init__(self, scenario: Any) -> None:
        self.name, self.plan, self.owns_pipeline = scenario.name, SimpleNamespace(scenario=scenario), False
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.done.append(name)


@pytest.fixture(scope="module")
def campaign() -> Any:
    loaded = replace(load_campaign([ROOT / "scenarios" / "campaign.yaml"]), speed_override=60.0)
    return loaded, read_production(loaded), compile_campaign(loaded)


def played(campaign: Any, start_s: float) -> tuple[Cell, Any, Evidence]:
    loaded, production, clauses = campaign
    evidence = Evidence()
    stage: Any = object.__new__(_Stage)
    stage.context = SimpleNamespace(
        campaign=loaded,
        production=production,
        selection=SimpleNamespace(compiled=clauses),
        request=SimpleNamespace(up=""),
        starts_s=[start_s + 1, start_s],
        took_s={},
        too_fast={},
        recorder=SimpleNamespace(evidence=evidence, add=evidence.add),
    )
    cell = Cell(next(story for story in loaded.scenarios if story.name == "rolling_restart"))
    stage.shared = SimpleNamespace(wait_for=lambda cell: cell.done.append("shared parts"))
    stage.conductors = {cell.name: SimpleNamespace(run=lambda: cell.done.append("story"))}
    stage._starting, stage._changed = {cell.name}, threading.Event()
    stage._play(cell)
    assert not stage._starting
    return cell, stage.context, evidence


def test_it_is_not_played_and_says_which_speed_would_do(campaign: Any) -> None:
    cell, context, evidence = played(campaign, start_s=1.2)
    assert cell.done == ["start_helpers", "start", "wait_ready", "end"]
    assert context.too_fast["rolling_restart"].fastest == pytest.approx(25)
    finished = evidence.finished("rolling_restart")
    assert finished is not None
    assert not finished.completed
    assert "rolling_restart.yaml:7" in finished.reason
    assert finished.reason.endswith("; play rolling_restart at speed 25 or below")


def test_one_that_is_slow_enough_is_played(campaign: Any) -> None:
    cell, context, evidence = played(campaign, start_s=0.3)
    assert cell.done[-2:] == ["story", "end"]
    assert not context.too_fast
    assert evidence.finished("rolling_restart") is None
