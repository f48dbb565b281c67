"""Which story starts next."""

from __future__ import annotations

from harness.run.packing import Room, Weighed, longest_first, next_to_start

LONG, MIDDLE, SHORT = Weighed("long", 30.0, 0.5), Weighed("middle", 20.0, 0.9), Weighed("short", 5.0, 0.1)


def test_the_longest_comes_first_and_equals_stay_in_order() -> None:
    twin = Weighed("twin", 20.0)
    assert longest_first([SHORT, MIDDLE, twin, LONG]) == (LONG, MIDDLE, twin, SHORT)


def test_nothing_waits_nothing_starts() -> None:
    assert next_to_start((), [LONG], 0, Room(8)) is None


def test_one_alone_always_has_room_however_heavy() -> None:
    assert next_to_start((MIDDLE,), [], 0, Room(1, starting=1, cores=0.1)) == MIDDLE


def test_no_more_than_the_room_play_or_start() -> None:
    assert next_to_start((SHORT,), [LONG, MIDDLE], 0, Room(2)) is None
    assert next_to_start((SHORT,), [LONG, MIDDLE], 3, Room(8, starting=3)) is None
    assert next_to_start((SHORT,), [LONG, MIDDLE], 2, Room(8, starting=3)) == SHORT


def test_a_lighter_story_passes_one_that_is_too_heavy_for_now() -> None:
    assert next_to_start((MIDDLE, SHORT), [LONG], 0, Room(8, cores=1.0)) == SHORT
    assert next_to_start((MIDDLE,), [LONG], 0, Room(8, cores=1.0)) is None


def test_what_is_coming_up_takes_room_from_all_but_one() -> None:
    room = Room(8, cores=1.1).beside(0.75)
    assert next_to_start((MIDDLE, SHORT), [], 0, room) == MIDDLE
    assert next_to_start((SHORT,), [LONG], 0, room) is None
    assert next_to_start((SHORT,), [SHORT], 0, room) == SHORT
