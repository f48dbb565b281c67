"""Following files through growth, rotation, truncation and deletion: whole lines, each once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harness.contract.line_formats import parser_of
from harness.evidence.records import LogLine
from harness.run.observe import tail as module
from harness.run.observe.lines import LineSource
from harness.run.observe.tail import Tail
from harness.run.observe.targets import LogTarget


def texts(tail: Tail, **options: bool) -> list[str]:
    return [line.decode() for _, _, line in tail.read(**options)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every tail of a test is closed at its end: an open file would be a warning, hence an error."""
    made: list[Tail] = []
    before = Tail.__init__

    def init(self: Tail, pattern: str, *, from_end: bool = False) -> None:
        before(self, pattern, from_end=from_end)
        made.append(self)

    monkeypatch.setattr(Tail, "__init__", init)
    yield
    for tail in made:
        tail.close()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_from_its_end_only_what_is_written_later_counts(log: Path, tmp_path: Path) -> None:
    append(log, "one\ntwo\nthe beginning of ")
    tail = Tail(str(tmp_path / "*.log"), from_end=True)
    assert texts(tail) == []
    append(log, "a line")
    assert texts(tail) == []
    append(log, " of before\nfour\nfi")
    append(tmp_path / "later.log", "new\n")
    assert list(tail.read()) == [(str(log), 3, b"four"), (str(tmp_path / "later.log"), 1, b"new")]
    append(log, "ve\n")
    assert texts(tail) == ["five"]


def test_a_file_read_from_its_end_that_is_cut_short_is_new(log: Path) -> None:
    append(log, "one\nhalf")
    tail = Tail(str(log), from_end=True)
    log.write_text("new\n")
    assert texts(tail) == ["new"]


def test_a_file_that_comes_later_is_read_from_its_beginning(log: Path) -> None:
    tail = Tail(str(log))
    assert texts(tail) == []
    log.write_text("a\nb\n")
    assert list(tail.read()) == [(str(log), 1, b"a"), (str(log), 2, b"b")]
    assert texts(tail) == []


def test_half_a_line_waits_for_its_end(log: Path) -> None:
    tail = Tail(str(log))
    log.write_text("a\nhal")
    assert (texts(tail), tail.incomplete) == (["a"], 1)
    append(log, "f")
    assert texts(tail) == []
    append(log, "\n\nc\n")
    assert (texts(tail), tail.incomplete) == (["half", "", "c"], 0)


def test_rotation_by_rename_loses_and_doubles_nothing(log: Path) -> None:
    for pattern in (str(log), str(log) + "*"):
        tail = Tail(pattern)
        log.write_text("a\n")
        assert texts(tail) == ["a"]
        rotated = log.rename(log.parent / "app.log.1")
        append(rotated, "b\n")  # its writer has not noticed yet
        log.write_text("c\n")
        append(rotated, "d\n")
        assert sorted(tail.read()) == [(str(log), 2, b"b"), (str(log), 3, b"d"), (str(log), 4, b"c")]
        rotated.unlink()
        log.unlink()


def test_a_deleted_file_is_read_to_its_end_and_let_go(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK_BYTES", 4)
    tail = Tail(str(log))
    log.write_text("a\n")
    texts(tail)
    append(log, "b\nc\nd\ne\n")
    log.unlink()
    assert texts(tail) == ["b", "c", "d", "e"]
    assert tail._files == {}
    log.write_text("f\n")
    assert list(tail.read()) == [(str(log), 6, b"f")]


def test_truncation_in_place_begins_anew(log: Path) -> None:
    tail = Tail(str(log))
    log.write_text("a\nb\nhalf")
    texts(tail)
    os.truncate(log, 0)
    assert texts(tail) == []
    append(log, "c\n")
    assert texts(tail) == ["c"]


def test_a_backlog_comes_in_parts_unless_everything_is_wanted(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK_BYTES", 4)
    log.write_text("aa\nbb\ncc\ndd\n")
    tail = Tail(str(log))
    assert texts(tail) == ["aa"]
    assert texts(tail, everything=True) == ["bb", "cc", "dd"]


def test_a_line_without_end_is_cut_before_it_eats_the_memory(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_LINE_BYTES", 3)
    log.write_text("aaaaaa")
    assert texts(Tail(str(log))) == ["aaaaaa"]


def test_two_names_of_one_file_are_one_file(log: Path) -> None:
    log.write_text("a\n")
    os.link(log, log.parent / "app.log.same")
    tail = Tail(str(log) + "*")
    assert texts(tail) == ["a"]


def test_a_file_that_vanishes_between_finding_and_opening_is_passed_over(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(self: Path, *_: object, **__: object) -> None:
        raise FileNotFoundError(str(self))

    log.write_text("a\n")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", vanish)
        tail = Tail(str(log))
        assert texts(tail) == []
    assert texts(tail) == ["a"]


def test_a_file_that_is_replaced_between_finding_and_opening_is_opened_once(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_text("a\n")
    tail = Tail(str(log))
    assert texts(tail) == ["a"]
    stale = log.parent.stat()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", lambda self, **_: stale)
        assert texts(tail) == []
    append(log, "b\n")
    assert texts(tail) == ["b"]


def test_lines_become_records_with_fields_or_text(log: Path, hand: Any) -> None:
    log.write_bytes(b'{"a": 1}\n[1]\nplain \xff\n{"a": NaN}\n')
    source = LineSource("c", LogTarget("app", "one", str(log)), hand.wall)
    lines = [record for record in source.read(0, "finish") if isinstance(record, LogLine)]
    assert [(line.number, line.fields, line.text) for line in lines] == [
        (1, {"a": 1}, ""),
        (2, None, "[1]"),
        (3, None, "plain \ufffd"),
        (4, None, '{"a": NaN}'),
    ]
    assert (lines[0].t, lines[0].stream, lines[0].instance, lines[0].file) == (1000.0, "app", "one", str(log))
    assert source.count == 4


def test_lines_of_other_formats_keep_their_text_beside_their_fields(log: Path, hand: Any) -> None:
    """A pattern names parts of a line, and a key may stand there twice: what is searched is the line."""
    log.write_bytes(b'msg="a b" ok\nServer started\n')
    target = LogTarget("app", "one", str(log), parse=parser_of("logfmt", None))
    lines = [record for record in LineSource("c", target, hand.wall).read(0, "finish") if isinstance(record, LogLine)]
    assert [(line.fields, line.text) for line in lines] == [
        ({"msg": "a b", "ok": "true"}, 'msg="a b" ok'),
        (None, "Server started"),
    ]


def test_lines_that_are_not_to_arrive_are_not_counted_and_their_text_may_be_kept(tmp_path: Path, hand: Any) -> None:
    log = tmp_path / "app.log"
    log.write_text('{"level": "debug"}\n{"level": "info"}\n')
    target = LogTarget("app", "one", str(log), is_due=lambda line: "debug" not in line.text, keeps_text=True)
    source = LineSource("c", target, hand.wall)
    lines = [record for record in source.read(0, "poll") if isinstance(record, LogLine)]
    assert [each.text for each in lines] == ['{"level": "debug"}', '{"level": "info"}']
    assert source.count == 1
