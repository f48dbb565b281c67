"""A cache that is bounded by what it holds, not by how many."""

from __future__ import annotations

import pytest

from harness.core.text_cache import TextCache


class Counted:
    """Makes the length of a text, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> int:
        self.asked.append(text)
        if text == "bad":
            raise ValueError(text)
        return len(text)


def test_a_text_is_made_something_of_once() -> None:
    make = Counted()
    cache = TextCache(make, 100)
    assert [cache("abc"), cache("abc"), cache("de")] == [3, 3, 2]
    assert make.asked == ["abc", "de"]
    assert cache.held_bytes == 5


def test_what_was_not_asked_for_the_longest_makes_room() -> None:
    make = Counted()
    cache = TextCache(make, 10)
    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb"):
        cache(text)
    assert make.asked == ["aaaa", "bbbb", "cccc", "bbbb"]
    assert cache.held_bytes == 8


def test_many_small_texts_fit_where_few_large_ones_do() -> None:
    make = Counted()
    cache = TextCache(make, 1000)
    small = [f"{number:04}" for number in range(250)]
    for text in (*small, *small):
        cache(text)
    assert len(make.asked) == 250
    cache("x" * 900)
    assert cache.held_bytes <= 1000


def test_a_text_that_is_too_long_alone_is_not_kept() -> None:
    make = Counted()
    cache = TextCache(make, 3)
    assert [cache("abc"), cache("long"), cache("long"), cache("abc")] == [3, 4, 4, 3]
    assert make.asked == ["abc", "long", "long"]
    assert cache.held_bytes == 3


def test_what_cannot_be_made_is_raised_each_time() -> None:
    make = Counted()
    cache = TextCache(make, 100)
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            cache("bad")
    assert make.asked == ["bad", "bad"]
