"""``speed: auto``: a speed that the machine can keep, and an explicit speed that goes before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.run.pace import choose_pace, measure, shortest_interval_s

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("stall_s", "speed"), [(0.0, 60.0), (0.04, 60.0), (0.1, 20.0), (1.0, 2.0), (100.0, 1.0)])
def test_stalls_must_fit_into_what_an_interval_may_be_late(stall_s: float, speed: float) -> None:
    pace = choose_pace(10.0, 2, lambda cores: (stall_s, cores / 2))
    assert (pace.speed, pace.free_cores) == (speed, 1.0)
    assert f"speed auto: {speed:g} (the machine woke up to {stall_s * 1000:.0f} ms late, 1.0 cores" in str(pace)


def test_a_machine_is_tried() -> None:
    stall_s, free = measure(4, length_s=0.05)
    assert stall_s > 0
    assert 0 < free <= 4


def test_the_shortest_interval_of_production_decides() -> None:
    campaign = load_campaign([ROOT / "scenarios" / "campaign.yaml"])
    assert shortest_interval_s(read_production(campaign)) == 10.0


def test_an_explicit_speed_wins() -> None:
    campaign = load_campaign([ROOT / "scenarios" / "campaign.yaml"])
    auto = replace(campaign, spec=campaign.spec.model_copy(update={"speed": "auto"}))
    story = auto.scenarios[0]
    own = replace(story, spec=story.spec.model_copy(update={"speed": 15.0}))
    assert (auto.speed, replace(auto, speed_measured=30.0).speed) == (60.0, 30.0)
    assert replace(auto, speed_measured=30.0).speed_of(own) == 15.0
    assert replace(auto, speed_measured=30.0, speed_override=10.0).speed_of(own) == 10.0
    assert replace(auto, speed_measured=30.0, speed_factor=0.5).speed_of(story) == 15.0
