"""Cells that are played once more: unfit ones at half speed, too fast ones as slowly as their restart asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.contract import Campaign, load_campaign
from harness.core.errors import Location
from harness.evidence.records import CellFinished, Reading
from harness.evidence.store import Evidence
from harness.run.again import once_more, slower
from harness.run.restarts import TooFastError
from harness.run.selection import CellPlan

ROOT = Path(__file__).parents[3]
NAMES = ("rolling_restart", "normal_load", "idle_service")


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return replace(load_campaign([ROOT / "scenarios" / "campaign.yaml"]), speed_override=60.0)


@pytest.fixture
def cells(campaign: Campaign) -> list[CellPlan]:
    return [CellPlan(story, frozenset(), frozenset()) for story in campaign.scenarios if story.name in NAMES]


def too_fast(fastest: float) -> dict[str, TooFastError]:
    return {"rolling_restart": TooFastError("a restart is slow", Location("r.yaml", 7), "rolling_restart", fastest)}


@pytest.fixture
def evidence() -> Evidence:
    """One story dropped events, one was fit, one was not played."""
    seen = Evidence()
    for t, dropped in enumerate((0.0, 3.0)):
        seen.add(Reading("normal_load", t, "filebeat", "filebeat_events_dropped", dropped))
    for name in NAMES[1:]:
        seen.add(CellFinished(name, 9.0, True, ""))
    seen.add(CellFinished(NAMES[0], 9.0, False, "a restart is slow"))
    return seen


def test_each_is_told_with_its_reason_and_others_are_left_alone(
    campaign: Campaign, cells: list[CellPlan], evidence: Evidence
) -> None:
    told = once_more(campaign, cells, evidence, too_fast(30.0))
    assert set(told) == {"normal_load", "rolling_restart"}
    assert told["normal_load"].startswith("was unfit and is played again at half speed: Filebeat dropped events")
    assert told["rolling_restart"] == "was too fast and is played again at speed 24: a restart is slow"


def test_all_go_at_half_speed_and_what_restarts_as_slowly_as_it_needs(
    campaign: Campaign, cells: list[CellPlan]
) -> None:
    again = slower(campaign, cells, too_fast(20.0))
    speeds = {story.name: again.speed_of(story) for story in campaign.scenarios if story.name in NAMES}
    assert speeds == {"rolling_restart": pytest.approx(16.0), "normal_load": 30.0, "idle_service": 30.0}


def test_what_no_speed_suits_is_not_played_again(campaign: Campaign, cells: list[CellPlan], evidence: Evidence) -> None:
    assert set(once_more(campaign, cells, evidence, too_fast(0.5))) == {"normal_load"}


def test_nothing_is_played_below_the_speed_of_production(
    campaign: Campaign, cells: list[CellPlan], evidence: Evidence
) -> None:
    wall = replace(campaign, speed_override=1.0)
    assert once_more(wall, cells, evidence, {})["normal_load"].startswith("was unfit and is played again at speed 1: ")
    again = slower(wall, cells, {})
    assert {again.speed_of(cell.scenario) for cell in cells} == {1.0}
