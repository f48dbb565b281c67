"""Promises that the tiny service does not make: log events, optional families, checks, patterns."""

from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.exposition import parse_exposition
from harness.clauses.model import Clause
from harness.clauses.values import ABSENT, at_path, at_pointer, broken_fields
from harness.contract import load_campaign
from harness.contract.fields import FieldRule
from harness.evidence.records import CellFinished, CellStarted, Exposition, HttpAnswer, LogLine
from harness.evidence.store import Evidence

T = 1_800_000_000.0
FILES = {
    "campaign.yaml": "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n",
    "profile.yaml": """\
harness: profile/1
subject: s
start: {command: ["true"]}
ports: [app]
ready: {port: app}
""",
    "story.yaml": "harness: scenario/1\nstory: It runs.\nphases:\n  - {name: all, lasts: 1m}\n",
    "contract.yaml": """\
harness: contract/1
service: s
metrics:
  families:
    up_total: {type: counter, labels: {who: {at_most: 2}, how: {pattern: "[a-z]+"}}}
    seldom: {type: gauge, optional: true}
    le_gauge: {type: gauge, labels: {le: {at_most: 9}}}
    odd: {type: untyped}
    size: {type: histogram, buckets: [1, 2]}
logs:
  envelope: {level: string}
  streams:
    app:
      event_at: event
      events:
        started: {fields: {port: integer}}
        ended: {fields: {why: "string?"}, optional: true}
      other_events: forbidden
endpoints:
  health: {port: app, path: /, answers: {200: {}}}
health:
  all: {endpoint: health, state_at: /a~1b/0, codes: {ok: 200}, checks_at: /checks, checks: [disk, memory]}
""",
}
TEXT = """\
# TYPE up_total counter
up_total{who="a",how="x"} 1
# TYPE le_gauge gauge
le_gauge{le="x"} 1
# TYPE odd gauge
odd 1
# TYPE size histogram
size_bucket{le="1"} 1
size_bucket{le="2"} 1
size_bucket{le="+Inf"} 1
size_sum 1
size_count 1
"""
BODY = {"a/b": ["ok"], "checks": {"disk": {}, "memory": {}}}


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Clause]:
    """Clauses by the last three parts of their ids."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    clauses = compile_campaign(load_campaign([tmp_path]))
    return {clause.id.partition("::")[2]: clause for clause in clauses}


def verdict(clause: Clause, *records: Any, completed: bool = True) -> str:
    frame = [CellStarted("story", T, 1.0, 1.0, 1.0, ("s-0",)), CellFinished("story", T + 60, completed)]
    return clause.judge(Evidence([*frame, *records], planned=("story",))).verdict


def text(old: str = "", new: str = "") -> Exposition:
    return Exposition("story", T, "s-0", TEXT.replace(old, new))


def line(**fields: Any) -> LogLine:
    return LogLine("story", T, "app", "s-0", "app.log", 1, {"level": "info", **fields})


@pytest.mark.parametrize(
    ("clause", "old", "new", "expected"),
    [
        ("up_total::label_values", "", "", "held"),
        ("up_total::label_values", "# TYPE le", 'up_total{who="b",how="x"} 1\n# TYPE le', "held"),
        (
            "up_total::label_values",
            "# TYPE le",
            'up_total{who="b",how="x"} 1\nup_total{who="c",how="x"} 1\n# TYPE le',
            "violated",
        ),
        ("up_total::label_values", 'how="x"', 'how="X"', "violated"),
        ("le_gauge::labels", "", "", "held"),
        ("le_gauge::labels", '{le="x"}', "", "violated"),
        ("seldom::exists", "", "", "held"),
        ("seldom::type", "", "", "held"),
        ("seldom::type", "# TYPE odd gauge", "# TYPE seldom counter\nseldom 1\n# TYPE odd gauge", "violated"),
        ("odd::exists", "", "", "held"),
        ("size::buckets", "", "", "held"),
        ("size::buckets", 'size_bucket{le="2"}', 'size_bucket{le="x"}', "violated"),
        ("size::buckets", TEXT.partition("# TYPE size")[2], " gauge\nsize 1\n", "open"),
        ("up_total::exists", TEXT, "}{ no exposition", "violated"),
        ("up_total::type", TEXT, "}{ no exposition", "open"),
    ],
)
def test_metrics(table: dict[str, Clause], clause: str, old: str, new: str, expected: str) -> None:
    assert verdict(table[f"metrics::{clause}"], text(old, new)) == expected


def test_metrics_of_every_instance_must_be_read_to_the_end(table: dict[str, Clause]) -> None:
    clause = table["metrics::odd::exists"]
    assert verdict(clause, Exposition("story", T, "another", TEXT)) == "open"
    assert verdict(clause, text(), completed=False) == "open"
    assert verdict(table["metrics::odd::labels"], text(), completed=False) == "open"
    assert "metrics::odd::type" not in table


@pytest.mark.parametrize("rubbish", ["a{", 'a{b="', "# TYPE\n", "a 1 2 3 4\n", '{"json": 1}', "<html>", "a{b=c} 1\n"])
def test_text_that_is_no_exposition_is_a_value_error_or_empty(rubbish: str) -> None:
    try:
        assert "up_total" not in parse_exposition(rubbish)
    except ValueError as error:
        assert "not an exposition" in str(error)  # noqa: PT017 (either is right)


STARTED = {"event": "started", "port": 1}


@pytest.mark.parametrize(
    ("clause", "lines", "expected"),
    [
        ("app.started::fields", [STARTED], "held"),
        ("app.started::fields", [{"event": "started"}], "violated"),
        ("app.started::fields", [{"event": "ended"}], "open"),
        ("app.started::fields", [], "open"),
        ("app.ended::fields", [STARTED], "held"),
        ("app.ended::fields", [{"event": "ended", "why": 3}], "violated"),
        ("app.ended::fields", [], "open"),
        ("app::declared", [STARTED, {"event": "ended"}], "held"),
        ("app::declared", [{"event": "other"}], "violated"),
        ("app::declared", [{"event": ["a"]}], "violated"),
        ("app::declared", [{}], "violated"),
        ("app::declared", [], "open"),
        ("app::envelope", [STARTED], "held"),
    ],
)
def test_log_events(table: dict[str, Clause], clause: str, lines: list[dict[str, Any]], expected: str) -> None:
    assert verdict(table[f"logs::{clause}"], *(line(**fields) for fields in lines)) == expected


def test_a_line_that_is_no_object_is_the_envelopes_affair(table: dict[str, Clause]) -> None:
    rubbish = LogLine("story", T, "app", "s-0", "app.log", 2, None, "panic")
    assert verdict(table["logs::app::envelope"], rubbish) == "violated"
    assert verdict(table["logs::app::declared"], line(**STARTED), rubbish) == "held"
    assert verdict(table["logs::app.started::fields"], line(**STARTED), rubbish) == "held"


@pytest.mark.parametrize(
    ("body", "codes", "checks"),
    [
        (BODY, "held", "held"),
        ({**BODY, "checks": {"disk": {}}}, "held", "violated"),
        ({**BODY, "checks": ["disk", "memory"]}, "held", "violated"),
        ({"a/b": []}, "violated", "violated"),
        ({"a/b": {"0": "ok"}}, "held", "violated"),
        ("text", "violated", "violated"),
        (None, "violated", "violated"),
    ],
)
def test_health_checks(table: dict[str, Clause], body: Any, codes: str, checks: str) -> None:
    answer = HttpAnswer("story", T, "s-0", "health", 200, 0.01, "application/json", body)
    mute = HttpAnswer("story", T, "s-0", "health", 0, 0.01, error="refused")
    assert verdict(table["health::all::codes"], answer, mute) == codes
    assert verdict(table["health::all::checks"], answer, mute) == checks
    assert verdict(table["health::all::checks"], mute) == "open"


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("string", "x", 1),
        ("integer", 1, 1.0),
        ("integer", 0, True),
        ("number", 1.5, "1"),
        ("boolean", False, 0),
        ("object", {}, []),
        ("array", [], {}),
        ("timestamp", "2027-01-15T08:00:00.123Z", "2027-01-15T08:00:00"),
        ("timestamp", "2027-01-15T08:00:00+01:00", 7),
        (["a", 2], 2, 3),
        ({"pattern": "[0-9]+"}, "42", "4x"),
        ({"one_of": [[1]]}, [1], ["x" * 100]),
    ],
)
def test_fields(rule: Any, good: Any, bad: Any) -> None:
    rules = {"a.b": FieldRule.model_validate(rule)}
    assert list(broken_fields({"a": {"b": good}}, rules)) == []
    assert list(broken_fields({"a.b": good}, rules)) == []
    (problem,) = broken_fields({"a": {"b": bad}}, rules)
    assert problem.startswith("a.b is ")
    assert list(broken_fields({"a": 1}, rules)) == ["a.b is absent"]


def test_paths_and_pointers() -> None:
    assert at_path({"a": 1}, "a.b") is ABSENT
    assert repr(ABSENT) == "absent"
    assert at_pointer([{"~": 1}], "/0/~0") == 1
    assert at_pointer([1], "/²") is ABSENT
    assert at_pointer([1], "/7") is ABSENT
    assert at_pointer({"a": 1}, "") == {"a": 1}
