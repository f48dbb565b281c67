"""A defect that is not noticed, one that is noticed elsewhere, and other words: each is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.tiny.gates import Ended
from tests.sabotage.defects import Defect, Sheet
from tests.sabotage.planting import differences

DEFECT = Defect("d", ((1, "row"),), {"a::*::told": "it broke"}, undecided=("a::x::*",), either=("a::late",))
RED = {"a::1::told": ("violated", "it broke, see"), "a::x::1": ("inconclusive", "nothing"), "a::fine": ("held", "")}


def ended(**changed: tuple[str, str]) -> Ended:
    verdicts = {**RED, **{name.replace("__", "::"): each for name, each in changed.items()}}
    events: list[dict[str, Any]] = [
        {"event": "clause_judged", "clause": clause, "verdict": verdict, "message": words, "details": []}
        for clause, (verdict, words) in verdicts.items()
    ]
    return Ended(1, "", "", None, tuple(events))


def found(seen: Ended, *defects: Defect) -> list[str]:
    return differences(Sheet("s", defects, story="s.yaml"), defects, seen)


def test_exactly_what_was_planted_is_no_difference() -> None:
    assert found(ended(), DEFECT) == []
    assert found(ended(a__late=("violated", ""), a__next=("inconclusive", "because of a::1::told")), DEFECT) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"a__fine": ("violated", "oh")}, "violated by nothing planted: a::fine"),
        ({"a__fine": ("inconclusive", "oh")}, "undecided: a::fine"),
        ({"a__2__told": ("held", "fine")}, "not violated: a::2::told"),
        ({"a__1__told": ("violated", "something else")}, "other words"),
    ],
)
def test_every_difference_is_told(changed: dict[str, tuple[str, str]], told: str) -> None:
    assert found(ended(**changed), DEFECT)[0].startswith(told)


def test_a_clause_that_is_not_there_is_told() -> None:
    assert found(ended(), DEFECT, Defect("e", (), {"b::*": ""})) == ["e: there is no clause b::*"]


def test_where_two_defects_share_a_clause_the_words_of_one_will_do() -> None:
    other = Defect("e", (), {"a::1::told": "it bent"})
    assert found(ended(), DEFECT, other) == []
