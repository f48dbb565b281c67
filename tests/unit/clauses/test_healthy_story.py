"""Judging as such: a healthy story holds, twice the same, total and steady on every prefix."""

from typing import Any

import pytest

DECIDED = {"held", "violated"}


def test_every_clause_of_a_healthy_story_is_held(bench: Any, story: Any) -> None:
    assert bench.unlike_held(story) == {}


def test_judging_twice_gives_the_same(bench: Any, story: Any) -> None:
    assert bench.judge(story) == bench.judge(story)


def test_nothing_is_decided_by_no_evidence(bench: Any, story: Any) -> None:
    assert set(next(bench.progress(story)).values()) == {"open"}


def _flips(bench: Any, story: Any, step: int) -> list[str]:
    before: dict[str, str] = {}
    found = []
    for verdicts in bench.progress(story, step):
        for clause, verdict in verdicts.items():
            if before.get(clause, "open") in DECIDED and verdict != before[clause]:
                found.append(f"{clause}: {before[clause]} → {verdict}")
        before |= verdicts
    return found


def test_a_decided_verdict_never_changes(bench: Any, story: Any) -> None:
    assert _flips(bench, story, 1) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_decided_verdict_never_changes_whatever_arrives_first(bench: Any, story: Any, seed: int) -> None:
    assert _flips(bench, story.shaken(seed), 2) == []


def test_phases_need_not_wait_for_the_end(bench: Any, story: Any) -> None:
    """What a phase waits for is decided as soon as it is seen, long before everything is known to be watched."""
    wanted = {"failing::alerts::TinyFailing::pages": 75.0, "failing::alerts::TinyFailing::resolves": 119.0}
    for clause, p in wanted.items():
        arrived = sum(t <= 1_800_000_000.0 + p / 60 for t, _ in story.arrivals)
        (judge,) = [item.judge for item in bench.clauses if item.id == clause]
        assert judge(story.evidence(arrived)).verdict == "held"
