"""Streams that are not JSON: their values are text, and lines out of the format may be allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.log_documents import derive
from harness.clauses.model import Clause
from harness.clauses.validation import Validator
from harness.clauses.values import broken_fields
from harness.contract import load_campaign
from harness.contract.fields import Derived, FieldRule
from harness.contract.line_formats import parser_of
from harness.contract.planes import LogStream
from harness.core.errors import ConfigError
from harness.evidence.records import CellFinished, CellStarted, Document, LogLine, PhaseMark
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
logs: {app: "{logs}/app.log"}
""",
    "filebeat.yml": "filebeat.inputs: [{type: log, paths: [/var/log/s/*.log]}]\noutput.elasticsearch: {hosts: [e]}\n",
    "story.yaml": """\
harness: scenario/1
story: It runs.
phases:
  - {name: all, lasts: 1m}
expect:
  - log app: {fields: [id], where: {status: 200, ok: true}, at: lines}
  - log app: {fields: [id], where: {status: 200}, at: documents}
thresholds:
  - log app count < 2 during all
""",
}
CONTRACT = """\
harness: contract/1
service: s
artefacts: {filebeat: filebeat.yml}
logs:
  other_fields: forbidden
  joined_by: id
  event_time: time
  identity: [id]
  derived: {took_s: [took], class: {from: took, bands: {long: 10, short: null}}}
  streams:
    app:
      FORMAT
      fields: {time: "timestamp?", status: "integer?", took: "number?", ok: "boolean?", level: "string?", id: "string?"}
      events: {begun: {fields: {size: {one_of: [1, 2]}}, optional: true}}
      event_at: msg
"""


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], dict[str, Clause]]:
    """Clauses of a contract whose stream has a format, by their plane, name and promise."""

    def compiled(written: str) -> dict[str, Clause]:
        for name, text in (FILES | {"contract.yaml": CONTRACT.replace("FORMAT", written)}).items():
            (tmp_path / name).write_text(text)
        return {clause.id: clause for clause in compile_campaign(load_campaign([tmp_path]))}

    return compiled


ALLOWED = "format: logfmt\n      other_lines: allowed"
ENVELOPE = "campaign::logs::app::envelope"


def line(text: str, n: int = 1, written: str = "format: logfmt") -> LogLine:
    fields = parser_of("json" if "json" in written else "logfmt", None)(text.encode())
    return LogLine("story", T + 1, "app", "s-0", "app.log", n, fields, text)


def judge(clause: Clause, *records: Any) -> Any:
    frame = [
        CellStarted("story", T, 1.0, 1.0, 1.0, ("s-0",)),
        PhaseMark("story", T, "all", "start"),
        PhaseMark("story", T + 60, "all", "end"),
        CellFinished("story", T + 60, completed=True),
    ]
    return clause.judge(Evidence([*frame, *records], planned=("story",)))


RULES = {
    "t": FieldRule(type="timestamp", optional=True),
    "e": FieldRule(type="epoch", optional=True),
    "i": FieldRule(type="integer", optional=True),
    "n": FieldRule(type="number", optional=True),
    "b": FieldRule(type="boolean", optional=True),
    "s": FieldRule(type="string", optional=True),
    "any": FieldRule(pattern="[0-9]+", optional=True),
    "one": FieldRule(one_of=[1, True, "x"], optional=True),
    "both": FieldRule(type="integer", one_of=[1, 2], pattern="[1-9]", optional=True),
}


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"t": "2026-01-01T00:00:00Z"}, {"t": "yesterday"}),
        ({"e": "1796072400.123"}, {"e": "1796072400x"}),
        ({"i": "-12"}, {"i": "1.0"}),
        ({"i": "007"}, {"i": ""}),
        ({"n": "1e-3"}, {"n": "1ms"}),
        ({"n": ".5"}, {"n": "nan"}),
        ({"b": "true"}, {"b": "yes"}),
        ({"s": "12"}, {"b": "1"}),
        ({"any": "12"}, {"any": "a"}),
        ({"one": "1"}, {"one": "2"}),
        ({"one": "true"}, {"one": "True"}),
        ({"one": "x"}, {"one": "xx"}),
        ({"both": "2"}, {"both": "3"}),
    ],
)
def test_a_text_is_of_the_type_that_it_reads_as(good: dict[str, str], bad: dict[str, str]) -> None:
    """The quick test and the one that gives reasons are of one mind; where values have types, text is text."""
    validator = Validator(RULES, text=True)
    assert validator.fits(good)
    assert list(broken_fields(good, RULES, text=True)) == []
    assert not validator.fits(bad)
    assert len(list(broken_fields(bad, RULES, text=True))) == 1
    assert Validator(RULES).fits(good) == (not list(broken_fields(good, RULES)))
    assert not Validator(RULES).fits({"i": "12"})


GOOD = "time=2027-01-15T08:00:01Z level=info msg=ready status=200 took=1.5 ok id=a"


def test_lines_of_logfmt_are_judged_by_their_fields(table: Any) -> None:
    clauses = table("format: logfmt")
    assert clauses[ENVELOPE].statement == "every line of app is logfmt with the declared envelope"
    assert judge(clauses[ENVELOPE], line(GOOD)).verdict == "held"
    found = judge(clauses[ENVELOPE], line(GOOD), line("msg=x status=OK", 2))
    assert found.message == "app.log:2: status is 'OK', not of type integer"
    found = judge(clauses[ENVELOPE], line("Server started", 3))
    assert (found.verdict, found.message) == ("violated", "app.log:3 is not logfmt")
    event = clauses["campaign::logs::app.begun::fields"]
    assert judge(event, line("msg=begun size=2")).verdict == "held"
    assert judge(event, line("msg=begun size=3")).message == "app.log:1: size is '3', not one of 1, 2"
    others = clauses["campaign::logs::app::no_others"]
    assert judge(others, line(GOOD + " msg=x")).verdict == "violated"  # msg itself is not declared
    assert "campaign::logs::all::one_type" not in clauses
    assert "campaign::logs::all::one_type" in table("format: json")


def test_json_lines_are_refused_or_allowed_alike(table: Any) -> None:
    banner = line("Server started", 1, "json")
    assert judge(table("format: json")[ENVELOPE], banner).message == "app.log:1 is not a JSON object"
    clause = table("format: json\n      other_lines: allowed")[ENVELOPE]
    assert clause.statement == "every line of app that is a JSON object has the declared envelope"
    assert judge(clause, banner, line('{"status": 1}', 2, "json")).message == "1 lines as declared, 1 other lines"
    assert judge(clause, banner, line('{"status": "1"}', 2, "json")).verdict == "violated"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("\tat a.B.c(B.java:1)", "record_begins"),
        ("java.lang.IllegalStateException: no", "record_begins"),
        ('{"msg": "d\ufffdne"}', "no UTF-8"),
        ("Server started", ""),
    ],
)
def test_a_line_out_of_the_format_says_what_is_mostly_the_matter(table: Any, text: str, hint: str) -> None:
    records = [CellStarted("story", T, 1, 1, 1, ("s-0",)), LogLine("story", T + 1, "app", "s-0", "a", 1, None, text)]
    found = table("format: json")[ENVELOPE].judge(Evidence(records, ("story",)))
    assert found.verdict == "violated"
    assert found.details[0] == text
    assert (hint in found.details[-1]) if hint else len(found.details) == 1


def test_other_lines_are_counted_and_violate_nothing(table: Any) -> None:
    clauses = table(ALLOWED)
    banner, trace = line("Server started"), line("\tat a.B(C.java:1)", 2)
    found = judge(clauses[ENVELOPE], banner, trace, line(GOOD, 3))
    assert (found.verdict, found.message) == ("held", "1 lines as declared, 2 other lines")
    assert judge(clauses[ENVELOPE], banner, line("status=x", 2)).verdict == "violated"
    assert judge(clauses["campaign::logs::app.begun::fields"], banner, line(GOOD)).verdict == "held"


@pytest.mark.parametrize("promise", ["app::envelope", "app.begun::fields", "app::no_others", "app::joins"])
def test_a_stream_without_a_line_in_its_format_proves_nothing(table: Any, promise: str) -> None:
    found = judge(table(ALLOWED)[f"campaign::logs::{promise}"], line("Server started"), line("ready", 2))
    assert found.verdict == "open"
    if promise == "app::envelope":
        assert found.message == "none of the 2 lines of app is logfmt"


def clause_of(clauses: dict[str, Clause], *words: str) -> Clause:
    return next(clause for clause in clauses.values() if all(word in clause.statement for word in words))


def test_what_a_story_expects_is_found_in_text(table: Any) -> None:
    clauses = table("format: logfmt")
    carries = clause_of(clauses, "carries id", "as lines")
    assert judge(carries, line(GOOD)).verdict == "held"
    assert judge(carries, line("msg=x status=200 ok=true")).verdict == "violated"
    assert judge(carries, line("msg=x status=200 ok=false")).verdict == "open"
    stored = clause_of(clauses, "carries id", "as documents")
    for status in (200, "200"):
        assert judge(stored, Document("story", T, "i", "d", "app", {"status": status})).verdict == "violated"
    assert judge(stored, Document("story", T, "i", "d", "app", {"status": 500})).verdict == "open"


def test_a_threshold_counts_lines_in_the_format_where_others_are_allowed(table: Any) -> None:
    lines = [line(GOOD), line("Server started", 2), line("ready", 3)]
    for written, verdict in (("format: logfmt", "violated"), (ALLOWED, "held")):
        clause = next(c for c in table(written).values() if c.plane == "load" and "log app" in c.statement)
        assert judge(clause, *lines).verdict == verdict
        assert judge(clause, *lines[1:]).verdict == ("violated" if written != ALLOWED else "open")


def test_derived_fields_are_compared_by_what_they_say(table: Any) -> None:
    clause = table("format: logfmt")["story::logs::app::derived"]
    for took, kind, verdict in ((1.5, "short", "held"), ("1.5", "short", "held"), (1.6, "short", "violated")):
        document = Document("story", T, "i", "d", "app", {"id": "a", "took_s": took, "class": kind})
        assert judge(clause, line(GOOD), document).verdict == verdict
    rule = Derived.model_validate({"from": "n", "bands": {"long": 10, "short": None}})
    assert derive(rule, {"n": "11"}, text=True) == "long"
    assert derive(rule, {"n": "11"}) != "long"
    assert derive(rule, {"n": "x"}, text=True) != "short"


def test_a_document_of_another_line_has_no_time_to_keep(table: Any) -> None:
    kept = {"time": "2027-01-15T08:00:01Z", "@timestamp": "2027-01-15T08:00:01Z"}
    documents = [Document("story", T, "i", "d1", "app", kept), Document("story", T, "i", "d2", "app", {"message": "x"})]
    name = "story::logs::app::keeps_time"
    assert judge(table("format: logfmt")[name], *documents).verdict == "violated"
    assert judge(table(ALLOWED)[name], *documents).verdict == "held"
    assert judge(table(ALLOWED)[name], documents[1]).verdict == "open"


def test_text_has_the_fields_that_its_pattern_names() -> None:
    parse = parser_of("text", r"(?P<host>\S+) (?P<code>[0-9]{3})(?: (?P<rest>.*))?")
    assert parse(b"h 200") == {"host": "h", "code": "200"}
    assert parse(b"h 200 x\xff") == {"host": "h", "code": "200", "rest": "x\ufffd"}
    assert parse(b"h 20") is None
    assert parser_of("text", ".*")(b"anything") == {}


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("format: text", "format: text and pattern belong together"),
        ("format: logfmt\n      pattern: x", "format: text and pattern belong together"),
        ("format: text\n      pattern: (", "not a regular expression"),
        ("format: xml", "json"),
        ("other_lines: perhaps", "allowed"),
    ],
)
def test_a_format_that_cannot_be_read_is_refused(table: Any, written: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        table(written)
    assert problem in str(caught.value)
    assert "contract.yaml:" in str(caught.value)


def test_a_text_is_never_an_object() -> None:
    with pytest.raises(ValueError, match="'a' cannot be an object or an array: values of logfmt lines are text"):
        LogStream.model_validate({"format": "logfmt", "events": {"x": {"fields": {"a": "object"}}}})
