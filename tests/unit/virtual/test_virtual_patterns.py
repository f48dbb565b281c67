"""Values that pass regular expressions."""

from __future__ import annotations

import re

import pytest

from harness.artefacts.promql import Matcher
from harness.virtual.patterns import asked_for, texts_of


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("5..", "500"),
        ("^(?:4..|5..)$", "400"),
        ("shop-(db|web)-[0-9]+", "shop-db-0"),
        (r"10\.1\.[23]\.\d+", "10.1.2.0"),
        ("(north|south)(-old)?", "north-old"),
        ("[^/]+", "0"),
        (r"v\d{3}", "v000"),
        ("x{2,5}", "xx"),
        (r"\w+\s[A-Z]", "0 A"),
        ("(?i)queue", "queue"),
        ("(?P<name>a|b)c", "ac"),
        (".*", "0"),
        ("", ""),
        ("a|", "a"),
    ],
)
def test_the_plainest_text_comes_first(pattern: str, first: str) -> None:
    found = texts_of(pattern)
    assert found[0] == first
    assert all(re.fullmatch(pattern, each) for each in found)


def test_every_alternative_is_there_before_any_comes_again() -> None:
    assert texts_of("a.|b.|c")[:3] == ("a0", "b0", "c")
    assert "" in texts_of("x?")


@pytest.mark.parametrize("pattern", ["(", "[[:upper:]]+", "a^b"])
@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
def test_what_nothing_is_found_for_is_empty(pattern: str) -> None:
    assert texts_of(pattern) == ()


def test_matchers_ask_for_what_they_write_and_describe() -> None:
    matchers = [Matcher("code", "=~", "5.."), Matcher("code", "!=", "500")]
    found = [text for text in asked_for(matchers) if all(each.accepts(text) for each in matchers)]
    assert found[0] == "50a"
