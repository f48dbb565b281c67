"""What a contract may say of an alert, and how it is told where it says something else."""

from __future__ import annotations

import re

import pytest

from harness.contract.alert import CONDITIONS, Alert
from harness.contract.files import ContractFile
from harness.contract.flows import Flow
from harness.contract.strict import validate
from harness.core.errors import ConfigError
from harness.core.source import parse_yaml
from harness.virtual import conditions


def alert(body: str) -> Alert:
    head = "harness: contract/1\nservice: x\nalerts:\n  A:\n    means: x\n"
    return validate(ContractFile, parse_yaml(head + body, "contract.yaml")).alerts["A"]


def test_the_contract_knows_the_conditions_that_are_run() -> None:
    assert conditions.CONDITIONS == CONDITIONS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    under: {series absnt: fires}\n", "contract.yaml:6:27: (?s:.*)did you mean 'series absent'"),
        ("    under: {idle: firs}\n", "contract.yaml:6:19: .*did you mean 'fires'"),
        ("    under: {sibling: quiet}\n", "sibling: 'quiet' is nothing .*write inhibited, no new page, any"),
        ("    under: {idle: inhibited}\n", "idle: 'inhibited' is nothing"),
        ("    under: {idle: fires between 3m and 2m}\n", "nothing that an alert does here"),
        ("    under: {idle: fires between soon and later}\n", "nothing that an alert does here"),
        ("    always: true\n    under: {idle: quiet}\n", "neither conditions nor examples"),
        ("    examples: {a: {given: {}, then: fires}}\n", "given"),
        ("    examples: {a: {given: {x: 1}, then: fire}}\n", "did you mean 'fires'"),
        ("    examples: {a: {given: {x: 1 per s}, then: fires}}\n", "'1 per s' is nothing that a series does"),
        ("    examples: {a: {given: {x: true}, then: fires}}\n", "nothing that a series does"),
        ("    examples: {a: {given: {x: [1/s, 2/s]}, then: fires}}\n", "a list is a mixture of events"),
        ("    examples: {a: {given: {x: 1/s at soon}, then: fires}}\n", "'soon' is not a duration"),
        ("    examples: {a: {given: {'sum(x)': 1}, then: fires}}\n", "should match pattern"),
        ("    examples: {a: {given: {x: 1}, then: fires, resolves: between 1m and 2m}}\n", "resolves needs"),
        ("    examples: {a: {given: {x: 1}, lasts: 1m, then: fires, resolves: soon}}\n", "between 4m and 6m"),
    ],
)
def test_what_means_nothing_is_refused_at_its_place(body: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        alert(body)
    assert re.search(words, str(refused.value)), refused.value


def test_words_and_windows_are_kept() -> None:
    found = alert("    under: {idle: fires between 1m and 2m, sibling: any, decay: no new page}\n")
    assert found.under == {"idle": "fires between 1m and 2m", "sibling": "any", "decay": "no new page"}


@pytest.mark.parametrize(
    ("text", "flows"),
    [
        ("0.12/s", (Flow(rate=0.12),)),
        ("30/m", (Flow(rate=0.5),)),
        ("0.5/s at 40s", (Flow(rate=0.5, at=40.0),)),
        ("0.5/s at 1e6", (Flow(rate=0.5, at=1e6),)),
        ("[0.4/s at 1s, 0.1/s at 2m]", (Flow(rate=0.4, at=1.0), Flow(rate=0.1, at=120.0))),
        ("3e9", (Flow(at=3e9),)),
        ("-4", (Flow(at=-4.0),)),
        ("10e9 -3.6e3/h", (Flow(at=1e10, slope=-1.0),)),
        ("0 + 1/s", (Flow(at=0.0, slope=1.0),)),
        ("absent", (Flow(),)),
    ],
)
def test_what_a_series_does(text: str, flows: tuple[Flow, ...]) -> None:
    found = alert(f"    examples: {{a: {{given: {{x: {text}}}, then: fires}}}}\n").examples["a"].given["x"]
    assert found == flows
    assert [each.is_absent for each in found] == [text == "absent"] * len(found)
