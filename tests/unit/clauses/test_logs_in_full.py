"""What lines and documents promise beside their fields: declared paths alone, one type, derived fields, own time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.log_documents import derive
from harness.clauses.model import Clause
from harness.clauses.validation import Known, Shapes, Validator
from harness.clauses.values import ABSENT, broken_fields
from harness.contract import load_campaign
from harness.contract.fields import Derived, FieldRule
from harness.core.errors import ConfigError
from harness.evidence.records import CellFinished, CellStarted, ComponentState, Document, LogLine, Reading, Request
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
logs: {app: "{logs}/app.log", audit: "{logs}/audit.log"}
""",
    "filebeat.yml": "filebeat.inputs: [{type: log, paths: [/var/log/s/*.log]}]\noutput.elasticsearch: {hosts: [e]}\n",
    "story.yaml": """\
harness: scenario/1
story: It runs.
phases:
  - {name: all, lasts: 1m}
expect:
  - log app: {fields: [n], rotates: true}
""",
    "contract.yaml": """\
harness: contract/1
service: s
artefacts: {filebeat: filebeat.yml}
logs:
  envelope: {n: integer, pid: "integer?"}
  other_fields: forbidden
  joined_by: id
  event_time: time
  identity: [pid, n]
  counted_by: n
  begins_with: [n, event]
  derived: {took: [slow.s, fast.s], class: {from: fast.s, bands: {long: 10, short: null}}}
  streams:
    app:
      event_at: event
      fields: {event: string, id: "string?", time: "timestamp?"}
      events:
        begun: {fields: {options: object, user.name: string}}
        ended: {fields: {fast.s: "number?", slow.s: "number?"}}
    audit: {}
""",
}


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Clause]:
    """Clauses by their plane, name and promise."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return {clause.id.partition("::")[2]: clause for clause in compile_campaign(load_campaign([tmp_path]))}


def line(n: int = 1, stream: str = "app", **fields: Any) -> LogLine:
    return LogLine("story", T, stream, "s-0", f"{stream}.log", n, {"n": n, **fields})


def document(n: int = 1, **fields: Any) -> Document:
    return Document("story", T, "i", f"d{n}", "app", {"n": n, **fields})


def judge(clause: Clause, *records: Any, completed: bool = True) -> Any:
    frame = [CellStarted("story", T, 1.0, 1.0, 1.0, ("s-0",)), CellFinished("story", T + 60, completed)]
    return clause.judge(Evidence([*frame, *records], planned=("story",)))


BEGUN = {"event": "begun", "options": {"a": {"b": 1}}, "user": {"name": "x"}}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (BEGUN, ""),
        ({**BEGUN, "user": {"name": "x", "mail": "y"}}, "nobody declared user.mail"),
        ({**BEGUN, "user": "x"}, "nobody declared user"),
        ({**BEGUN, "fast": {"s": 1}}, "nobody declared fast, fast.s"),
        ({**BEGUN, "list": [{"a": 1}]}, "nobody declared list, list[], list[].a"),
        ({"event": "other", "options": {}}, "nobody declared options"),
        ({"event": ["x"], "time": "t"}, ""),
        ({"event": "ended", "fast": {"s": 1}}, ""),
    ],
)
def test_fields_that_nobody_declared(table: dict[str, Clause], fields: dict[str, Any], problem: str) -> None:
    found = judge(table["logs::app::no_others"], line(1, **fields), line(2, **fields))
    assert found.verdict == ("violated" if problem else "held")
    assert problem in found.message
    assert judge(table["logs::app::no_others"]).verdict == "open"


def test_a_line_of_an_event_that_is_forbidden_is_told_once(tmp_path: Path) -> None:
    closed = FILES["contract.yaml"].replace("event_at: event", "event_at: event\n      other_events: forbidden")
    for name, text in {**FILES, "contract.yaml": closed}.items():
        (tmp_path / name).write_text(text)
    table = {clause.id.partition("::")[2]: clause for clause in compile_campaign(load_campaign([tmp_path]))}
    lines = [line(1, **BEGUN), line(2, event="other", options={})]
    assert judge(table["logs::app::declared"], *lines).verdict == "violated"
    assert judge(table["logs::app::no_others"], *lines).verdict == "held"


def test_one_type_for_a_path_over_all_streams(table: dict[str, Clause]) -> None:
    clause = table["logs::all::one_type"]
    assert judge(clause, line(1, model={"name": "x"}), line(2, "audit", model=None)).verdict == "held"
    found = judge(clause, line(1, model={"name": "x"}), line(2, "audit", model="x"))
    assert found.message == "model is object in app.log:1, but text in audit.log:2"
    mixed = judge(clause, line(1, tags=[{"a": 1}, {"a": "x"}]))
    assert "tags[].a is number" in mixed.message
    assert judge(clause, line(1, tags=[1]), line(2, tags=(1, 2.5))).verdict == "held"
    assert judge(clause, line(1, ok=True), line(2, ok=1)).verdict == "violated"
    assert judge(clause).verdict == "open"
    assert judge(clause, line(), completed=False).verdict == "open"


def request(name: str) -> Request:
    return Request("story", "all", "k", 1, name, "s-0", T, T, T, None, T, 200, expected=True)


def test_ids_are_those_of_requests(table: dict[str, Clause]) -> None:
    clause = table["logs::app::joins"]
    assert judge(clause, request("a"), line(id="a"), line(2)).verdict == "held"
    assert judge(clause, request("a"), line(id="b"), line(2, "audit", id="c")).message.endswith("was sent by nobody")
    assert judge(clause, request("a"), line()).verdict == "open"
    assert judge(clause, request("a"), line(id="b"), completed=False).verdict == "open"


def counted(*numbers: object, pid: int = 1, instance: str = "s-0") -> list[LogLine]:
    return [LogLine("story", T, "app", instance, "app.log", at, {"n": n, "pid": pid}) for at, n in enumerate(numbers)]


def started(instance: str = "s-0") -> ComponentState:
    return ComponentState("story", T, instance, "subject", "ready")


@pytest.mark.parametrize(
    ("records", "verdict", "words"),
    [
        (counted(1, 2, 3), "held", "3 numbers without a gap, of 1 writers"),
        (counted(7, 9, 8), "held", "3 numbers"),
        ([*counted(1, 2), *counted(1, 2, pid=2), *counted(1, instance="s-1")], "held", "5 numbers without a gap, of 3"),
        (counted(1, 2, 4, 5), "violated", "app of s-0 1 in story: n goes from 2 to 4: 1 missing"),
        (counted(1, 2, 2, 3), "violated", "n is 2 in 2 lines, but 1 in 1"),
        (counted(0, 0, 0), "violated", "n is 0 in 3 lines, but it was started once"),
        ([started(), started(), *counted(1, 2, 3, 1, 2)], "held", "5 numbers"),
        ([started(), started(), *counted(1, 2, 3, 1, 3)], "violated", "n is 3 in 2 lines, but 2 in 1"),
        ([started(), started(), *counted(1, 1, 1)], "violated", "it was started 2 times"),
        ([started("s-1"), started("s-1"), *counted(1, 1)], "violated", "it was started once"),
        ([line(1, "audit"), line(3, "audit")], "open", ""),
        (
            [LogLine("story", T, "app", "s-0", "app.log", 1, {"n": value}) for value in (True, 1.5, None, "x")],
            "open",
            "",
        ),
        (
            [LogLine("story", T, "app", "s-0", "app.log", 1, {"n": value}) for value in ("1", "2", 3)],
            "held",
            "3 numbers",
        ),
        ([LogLine("story", T, "app", "s-0", "app.log", 1, None, "no event")], "open", "held a whole number in n"),
    ],
)
def test_numbers_of_a_writer_have_no_gap(
    table: dict[str, Clause], records: list[Any], verdict: str, words: str
) -> None:
    found = judge(table["logs::app::counts"], *records)
    assert (found.verdict, words in found.message) == (verdict, True), found.message


def test_a_missing_number_may_still_be_read_while_a_story_plays(table: dict[str, Clause]) -> None:
    assert judge(table["logs::app::counts"], *counted(1, 3), completed=False).verdict == "open"


def test_lines_begin_with_their_fields_in_order(table: dict[str, Clause]) -> None:
    clause = table["logs::app::begins"]
    assert judge(clause, line(1, event="a", x=1), line(2, event="b")).verdict == "held"
    assert judge(clause, line(1, event="a"), line(2, x=1)).message == "app.log:2 begins with n, x"
    assert judge(clause, line(1)).message == "app.log:1 begins with n"
    assert judge(clause, LogLine("story", T, "app", "s-0", "app.log", 1, None, "no event")).verdict == "open"
    assert judge(clause, line(1, event="a"), completed=False).verdict == "open"


@pytest.mark.parametrize(
    ("raw", "made", "verdict"),
    [
        ({"fast": {"s": 12}}, {"took": 12, "class": "long"}, "held"),
        ({"fast": {"s": 10}}, {"took": 10, "class": "short"}, "held"),
        ({"fast": {"s": 12}}, {"took": 12, "class": "short"}, "violated"),
        ({"slow": {"s": 2}}, {"took": 2}, "held"),
        ({"slow": {"s": 2}, "fast": {"s": 3}}, {"took": 2, "class": "short"}, "violated"),
        ({"slow": {"s": 2}}, {"took": "2"}, "violated"),
        ({"slow": {"s": 1}}, {"took": True}, "violated"),
        ({}, {"took": 1}, "violated"),
        ({}, {}, "held"),
        ({"fast": {"s": "x"}}, {"took": "x"}, "held"),
    ],
)
def test_derived_fields(table: dict[str, Clause], raw: dict[str, Any], made: dict[str, Any], verdict: str) -> None:
    found = judge(table["logs::app::derived"], line(**raw), document(**raw, **made), document(7, took=1))
    assert found.verdict == verdict


def test_derived_fields_need_documents_with_their_lines(table: dict[str, Clause]) -> None:
    clause = table["logs::app::derived"]
    assert judge(clause, line(), document(2)).verdict == "open"
    assert judge(clause, line(), document(), completed=False).verdict == "open"


def test_what_a_field_is_by_what_is_there() -> None:
    rule = Derived.model_validate({"presence": {"error": "error", "model.id": "model"}})
    assert derive(rule, {"error": {"a": 1}, "model": {"id": 1}}) == "error"
    assert derive(rule, {"error": None, "model": {"id": 1}}) == "model"
    assert derive(rule, {}) is ABSENT


@pytest.mark.parametrize(
    ("told", "kept", "verdict"),
    [
        ("2027-01-15T08:00:00.123Z", "2027-01-15T08:00:00.123Z", "held"),
        ("2027-01-15T09:00:00.123+01:00", "2027-01-15T08:00:00.123Z", "held"),
        ("2027-01-15T08:00:00.123Z", "2027-01-15T08:00:00.124Z", "violated"),
        ("2027-01-15T08:00:00.123Z", "2027-01-15T08:00:00.123", "violated"),
        (7, "2027-01-15T08:00:00.123Z", "violated"),
        (1800000000.123, "2027-01-15T08:00:00.123Z", "held"),
        (1800000000123, "2027-01-15T08:00:00.123Z", "held"),
        ("1800000000123456", "2027-01-15T08:00:00.123Z", "held"),
        ("1800000000123456789", "2027-01-15T08:00:00.123Z", "held"),
        (1800000001.123, "2027-01-15T08:00:00.123Z", "violated"),
    ],
)
def test_own_time(table: dict[str, Clause], told: Any, kept: str, verdict: str) -> None:
    found = document(time=told, **{"@timestamp": kept})
    other = Document("story", T, "i", "e", "audit", {"n": 1})
    assert judge(table["logs::app::keeps_time"], found, other).verdict == verdict
    assert judge(table["logs::app::keeps_time"]).verdict == "open"


def test_an_instant_without_a_zone_says_so(table: dict[str, Clause]) -> None:
    found = document(time="2027-01-15 08:00:00,123", **{"@timestamp": "2027-01-15T08:00:00.123Z"})
    assert "it lacks a time zone" in judge(table["logs::app::keeps_time"], found).details[-1]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("  identity: [pid, n]\n", "", "name the fields that are a line's identity"),
        ("{took: [slow.s, fast.s],", "{took: {},", "say either from"),
    ],
)
def test_promises_that_cannot_be(tmp_path: Path, before: str, after: str, problem: str) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace(before, after))
    with pytest.raises(ConfigError, match=problem):
        load_campaign([tmp_path])


TYPES = ("string", "string?", "integer", "number", "boolean", "object", "array", "timestamp", "epoch", "any")
RULES = [*TYPES, ["a", 2], ["a"]]
VALUES = [
    1796072400,
    "1796072400123456789",
    "a",
    "",
    2,
    2.5,
    True,
    None,
    {},
    [],
    (),
    "2027-01-15T08:00:00Z",
    "2027-01-15",
    ABSENT,
]


@pytest.mark.parametrize("rule", [*RULES, {"pattern": "[a-z]+"}, {"type": "string", "one_of": ["a"], "pattern": "a"}])
@pytest.mark.parametrize("path", ["x", "x.y"])
def test_the_quick_test_and_the_reasons_agree(rule: Any, path: str) -> None:
    rules = {path: FieldRule.model_validate(rule)}
    validator = Validator(rules)
    for value in VALUES:
        fields = {} if value is ABSENT else {"x": value} if path == "x" else {"x": {"y": value}}
        assert validator.fits(fields) == (not list(broken_fields(fields, rules))), (rule, value)


def test_an_object_of_a_known_shape_is_looked_at_once() -> None:
    shapes = Shapes()
    assert [path for path, _ in shapes.news({"a": 1, "b": {"c": 2}})] == ["a", "b", "b.c"]
    assert list(shapes.news({"a": 3, "b": {"c": 4}})) == []
    assert [path for path, _ in shapes.news({"a": 3, "b": {"c": "x"}})] == ["b.c"]


def test_what_lies_below_a_named_object_is_free() -> None:
    known = Known(["open", "open.sub.name", "closed.name"])
    assert known.covers("open.other", 1)
    assert known.covers("closed", {})
    assert not known.covers("closed", "text")
    assert not known.covers("closed.other", 1)
    assert not known.covers("open.sub.other", 1)


def reading(component: str, name: str, value: float) -> Reading:
    return Reading("story", T, component, name, value)


@pytest.mark.parametrize(
    ("files", "verdict"), [({"log app s-0": 2.0, "log app s-1": 1.0}, "held"), ({"log app s-0": 1.0}, "violated")]
)
def test_a_stream_rotates_where_its_lines_stand_in_several_files(
    table: dict[str, Clause], files: dict[str, float], verdict: str
) -> None:
    clause = table["logs::app::rotates"]
    others = [reading("log audit s-0", "files", 7), reading("log app s-0", "incomplete_lines", 7)]
    records = [reading(component, "files", value) for component, value in files.items()]
    assert judge(clause, *others, *records).verdict == verdict
    assert judge(clause, *others).verdict == "open"
    assert judge(clause, *records, completed=False).verdict == "open"


def test_what_was_sent_again_is_told_over_restarts(table: dict[str, Clause]) -> None:
    offered = [reading("filebeat", "filebeat_events_duplicates", value) for value in (0, 2, 3, 0, 4)]
    found = judge(table["logs::app::arrives"], line(1), document(1), *offered)
    assert (found.verdict, found.details) == ("held", ("7 events were sent again and found there",))
    assert judge(table["logs::app::arrives"], line(1), document(1)).details == ()


@pytest.mark.parametrize(
    ("seconds", "verdict", "words"),
    [
        ((1, 2), "held", "2 lines are dated"),
        ((-3600, 1), "held", ""),
        ((1, 3600), "violated", "3600 s after it was read"),
        ((-3600, -3500), "violated", "3500 s before its story began"),
        ((-890, -880), "violated", "880 s before its story began"),
        ((-95, -90), "held", ""),  # it took its time to start, and had nothing more to say
        ((None, None), "open", "no line of app held a time"),
    ],
)
def test_lines_are_dated_when_they_were_written(
    table: dict[str, Clause], seconds: tuple[float | None, ...], verdict: str, words: str
) -> None:
    """Hours of another zone, in one direction and in the other; an old line alone proves nothing."""
    dated = [{} if s is None else {"time": datetime.fromtimestamp(T + s, UTC).isoformat()} for s in seconds]
    lines = [line(n, event="begun", **fields) for n, fields in enumerate(dated, 1)]
    found = judge(table["logs::app::dated"], *lines)
    assert (found.verdict, words in found.message) == (verdict, True)
