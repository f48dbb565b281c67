"""Validation that learns shapes answers as the slow way does, rule by rule and value by value, on many random lines."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from harness.clauses import validation as module
from harness.clauses.validation import Shapes, Validator
from harness.clauses.values import broken_fields
from harness.contract.fields import FieldRule

NAMES = ("a", "b", "c", "a.b", "b.c", "a.b.c", "c.a.b")
TYPES = ("string", "integer", "number", "boolean", "object", "array", "timestamp", "epoch", "any")
VALUES: tuple[Any, ...] = (
    *("x", "y", "", "2027-01-15T08:00:00.123Z", "2027-01-15", "2027-01-15T08:00:00"),
    "1796072400123",
    *(0, 1, 71, 1796072400, 1796072400.5, 0.5, True, False, None, [], ["x"], [{"a": 1}, {"a": "x"}], ("x",)),
)
ONE_OF: tuple[list[Any], ...] = (["x"], ["x", "y"], [1, "x"], [True], [None, 0.5], [])


def rule(dice: random.Random) -> FieldRule:
    written: dict[str, Any] = {"type": dice.choice(TYPES), "optional": dice.random() < 0.5}
    if dice.random() < 0.3:
        written["one_of"] = dice.choice(ONE_OF)
    if dice.random() < 0.3:
        written["pattern"] = dice.choice(["x|y", "[0-9]+", ".*"])
    return FieldRule.model_validate(written)


def line(dice: random.Random, depth: int = 0) -> dict[str, Any]:
    names = dice.sample(NAMES, dice.randint(0, 4))
    return {name: line(dice, depth + 1) if depth < 3 and dice.random() < 0.3 else dice.choice(VALUES) for name in names}


@pytest.mark.parametrize("seed", range(20))
def test_every_line_is_judged_as_rule_by_rule(seed: int) -> None:
    dice, verdicts = random.Random(seed), set[bool]()
    rules = {name: rule(dice) for name in dice.sample(NAMES, 2)}
    validator = Validator(rules)
    for _ in range(1000):
        fields = line(dice)
        wanted = not list(broken_fields(fields, rules))
        assert validator.fits(fields) == wanted, (fields, rules)
        verdicts.add(wanted)
    assert verdicts


def test_both_verdicts_occur_often_enough_to_prove_something() -> None:
    dice, kept = random.Random(7), 0
    for _ in range(2000):
        rules, fields = {dice.choice(NAMES): rule(dice)}, line(dice)
        kept += Validator(rules).fits(fields)
    assert 400 < kept < 1600


def slow_news(fields: Any, known: set[Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The same by one set of whole shapes."""
    shape = (before, *fields, *map(type, fields.values()))
    if shape not in known:
        known.add(shape)
        yield from ((before + name, value) for name, value in fields.items())
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from slow_news(value, known, f"{before}{name}.")
        elif isinstance(value, list | tuple):
            for item in value:
                yield f"{before}{name}[]", item
                if isinstance(item, dict):
                    yield from slow_news(item, known, f"{before}{name}[].")


@pytest.mark.parametrize("seed", range(20))
def test_news_are_those_of_the_slow_way_in_the_same_order(seed: int) -> None:
    dice, shapes, known = random.Random(seed), Shapes(), set[Any]()
    for _ in range(1000):
        fields = line(dice)
        assert list(shapes.news(fields)) == list(slow_news(fields, known)), fields


def test_lines_that_are_all_of_another_shape_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_SHAPES", 8)
    validator = Validator({"a": FieldRule(type="integer")})
    assert all(validator.fits({"a": 1, f"x{n}": 1}) for n in range(100))
    assert len(validator._plans) <= 8
