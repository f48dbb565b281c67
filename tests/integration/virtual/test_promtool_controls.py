"""Nothing is concluded from a promtool that did not run the experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import MachineError
from harness.virtual.promtool import Experiment, Promtool, Question, RuleSet

RULES = """
groups:
  - name: g
    rules:
      - {alert: High, expr: foo > 1, for: 30s, labels: {severity: a}, annotations: {summary: "is {{ $value }}"}}
"""
SERIES = {"foo": "0x4 2x20"}


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    path = tmp_path / "rules.yml"
    path.write_text(RULES)
    return RuleSet((path,), ("g", "g"), {"region": "eu"})


def script(folder: Path, body: str) -> Promtool:
    path = folder / "promtool"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return Promtool(path)


def test_answers_carry_labels_values_and_annotations(promtool: Path, rules: RuleSet) -> None:
    asked = (Question("foo", 60.0), Question("foo", 9000.0))
    experiment = Experiment('it\'s "odd" <&>', 10.0, SERIES, 150.0, "ALERTS", asked, ("High",), 150.0)
    found = Promtool(promtool).run(rules, 10.0, [experiment])[experiment.name]
    assert [sample.value for sample in found.at("foo", 60.0)] == [2.0]
    assert found.at("ALERTS", 40.0) == ()
    assert found.at("ALERTS", 50.0)[0].labels["alertstate"] == "pending"
    assert found.at("ALERTS", 80.0)[0].labels["alertstate"] == "firing"
    assert found.fired["High"][0].annotations == {"summary": "is 2"}
    assert found.fired["High"][0].labels["severity"] == "a"


def test_many_experiments_share_the_cores(promtool: Path, rules: RuleSet) -> None:
    experiments = [Experiment(f"e{index}", 10.0, SERIES, 100.0 + index, "ALERTS") for index in range(40)]
    found = Promtool(promtool).run(rules, 10.0, experiments)
    assert set(found) == {each.name for each in experiments}


def test_no_experiments_start_nothing(rules: RuleSet) -> None:
    assert Promtool(Path("/nonexistent")).run(rules, 10.0, []) == {}


def test_a_missing_promtool_is_named(rules: RuleSet) -> None:
    with pytest.raises(MachineError, match="/nonexistent cannot be run"):
        Promtool(Path("/nonexistent")).run(rules, 10.0, [Experiment("e", 10.0, SERIES, 60.0)])


def test_a_promtool_that_reports_nothing_proves_nothing(tmp_path: Path, rules: RuleSet) -> None:
    with pytest.raises(MachineError, match=r"did not run 'e': out of order"):
        script(tmp_path, "echo out of order >&2; exit 1").run(rules, 10.0, [Experiment("e", 10.0, SERIES, 60.0)])


def test_a_control_that_passes_ends_everything(tmp_path: Path, rules: RuleSet) -> None:
    green = '<testsuites><testsuite><testcase name="e"></testcase></testsuite></testsuites>'
    lame = script(tmp_path, f"printf '%s' '{green}' > \"${{3#--junit=}}\"")
    with pytest.raises(MachineError, match="passed the control of 'e', which must fail"):
        lame.run(rules, 10.0, [Experiment("e", 10.0, SERIES, 60.0)])


def test_a_report_that_is_no_xml_is_an_error(tmp_path: Path, rules: RuleSet) -> None:
    with pytest.raises(MachineError, match="report cannot be read"):
        script(tmp_path, 'echo no > "${3#--junit=}"').run(rules, 10.0, [Experiment("e", 10.0, SERIES, 60.0)])


def test_a_series_that_promtool_refuses_is_told(promtool: Path, rules: RuleSet) -> None:
    found = Promtool(promtool).run(rules, 10.0, [Experiment("e", 10.0, {"foo": "0 bla"}, 60.0)])
    assert "unexpected identifier" in found["e"].error
