"""Over-saturation: a queue that grows is found, one that is long or noisy is not; what cannot be told is not held."""

from __future__ import annotations

import heapq
import random
from dataclasses import replace
from typing import Any

import pytest

from harness.clauses.model import Judgement
from harness.clauses.production import read_production
from harness.clauses.saturation import _in_flight, mann_kendall_z, trend
from harness.clauses.thresholds import compile_thresholds
from harness.contract import Campaign
from harness.contract.thresholds import parse_threshold
from harness.core.errors import Location
from harness.evidence.records import CellFinished, CellStarted, PhaseMark, Request
from harness.evidence.store import Evidence

CELL, LENGTH_S = "failing", 300.0


def queue(load: float, seed: int, servers: int = 1) -> list[Request]:
    """Requests to ``servers`` that each take a second on average, at ``load`` of what they bear."""
    chance, free, t, rows = random.Random(seed), [0.0] * servers, 0.0, list[Request]()
    while (t := t + chance.expovariate(servers * load)) < LENGTH_S:
        begun = max(t, heapq.heappop(free))
        end = begun + chance.expovariate(1.0)
        heapq.heappush(free, end)
        rows.append(Request(CELL, "baseline", "work", len(rows), "", "i", t, t, None, None, end, 200, expected=True))
    return rows


def share(load: float, servers: int = 1, runs: int = 100) -> float:
    found = [trend(queue(load, seed, servers), 0.0, LENGTH_S) for seed in range(runs)]
    return sum(item is not None and item.saturated for item in found) / runs


@pytest.mark.parametrize(("load", "most"), [(0.5, 0.02), (0.7, 0.05)])
def test_what_keeps_up_is_seldom_taken_for_saturated(load: float, most: float) -> None:
    assert share(load) <= most


@pytest.mark.parametrize(("load", "least"), [(1.5, 0.9), (2.0, 0.97)])
def test_what_cannot_keep_up_is_mostly_found(load: float, least: float) -> None:
    assert share(load) >= least


def test_requests_in_flight_are_the_seconds_spent_in_each_window() -> None:
    rows = queue(1.5, 7)
    rows += [replace(rows[0], intended_t=-3.0, end_t=LENGTH_S + 50), replace(rows[0], intended_t=30.0, end_t=None)]
    width = LENGTH_S / 12
    for n, found in enumerate(_in_flight(rows, 0.0, width)):
        since, until = n * width, (n + 1) * width
        spans = (min(row.end_t or 0.0, until) - max(row.intended_t, since) for row in rows)
        assert found == pytest.approx(sum(span for span in spans if span > 0) / width)


def test_mann_kendall_counts_rises_against_falls_and_corrects_for_ties() -> None:
    assert mann_kendall_z(range(10)) == pytest.approx((45 - 1) / (10 * 9 * 25 / 18) ** 0.5)
    assert mann_kendall_z(range(10, 0, -1)) == -mann_kendall_z(range(10))
    assert mann_kendall_z([1.0] * 10) == 0.0
    assert mann_kendall_z([1, 1, 1, 1, 2]) < mann_kendall_z([1, 2, 3, 4, 5])


def judged(campaign: Campaign, rows: list[Request], text: str = "not saturated during baseline") -> Judgement:
    item = parse_threshold(text, lambda _: Location("s"))
    scenario = replace(campaign.scenarios[0], thresholds=(item,))
    (clause,) = compile_thresholds(campaign, read_production(campaign), scenario)
    marks = [PhaseMark(CELL, 0.0, "baseline", "start"), PhaseMark(CELL, LENGTH_S, "baseline", "end")]
    started, ended = CellStarted(CELL, 0.0, 1.0, 1.0, 1.0), CellFinished(CELL, LENGTH_S, completed=True)
    return clause.judge(Evidence([started, *marks, *rows, ended]))


def test_the_clause_tells_both_trends(campaign: Campaign) -> None:
    found = judged(campaign, queue(2.0, 1))
    assert (found.verdict, found.message.startswith("baseline is saturated: in flight")) == ("violated", True)
    assert judged(campaign, queue(0.5, 1)).verdict == "held"


UNTOLD = {
    "too few": queue(0.5, 1)[:40],
    "a gap": [row for row in queue(0.5, 1) if row.intended_t < 200],
    "a closed loop": [replace(row, loop="closed") for row in queue(2.0, 1)],
}


@pytest.mark.parametrize("rows", UNTOLD.values(), ids=UNTOLD)
def test_what_cannot_be_told_is_inconclusive(campaign: Campaign, rows: Any) -> None:
    assert judged(campaign, rows).verdict == "inconclusive"


def test_a_story_that_goes_on_is_open(campaign: Campaign, story: Any) -> None:
    item = parse_threshold("not saturated", lambda _: Location("s"))
    scenario = replace(campaign.scenarios[0], thresholds=(item,))
    (clause,) = compile_thresholds(campaign, read_production(campaign), scenario)
    assert clause.judge(story.until(30).evidence()).verdict == "open"
