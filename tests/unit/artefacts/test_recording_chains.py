"""How far back and how late an alert looks through recording rules, and which of them it cannot do without."""

from __future__ import annotations

import pytest

from harness.artefacts import read_rules
from harness.artefacts.chains import Chains
from harness.artefacts.rules import RuleFile
from harness.core.errors import ConfigError
from harness.core.source import parse_yaml


def files(alert: str) -> list[RuleFile]:
    counts = """
groups:
  - name: counts
    rules: [{record: a, expr: "rate(x_total[5m])"}, {record: b, expr: "rate(y_total[1h])"}]
"""
    shares = f"""
groups:
  - name: shares
    interval: 30s
    query_offset: 10s
    rules: [{{record: c, expr: "a / avg_over_time(b[2h])"}}]
  - name: alerts
    rules: [{{alert: A, expr: "{alert}"}}]
"""
    return [read_rules(parse_yaml(text, f"{name}.yml")) for name, text in (("counts", counts), ("shares", shares))]


def told(alert: str) -> tuple[float, float, list[str]]:
    found = files(alert)
    chains, rule = Chains(found, 15.0), found[1].alerts[0]
    return chains.range_s(rule), chains.recorded_s(rule), [each.rule.name for each in chains.needed_by(rule)]


@pytest.mark.parametrize(
    ("alert", "range_s", "recorded_s", "needed"),
    [
        ("x_total > 1", 0.0, 0.0, []),
        ("a > 1", 300.0, 15.0, ["a"]),
        ("c > 1", 10_800.0, 55.0, ["a", "b", "c"]),
        ("max_over_time(c[10m]) > 1 and a > 1", 11_400.0, 55.0, ["a", "b", "c"]),
        ("a > 1 or c > 1", 10_800.0, 55.0, []),
        ("a > 1 unless c > 1", 10_800.0, 55.0, ["a"]),
        ("absent(a)", 300.0, 15.0, []),
    ],
)
def test_a_chain_adds_windows_and_evaluations(alert: str, range_s: float, recorded_s: float, needed: list) -> None:
    assert told(alert) == (range_s, recorded_s, needed)


def test_offsets_are_those_of_the_group_or_of_the_server() -> None:
    found = files("a > 1")
    chains = Chains(found, 15.0, offset_s=5.0)
    assert [chains.offset_s(group) for group in found[1].groups] == [10.0, 5.0]
    assert chains.recorded_s(found[1].alerts[0]) == 20.0


def test_a_recording_made_of_itself_is_an_error() -> None:
    text = "groups: [{name: g, rules: [{record: a, expr: b}, {record: b, expr: a}, {alert: A, expr: a > 1}]}]"
    file = read_rules(parse_yaml(text, "rules.yml"))
    for ask in (Chains([file], 15.0).range_s, Chains([file], 15.0).recorded_s, Chains([file], 15.0).needed_by):
        with pytest.raises(ConfigError, match="made of itself"):
            ask(file.alerts[0])


@pytest.mark.parametrize(
    ("alert", "pasts"),
    [
        ("x_total > 1", {0.0: 0.0}),
        ("rate(x_total[5m]) < rate(x_total[10m] offset 1d)", {0.0: 300.0, 86_400.0: 87_000.0}),
        ("a < a offset 1d", {0.0: 300.0, 86_400.0: 86_700.0}),
        ("max_over_time(c[10m:] offset 1h) > 1", {3600.0: 3600.0 + 600 + 7200 + 3600}),
    ],
)
def test_the_past_that_an_alert_knows_is_told_apart_from_the_present(alert: str, pasts: dict) -> None:
    found = files(alert)
    assert Chains(found, 15.0).pasts(found[1].alerts[0]) == pasts


def test_all_recordings_on_the_way_are_read() -> None:
    found = files("c > 1 or absent(b)")
    assert [rule.name for rule in Chains(found, 15.0).read_by(found[1].alerts[0])] == ["c", "a", "b"]
