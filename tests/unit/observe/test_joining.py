"""Records of several lines: stack traces after text or JSON, JSON with indents, as shippers put them together."""

from pathlib import Path
from typing import Any

import pytest

from harness.contract.planes import LogStream
from harness.core.errors import ConfigError
from harness.evidence.records import LogLine
from harness.run.observe.lines import LineSource
from harness.run.observe.targets import LogTarget

JAVA = """\
2026-01-01T00:00:00Z INFO started

2026-01-01T00:00:01Z SEVERE it broke
java.lang.IllegalStateException: no
\tat a.B.c(B.java:1)
Caused by: java.io.IOException

2026-01-01T00:00:02Z INFO next
"""
DATED = r"\d{4}-\d\d-\d\dT"
WHOLE = r"(?P<time>\S+) (?P<level>\S+) (?P<msg>.*)(?P<trace>(?s:\n.*)?)"


def read(path: Path, stream: LogStream, *texts: str) -> list[LogLine]:
    source = LineSource("c", LogTarget("s", "i", str(path), parse=stream.parse, begins=stream.begins), lambda: 1.0)
    found: list[Any] = []
    for text in texts:
        with path.open("a", newline="") as file:
            file.write(text)
        found += source.read(0.0, "poll")
    begun = source.count
    found += source.read(0.0, "finish")
    lines = [each for each in found if isinstance(each, LogLine)]
    assert begun == len(lines), "a record counts from its first line on"
    return lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def test_a_stack_trace_belongs_to_the_event_before_it(log: Path) -> None:
    stream = LogStream(format="text", pattern=WHOLE, record_begins=DATED)
    lines = read(log, stream, JAVA[:60], JAVA[60:])
    assert [(line.number, (line.fields or {})["level"]) for line in lines] == [(1, "INFO"), (3, "SEVERE"), (8, "INFO")]
    assert (lines[1].fields or {})["trace"].endswith("Caused by: java.io.IOException")
    assert (lines[0].fields or {})["trace"] == "", "blank lines at the end are nobody's"


@pytest.mark.parametrize("form", ["text", "json"])
def test_where_the_whole_is_not_in_the_format_the_first_line_tells_the_fields(log: Path, form: str) -> None:
    first = '{"level":"error"}' if form == "json" else "level=error"
    pattern = None if form == "json" else "level=(?P<level>.*)"
    stream = LogStream.model_validate({"format": form, "pattern": pattern, "record_begins": r"\{|level="})
    lines = read(log, stream, f"{first}\nTraceback (most recent call last):\n  File x\n", f"{first}\n")
    assert [(line.fields, line.text.count("\n")) for line in lines] == [
        ({"level": "error"}, 2),
        ({"level": "error"}, 0),
    ]


def test_json_with_indents_is_one_record(log: Path) -> None:
    text = '{\n  "level": "info",\n  "more": {\n  }\n}\n{\n  "level": "warn"\n}\n'
    lines = read(log, LogStream(record_begins=r"\{"), text)
    assert [line.fields for line in lines] == [{"level": "info", "more": {}}, {"level": "warn"}]


def test_what_comes_before_the_first_record_is_one_that_is_out_of_the_format(log: Path) -> None:
    lines = read(log, LogStream(record_begins=r"\{"), "  ____\n /banner\n", '{"a":1}\n')
    assert [(line.fields, line.text) for line in lines] == [(None, "  ____\n /banner"), ({"a": 1}, '{"a":1}')]


def test_carriage_returns_marks_and_blank_lines_are_nobodys(log: Path) -> None:
    lines = read(log, LogStream(format="text", pattern="(?P<all>.*)"), "\ufeffone\r\n\r\n\ntwo\r\n")
    assert [(line.number, line.fields) for line in lines] == [(1, {"all": "one"}), (4, {"all": "two"})]


def test_of_an_endless_record_the_beginning_is_kept(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.contract.joining._LONGEST_BYTES", 4)
    lines = read(log, LogStream(record_begins="a"), "a\nbb\ncc\ndd\na\n")
    assert [line.text for line in lines] == ["a\nbb\ncc", "a"]


def test_a_broken_expression_is_refused() -> None:
    with pytest.raises((ConfigError, ValueError), match="unterminated"):
        LogStream(record_begins="[")
