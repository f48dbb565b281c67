"""Values as people write them, in templates, and held against answers."""

from __future__ import annotations

from typing import Any

import pytest

from harness.contract.fault_values import Unit, Value, parse_value
from harness.core.errors import ConfigError
from harness.run.faults.value import fill, fill_path, mismatch


@pytest.mark.parametrize(
    ("written", "unit", "value"),
    [
        ("40%", "ratio", 0.4),
        ("0.1%", "ratio", 0.001),
        (0.25, "ratio", 0.25),
        ("1", "ratio", 1),
        ("35s", "seconds", 35.0),
        ("1m30s", "seconds", 90.0),
        (5, "seconds", 5),
        ("250", "number", 250),
        ("2.5", "number", 2.5),
        ("1e3", "number", 1000),
        ("rate limited", "text", "rate limited"),
        (7, "text", "7"),
    ],
)
def test_a_value_is_read_in_its_unit(written: Value, unit: Unit, value: Value) -> None:
    found = parse_value(written, unit)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "unit", "example"),
    [
        ("40 percent", "ratio", "40%"),
        ("x%", "ratio", "40%"),
        ("40%", "seconds", "35s"),
        ("40%", "number", "250"),
        ("soon", "seconds", "35s"),
        ("inf", "number", "250"),
    ],
)
def test_what_the_unit_cannot_read_is_refused_with_an_example(written: str, unit: Unit, example: str) -> None:
    with pytest.raises(ConfigError, match=f"remedy: write it as {example}"):
        parse_value(written, unit)


def test_a_template_keeps_the_type_of_a_value_that_stands_alone() -> None:
    template = {"rate": "{{value}}", "note": "at {{value}}", "list": ["{{value}}", 1, None], "k{{value}}": True}
    assert fill(template, 0.4) == {"rate": 0.4, "note": "at 0.4", "list": [0.4, 1, None], "k0.4": True}
    assert fill_path("/set?to={{value}}", "a b/c") == "/set?to=a%20b%2Fc"


BODY = {"faults": {"errors": {"rate": 0.4, "on": True, "hits": 3, "name": "a/b~c", "a/b": 1}}, "list": [{"n": 1}]}


@pytest.mark.parametrize(
    "expected",
    [
        {"/faults/errors/rate": "{{value}}"},
        {"/faults/errors/rate": 0.4000000000001},
        {"/faults/errors/on": True},
        {"/faults/errors/hits": "> 0"},
        {"/faults/errors/hits": ">= 3", "/faults/errors/rate": "< 1"},
        {"/faults/errors/hits": "!= {{value}}"},
        {"/faults/errors/name": "a/b~c"},
        {"/faults/errors/name": "!= x"},
        {"/faults/errors/name": "== a/b~c"},
        {"/faults/errors/a~1b": 1},
        {"/list/0/n": "== 1"},
        {"": BODY},
        {},
    ],
)
def test_an_answer_that_holds_what_is_expected(expected: Any) -> None:
    assert mismatch(BODY, expected, 0.4) == ""


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ({"/faults/errors/rate": "{{value}}"}, "/faults/errors/rate is 0.4, not 0.5"),
        ({"/faults/errors/on": 1}, "/faults/errors/on is True, not 1"),
        ({"/faults/errors/on": "> 0"}, "/faults/errors/on is True, not '> 0'"),
        ({"/faults/errors/hits": "> {{value}}", "/list/0/n": "> 1"}, "/list/0/n is 1, not '> 1'"),
        ({"/faults/errors/name": "> x"}, "/faults/errors/name is 'a/b~c', not '> x'"),
        ({"/faults/none": 1}, "nothing stands at /faults/none"),
        ({"/list/1": 1}, "nothing stands at /list/1"),
        ({"/list/x": 1}, "nothing stands at /list/x"),
        ({"": 1}, "the root is"),
    ],
)
def test_an_answer_that_does_not_says_what_stands_there(expected: Any, problem: str) -> None:
    assert mismatch(BODY, expected, 0.5).startswith(problem)
