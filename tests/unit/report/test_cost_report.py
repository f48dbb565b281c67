"""What is told of plan and cost: before the run, and beside each other at its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.event_lines import decode_event, encode_event
from harness.core.events import (
    CampaignPlanned,
    CampaignSpent,
    ClauseJudged,
    Event,
    PhaseEnded,
    PhaseStarted,
    StoryPlan,
)
from harness.report.account import Account
from harness.report.cost import cost, plan

PLANNED = CampaignPlanned(
    1000.5, (StoryPlan("quick", 60.0, 5.0, 2.5), StoryPlan("outage", 60.0, 25.0, 4.0, expected_s=20.0)), 6.5, 2, 10.0
)
SPENT = CampaignSpent(1005.5, 1, {"prometheus": 3.0, "shop": 5.25}, 3 * 1024**3)


def test_the_plan_lists_the_longest_first_and_says_what_the_budget_allows() -> None:
    assert plan(PLANNED) == [
        "plan: 13.0 CPU-s on 2 cores: 20.0 s at the least, more than the budget of 10 s",
        "  story            speed  windows    wall    CPU",
        "  outage              60   25.0 s  20.0 s  4.0 s",
        "  quick               60    5.0 s   5.0 s  2.5 s",
        "  what they share                          6.5 s",
    ]
    assert "within the budget of 30 s" in plan(replace(PLANNED, budget_s=30.0))[0]
    assert "budget" not in plan(replace(PLANNED, budget_s=None))[0]
    assert "at the least" in plan(replace(PLANNED, stories=()))[0]


def _account(events: list[Event], *more: Event) -> Account:
    account = Account()
    for event in (*events[:1], *more, *events[1:]):
        account.handle(event)
    return account


def test_length_cost_and_slack_are_told_beside_the_plan(events: list[Event]) -> None:
    slack = [ClauseJudged(1006.0, "outage::alerts::Down::fires", "held", "", slack_s=0.25)]
    assert cost(_account([*events, *slack], PLANNED, SPENT)) == [
        "critical path: outage began at 2.00 s and took 2.00 s; its windows at this speed are 25.00 s (-23.00 s); "
        "then 1.00 s to settle and 0.50 s to end",
        "budget: 5.50 s of 10 s",
        "CPU: 8.2 s, planned 13.0 (shop 5.2, prometheus 3.0); memory 3.00 GiB at most (PSS)",
        "smallest slack: 0.25 s wall to the bound of outage::alerts::Down::fires",
    ]


def test_a_second_attempt_is_told_apart_and_unknown_memory_is_not_told(events: list[Event]) -> None:
    told = cost(_account(events, PLANNED, replace(SPENT, attempt=2, peak_bytes=0)))
    assert told[2:] == ["CPU, attempt 2: 8.2 s (shop 5.2, prometheus 3.0)"]


def test_the_first_attempt_decides_the_length(events: list[Event]) -> None:
    again = [PhaseStarted(1010.0, "outage", "broken", 0.0), PhaseEnded(1050.0, "outage", "broken", 60.0, "its length")]
    assert "outage began at 2.00 s and took 2.00 s" in cost(_account([*events, *again], PLANNED, SPENT))[0]


def test_a_budget_that_did_not_suffice_is_told(events: list[Event]) -> None:
    assert "budget: 5.50 s of 5 s OVER" in cost(_account(events, replace(PLANNED, budget_s=5.0), SPENT))


@pytest.mark.parametrize("present", [0, 1])
def test_what_was_not_told_is_not_reported(events: list[Event], present: int) -> None:
    assert cost(_account(events[:present])) == []
    assert cost(_account(events[:1], PLANNED)) == []


@pytest.mark.parametrize("event", [PLANNED, SPENT])
def test_both_events_survive_the_file(event: Event) -> None:
    assert decode_event(encode_event(event)) == event
