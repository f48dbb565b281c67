"""A speed at which a restart may trip an alert is refused, with the speed that would do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.production import read_production
from harness.contract import Campaign, load_campaign
from harness.run.restarts import TooFastError, require_restartable, slowed_by

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    loaded = load_campaign([ROOT / "scenarios" / "campaign.yaml"])
    return replace(loaded, speed_override=60.0)


def _check(campaign: Campaign, name: str, start_s: float) -> None:
    scenario = next(s for s in campaign.scenarios if s.name == name)
    require_restartable(campaign, read_production(campaign), scenario, compile_campaign(campaign), start_s)


def test_a_quick_restart_is_played(campaign: Campaign) -> None:
    _check(campaign, "rolling_restart", 0.49)


def test_a_slow_one_is_refused_with_the_speed_that_would_do(campaign: Campaign) -> None:
    with pytest.raises(TooFastError) as refusal:
        _check(campaign, "rolling_restart", 1.2)
    assert "a restart takes 1.20 s wall, 1m12s at speed 60: more than half of the 1m that" in refusal.value.problem
    assert refusal.value.remedy == "play rolling_restart at speed 25 or below"
    assert refusal.value.fastest == pytest.approx(25)
    assert "rolling_restart.yaml:7" in str(refusal.value.location)


def test_a_slow_one_is_played_again_as_slowly_as_it_needs_if_that_can_be() -> None:
    assert slowed_by(60.0, fastest=45.0, usual=0.5) == 0.5
    assert slowed_by(60.0, fastest=15.0, usual=0.5) == pytest.approx(0.2)
    assert slowed_by(60.0, fastest=0.9, usual=0.5) is None


@pytest.mark.parametrize("name", ["idle_service", "router_killed"])
def test_a_story_that_restarts_nothing_is_not_asked(campaign: Campaign, name: str) -> None:
    _check(campaign, name, 100.0)
