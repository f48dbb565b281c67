"""What was in flight when the fault healed lived under it, and ends the episode."""

from typing import Any

from harness.clauses.timeline import healing_of
from harness.evidence.records import Request

ZERO, CELL, SPEED, HEALED = 1_800_000_000.0, "failing", 60.0, 69.5


def last(request: Request) -> bool:
    return request.phase == "failing" and request.seq == 33


def healing(story: Any, within_s: float = 2.0) -> tuple[float, str]:
    cause = healing_of(story.evidence(), CELL, ("failing",), within_s)
    assert cause is not None
    return round((cause.t - ZERO) * SPEED, 1), cause.what


def test_without_requests_in_flight_healing_ends_the_episode(story: Any) -> None:
    """The control."""
    assert healing(story) == (HEALED, "fault healed")


def test_a_request_that_the_fault_made_slow_ends_the_episode(story: Any) -> None:
    """It succeeds, and its duration is counted when it ends: from then on the window has to empty."""
    slow = story.change(Request, last, expected=True, status=200, end_t=ZERO + 100 / SPEED)
    assert healing(slow) == (100.0, "end of the last request from before healing")


def test_a_request_that_ends_long_after_healing_is_not_its_doing(story: Any) -> None:
    """Otherwise one that never ends would put off every bound."""
    late = story.change(Request, last, end_t=ZERO + (HEALED + 2.5 * SPEED) / SPEED)
    assert healing(late) == (HEALED, "fault healed")
