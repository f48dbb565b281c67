"""From the instant of an event to the instant at which it is found: what a cut excuses, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.clauses.log_lag import compile_log_lag
from harness.contract import Campaign
from harness.evidence.records import Document, FaultAction

CELL, PROMISE = "failing", "searchable_in_time"


def late(story: Any) -> Any:
    """The document of the request at 41 s of the story is found 5.2 s of wall time later."""
    return story.change(Document, lambda d: d.id == "d20", t=lambda d: d.t + 5)


@pytest.mark.parametrize(
    ("actions", "verdict"),
    [
        ((), "violated"),
        ((("inject", 41.5), ("healed", 300.0)), "held"),
        ((("inject", 41.5),), "held"),
        ((("inject", 20.0), ("healed", 40.0)), "violated"),
    ],
)
def test_only_a_cut_while_it_was_under_way_excuses_it(bench: Any, story: Any, actions: Any, verdict: str) -> None:
    late(story)
    for action, p in actions:
        story.add(FaultAction(CELL, 1_800_000_000.0 + p / 60, "failing", "cut", action, kind="link"))
    assert bench.one(story, PROMISE).verdict == verdict


@pytest.mark.parametrize(
    ("hop", "healed", "verdict"),
    [
        ("cut filebeat", 41.5, "violated"),  # back at once, and the document comes 5.17 s later
        ("cut filebeat", 300.0, "held"),
        ("cut filebeat", None, "held"),
        ("cut elasticsearch", 41.5, "held"),
        ("cut prometheus", 300.0, "violated"),
    ],
)
def test_after_the_death_of_the_shipper_time_counts_from_its_return(
    bench: Any, story: Any, hop: str, healed: float | None, verdict: str
) -> None:
    late(story)
    for action, p in (("inject", 40.5), *([("healed", healed)] if healed else [])):
        story.add(FaultAction(CELL, 1_800_000_000.0 + p / 60, "failing", hop, action, kind="cut"))
    assert bench.one(story, PROMISE).verdict == verdict


def test_what_was_written_before_the_story_counts_from_its_beginning(bench: Any, story: Any) -> None:
    """The shipper was not there yet."""
    story.change(Document, lambda d: d.id == "d20", source=lambda d: {**d.source, "time": "2027-01-15T07:59:00.000Z"})
    assert bench.one(story, PROMISE).verdict == "held"


def test_the_spread_is_told(bench: Any, story: Any) -> None:
    assert bench.one(story, PROMISE).message == "60 documents: p50 0.20 s, p99 0.20 s, max 0.20 s wall"


def test_the_latest_is_named(bench: Any, story: Any) -> None:
    assert bench.one(late(story), PROMISE).message == "1 of 60 documents came late, d20 after 5.20 s wall"


def test_a_stream_without_a_declared_instant_has_no_such_clause(campaign: Campaign) -> None:
    assert campaign.contract.logs
    stream = campaign.contract.logs.streams["requests"].model_copy(update={"fields": {}})
    logs = campaign.contract.logs.model_copy(update={"streams": {"requests": stream}, "event_time": None})
    timeless = replace(campaign, contract=campaign.contract.model_copy(update={"logs": logs}))
    assert list(compile_log_lag(timeless, campaign.scenarios[0], "requests")) == []
    assert len(list(compile_log_lag(campaign, campaign.scenarios[0], "requests"))) == 1
