"""Rule files cut down to what an alert stands on: the rules that stay are as written."""

import pytest

from harness.artefacts.rules import Rule, RuleFile, read_rules
from harness.core.source import Document, parse_yaml
from harness.virtual.extracts import extract, stands_on

TEXT = """\
groups:
  - name: first
    interval: 30s
    rules:
      - record: a:rate
        expr: rate(a_total[5m])
      - record: b:rate
        expr: rate(b_total[5m])
      - alert: A
        expr: a:both > 1
        for: 1m
        labels: {page: yes}
  - name: second
    rules:
      - alert: Lonely
        expr: up == 0
  - name: third
    rules:
      - record: a:both
        expr: a:rate + a:rate
      - record: a:both
        expr: a:rate offset 1h
      - alert: Any
        expr: '{job="x"} > 1'
      - alert: Many
        expr: count(ALERTS) > 5
"""


@pytest.fixture
def document() -> Document:
    return parse_yaml(TEXT, "rules.yml")


@pytest.fixture
def file(document: Document) -> RuleFile:
    return read_rules(document)


def kept(file: RuleFile, alert: str) -> tuple[Rule, ...] | None:
    recordings: dict[str, list[Rule]] = {}
    for rule in file.recordings:
        recordings.setdefault(rule.name, []).append(rule)
    return stands_on([rule for rule in file.alerts if rule.name == alert], recordings)


def test_an_alert_stands_on_all_that_is_recorded_under_the_names_it_reads(file: RuleFile) -> None:
    assert sorted(rule.name for rule in kept(file, "A") or ()) == ["A", "a:both", "a:both", "a:rate"]
    assert [rule.name for rule in kept(file, "Lonely") or ()] == ["Lonely"]


@pytest.mark.parametrize("alert", ["Any", "Many"])
def test_one_that_may_read_anything_needs_everything(file: RuleFile, alert: str) -> None:
    assert kept(file, alert) is None


def test_what_stays_is_as_written(document: Document, file: RuleFile) -> None:
    text = extract(document, file, kept(file, "A") or ())
    cut = read_rules(parse_yaml(text, "cut.yml"))
    assert [(group.name, [rule.name for rule in group.rules]) for group in cut.groups] == [
        ("first", ["a:rate", "A"]),
        ("third", ["a:both", "a:both"]),
    ]
    assert cut.groups[0].interval_s == 30
    assert "page: yes" in text
    assert {rule.expression for rule in cut.rules} < {rule.expression for rule in file.rules}
