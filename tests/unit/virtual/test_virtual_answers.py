"""promtool's report, read back."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from harness.core.errors import MachineError
from harness.virtual.answers import read_findings
from harness.virtual.behaviour import Behaviour, behaviour, spans


def report(folder: Path, *failures: str) -> Path:
    texts = "".join(f"<failure>{escape(text)}</failure>" for text in failures)
    path = folder / "report.xml"
    path.write_text(f'<testsuites><testsuite><testcase name="one">{texts}</testcase></testsuite></testsuites>')
    return path


def test_samples_keep_awkward_labels_and_values(tmp_path: Path) -> None:
    got = '{a="x, {y} 1", "b.c"="say \\"no\\"", d="\\x00"} 1.5E-01, {} NaN, {le="+Inf"} +Inf'
    text = f'    expr: "sum(\\n a)", time: 1m30s,\n        exp: nil\n        got: {got}'
    samples = read_findings(report(tmp_path, text))["one"].at("sum(\n a)", 90.0)
    assert [dict(sample.labels) for sample in samples] == [
        {"a": "x, {y} 1", "b.c": 'say "no"', "d": "\\x00"}, {}, {"le": "+Inf"}]  # fmt: skip
    assert samples[0].value == 0.15
    assert samples[1].value != samples[1].value
    assert samples[2].value == float("inf")


def test_firing_alerts_come_with_their_texts(tmp_path: Path) -> None:
    text = (
        "    name: one,\n    alertname: High, time: 20m, \n        exp:[\n            0:\n"
        '              Labels:{alertname="High", control="x"}\n              Annotations:{}\n            ], \n'
        '        got:[\n            0:\n              Labels:{alertname="High", b="1"}\n'
        '              Annotations:{summary="is {high}"}\n            ]'
    )
    (fired,) = read_findings(report(tmp_path, text))["one"].fired["High"]
    assert (fired.labels["b"], fired.annotations["summary"]) == ("1", "is {high}")


def test_anything_else_is_why_the_experiment_was_given_up(tmp_path: Path) -> None:
    found = read_findings(report(tmp_path, "    rule: A, time: 1m,\n  err: many-to-many", "later"))["one"]
    assert found.error == "rule: A, time: 1m, err: many-to-many"
    assert found.at("up", 0.0) == ()


def test_a_report_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot be read"):
        read_findings(tmp_path / "none.xml")


def states(folder: Path, *rows: tuple[str, str, str]) -> Path:
    head = '    expr: "W", time: {},\n        exp: nil\n        got: {{alertname="A", alertstate="{}"{}}} 1E+00'
    return report(folder, *(head.format(*row) for row in rows))


def test_states_become_stretches(tmp_path: Path) -> None:
    rows = [("15s", "pending", ""), ("30s", "firing", ', x="1"'), ("45s", "firing", ', x="2"'), ("2m", "firing", "")]
    found = read_findings(states(tmp_path, *rows))["one"]
    did = behaviour(found, "W", 15.0, {"alertname": "A"})
    assert (did.pending, did.firing) == (((15.0, 15.0),), ((30.0, 45.0), (120.0, 120.0)))
    assert len(did.labels) == 3
    assert did.told(0.0, 120.0) == "fires 3 alerts 30s to 45s, 2m…"
    assert behaviour(found, "W", 15.0, {"alertname": "A", "x": ""}).firing == ((120.0, 120.0),)
    assert behaviour(found, "W", 15.0, {"alertname": "A"}, onset_s=60.0).told(60.0, 300.0) == "fires 1m to 1m"
    assert behaviour(found, "V", 15.0, {"alertname": "A"}) == Behaviour()


def test_words_for_what_never_fires() -> None:
    assert Behaviour().told(0.0, 1.0) == "quiet"
    assert Behaviour(pending=((0.0, 15.0),)).told(30.0, 600.0) == "pends -30s to -15s"
    assert spans([30.0, 0.0, 15.0, 15.0, 90.0], 15.0) == ((0.0, 30.0), (90.0, 90.0))
