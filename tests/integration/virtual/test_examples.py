"""The contract's examples in virtual time: what notices a rule whose numbers were changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.virtual.suite import Report, examine

Promising = Callable[[str], Path]
EXAMPLES = """    examples:
      every eighth second:
        given: {tiny_failures_total: 0.125/s}
        lasts: 5m
        then: fires between 50s and 1m
        resolves: between 5m and 5m30s
      every twelfth second: {given: {tiny_failures_total: 0.083/s}, then: quiet}
      two halves:
        given: {'tiny_failures_total{instance="a"}': 0.07/s, 'tiny_failures_total{instance="b"}': 0.07/s}
        then: fires
"""
RULE = "sum(rate(tiny_failures_total[40s])) > 0.1\n        for: 20s"


def examined(folder: Path, promtool: Path, change: tuple[str, str] = ("", "")) -> Report:
    rules = folder / "production" / "rules.yml"
    rules.write_text(rules.read_text().replace(RULE, RULE.replace(*change) if change[0] else RULE))
    return examine(load_campaign([folder]), promtool, conditions=())


def verdicts(report: Report) -> dict[str, str]:
    return {cell.condition.removeprefix("example "): cell.verdict for cell in report.cells}


def test_the_rule_as_it_is_meant_keeps_all_examples(promising: Promising, promtool: Path) -> None:
    found = verdicts(examined(promising(EXAMPLES), promtool))
    assert found == {"every eighth second": "held", "every twelfth second": "held", "two halves": "held"}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (("> 0.1", "> 0.13"), {"every eighth second"}),
        (("> 0.1", "> 0.05"), {"every twelfth second", "every eighth second"}),
        (("> 0.1", "< 0.1"), {"every eighth second", "every twelfth second", "two halves"}),
        (("[40s]", "[80s]"), {"every eighth second"}),
        (("for: 20s", "for: 40s"), {"every eighth second"}),
        (("sum(", "max("), {"two halves"}),
        (("_total[", "_total{job='other'}["), {"every eighth second", "two halves", "every twelfth second"}),
        (("20s", "20s\n        keep_firing_for: 1m"), {"every eighth second"}),
    ],
    ids=lambda value: value[1][:12] if isinstance(value, tuple) else "",
)
def test_a_changed_rule_is_noticed(promising: Promising, promtool: Path, change: tuple[str, str], broken) -> None:
    found = verdicts(examined(promising(EXAMPLES), promtool, change))
    assert {name for name, verdict in found.items() if verdict != "held"} == broken


def test_quiet_examples_alone_prove_nothing(promising: Promising, promtool: Path) -> None:
    report = examined(promising("    examples: {few: {given: {tiny_failures_total: 0.01/s}, then: quiet}}\n"), promtool)
    assert [cell.verdict for cell in report.cells] == ["inconclusive"]


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ("tiny_failures_total: 7", "tiny_failures_total is a counter"),
        ("tiny_request_seconds: 0.5/s", "tiny_request_seconds is a histogram"),
        ("up: 0.5/s", "up is 0 or 1"),
        ("'tiny_failures_total{code=~\"5..\"}': 0.5/s", "does not name one series"),
        ("'tiny_failures_total{code=}': 0.5/s", "not valid PromQL"),
    ],
)
def test_series_that_cannot_be_so_are_refused_at_their_place(
    promising: Promising, promtool: Path, series: str, words: str
) -> None:
    folder = promising(f"    examples:\n      odd: {{given: {{{series}}}, then: fires}}\n")
    with pytest.raises(ConfigError, match=words) as refused:
        examined(folder, promtool)
    last = len((folder / "contract.yaml").read_text().splitlines())
    assert f"contract.yaml:{last}:" in str(refused.value)


def test_an_alert_that_no_rule_defines_is_refused(promising: Promising, promtool: Path) -> None:
    with pytest.raises(ConfigError, match="no rule file defines the alert TinyFailling") as refused:
        examined(promising("  TinyFailling: {means: Nothing.}\n"), promtool)
    assert "did you mean 'TinyFailing'" in str(refused.value)
