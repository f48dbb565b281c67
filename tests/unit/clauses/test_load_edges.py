"""Requests that are in flight when a phase changes, and stories that say nothing of logs."""

from dataclasses import replace
from typing import Any

from harness.clauses.compiled import compile_campaign
from harness.clauses.logs import compile_log_arrival
from harness.clauses.production import read_production
from harness.contract import Campaign
from harness.evidence.records import Request

ZERO, CELL, BEGINS = 1_800_000_000.0, "failing", 10.0
ANSWERED = "load::baseline::all_answered"


def last(request: Request) -> bool:
    return request.phase == "baseline" and request.seq == 4


def test_a_request_in_flight_when_the_fault_comes_is_none_of_the_baseline(bench: Any, story: Any) -> None:
    """It was sent under one condition and answered under another: it says nothing of either."""
    late = ZERO + (BEGINS + 1) / 60
    assert bench.one(story.change(Request, last, expected=False, end_t=late), ANSWERED).verdict == "held"


def test_a_request_that_failed_within_the_baseline_violates(bench: Any, story: Any) -> None:
    """The control: the same request, answered before the fault."""
    assert bench.one(story.change(Request, last, expected=False), ANSWERED).verdict == "violated"


def test_only_a_story_that_expects_something_of_a_log_ships_logs(campaign: Campaign) -> None:
    """Shipping costs as much as the requests themselves."""
    scenario = campaign.scenarios[0]
    silent = replace(scenario, expectations=tuple(e for e in scenario.expectations if e.subject != "log"))
    assert any(clause.promise == "arrives" for clause in compile_campaign(campaign))
    production = read_production(campaign)
    assert list(compile_log_arrival(campaign, scenario, production)) != []
    assert list(compile_log_arrival(campaign, silent, production)) == []
