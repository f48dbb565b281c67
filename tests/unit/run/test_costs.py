"""What stories are expected to cost, what they did, and what is remembered of it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from harness.clauses.bounds import expected_story_s, story_bound_s
from harness.clauses.compiled import compile_campaign
from harness.clauses.production import Production, read_production
from harness.contract import Campaign, load_campaign
from harness.core.events import StoryPlan
from harness.run.calibration import Calibration, Spent, StoryRatios, calibrated, learn, place
from harness.run.costs import Work, cpu_s, plan_story, shared_cpu_s, work_of
from harness.run.selection import CellPlan, select
from harness.run.spending import MemoryWatch, by_part, own_cpu_s, pss_bytes

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign([ROOT / "fixtures" / "tiny" / "campaign.yaml"])


@pytest.fixture(scope="module")
def production(campaign: Campaign) -> Production:
    return read_production(campaign)


@pytest.fixture(scope="module")
def cell(campaign: Campaign) -> CellPlan:
    return select(campaign, compile_campaign(campaign), ()).cells[0]


def test_a_story_is_expected_within_its_bounds(campaign: Campaign, production: Production, cell: CellPlan) -> None:
    expected_s = expected_story_s(campaign, production, cell.scenario)
    assert 60.0 < expected_s < story_bound_s(campaign, production, cell.scenario)


def test_work_follows_from_load_and_length(campaign: Campaign, production: Production, cell: CellPlan) -> None:
    work = work_of(campaign, production, cell)
    assert work.requests == pytest.approx(0.5 * work.production_s)
    assert work.lines == work.requests  # one stream is shipped
    assert work.scrapes == pytest.approx(work.production_s / production.scrape_s)
    assert work.instances == 1


def test_every_kind_of_work_costs_something() -> None:
    nothing = Work(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1)
    for more in ("requests", "lines", "scrapes", "evaluations", "probes", "instances"):
        changed = Work(**{**{name: getattr(nothing, name) for name in Work.__slots__}, more: 2})
        assert cpu_s(changed) > cpu_s(nothing), more


def test_a_slower_machine_needs_more_for_the_same(campaign: Campaign, production: Production, cell: CellPlan) -> None:
    once, twice = (plan_story(campaign, production, cell, StoryRatios(factor, 1.0)) for factor in (1.0, 2.0))
    assert twice.cpu_s == pytest.approx(2 * once.cpu_s, abs=0.02)
    assert (once.wall_s, once.speed) == (twice.wall_s, campaign.speed)
    assert shared_cpu_s([cell], 2.0) == pytest.approx(2 * shared_cpu_s([cell], 1.0), abs=0.02)
    assert shared_cpu_s([CellPlan(cell.scenario, frozenset(), frozenset())], 1.0) < shared_cpu_s([cell], 1.0)


PLANNED = {"short": StoryPlan("short", 60.0, 5.0, 2.0), "long": StoryPlan("long", 60.0, 30.0, 6.0)}


def test_a_machine_is_learned_and_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    now = time.time()
    assert calibrated(file, now) == Calibration()
    assert learn(file, PLANNED, 2.0, Spent(20.0)) == Calibration(1.5)
    assert calibrated(file, now) == Calibration(1.5)
    assert calibrated(file, now + 31 * 86400) == Calibration(), "that was long ago"
    file.write_bytes(orjson.dumps({**orjson.loads(file.read_bytes()), "machine": "another"}))
    assert calibrated(file, now) == Calibration()
    learn(file, PLANNED, 2.0, Spent(20.0))
    file.write_bytes(orjson.dumps({**orjson.loads(file.read_bytes()), "figures": 1}))
    assert calibrated(file, now) == Calibration(), "those were ratios of other figures"
    for damaged in (b"no JSON", b"[1]", b'{"factor": 2.0}'):
        file.write_bytes(damaged)
        assert calibrated(file, now) == Calibration()


def test_a_story_that_was_played_is_planned_by_what_it_took(tmp_path: Path) -> None:
    """Its own processes tell its share of everything; the harness and shared parts are charged by them."""
    file = tmp_path / "calibration.json"
    for _ in range(20):
        known = calibrated(file, time.time())
        planned = {
            name: replace(plan, cpu_s=known.of(name).cpu * plan.cpu_s, expected_s=known.of(name).wall * plan.wall_s)
            for name, plan in PLANNED.items()
        }
        learn(file, planned, known.factor * 2.0, Spent(20.0, {"short": (4.0, 10.0), "long": (4.0, 15.0)}))
    known = calibrated(file, time.time())
    costs = {name: known.of(name).cpu * plan.cpu_s for name, plan in PLANNED.items()}
    assert costs["short"] == pytest.approx(costs["long"], rel=0.01), "their processes spent the same"
    assert sum(costs.values()) + known.factor * 2.0 == pytest.approx(20.0, rel=0.05)
    assert known.of("short").wall == pytest.approx(2.0, rel=0.01)
    assert known.of("long").wall == pytest.approx(0.5, rel=0.01)
    assert known.of("another") == StoryRatios(known.factor, 1.0)


def test_what_was_not_played_teaches_nothing_of_itself(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    learn(file, PLANNED, 2.0, Spent(20.0, {"short": (4.0, 10.0), "gone": (1.0, 1.0)}))
    assert set(calibrated(file, time.time()).stories) == {"short"}
    assert set(learn(file, PLANNED, 2.0, Spent(20.0, {"long": (0.0, 10.0)})).stories) == {"short"}, "nothing was spent"


def test_nothing_is_learned_from_nothing(tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "calibration.json"
    assert learn(absent, PLANNED, 2.0, Spent(20.0)) == Calibration(1.5), "a cache that cannot be written stays"
    assert learn(tmp_path / "calibration.json", {}, 0.0, Spent(20.0)) == Calibration()
    assert not list(tmp_path.iterdir())


def test_seconds_are_added_up_by_what_spent_them() -> None:
    spent = {"a/shop-0": 1.0, "b/shop-12": 2.0, "a/prometheus": 0.5, "campaign/generator": 4.0, "a/shop-x": 0.25}
    assert by_part(spent, "shop") == {"generator": 4.0, "shop": 3.0, "prometheus": 0.5, "shop-x": 0.25}


def test_memory_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.run.spending._EVERY_S", 0.01)
    own = pss_bytes([os.getpid()])
    assert own > 1_000_000
    assert pss_bytes([2**22 + 1]) == 0
    with MemoryWatch(list) as memory:
        deadline = time.monotonic() + 5.0
        while not memory.peak_bytes and time.monotonic() < deadline:
            time.sleep(0.01)
    assert memory.peak_bytes > 1_000_000


def test_own_seconds_only_grow() -> None:
    before = own_cpu_s()
    assert all(after >= earlier for after, earlier in zip(own_cpu_s(), before, strict=True))


def test_each_subject_has_a_factor_of_its_own() -> None:
    assert place("llm-router").name == "calibration-llm-router.json"
    assert place("a/b c").name == "calibration-a-b-c.json"
