"""Five streams: order of fields, sequence, rotation, and a disk that refuses."""

import errno
import os
import re
from pathlib import Path

import orjson
import pytest

from reference_router.logs import STREAMS, LogBook, Stream

HEAD = ["level", "time", "service", "version", "env", "hostname", "pid", "seq"]


class Failures:
    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        self.count += 1


def _book(folder: Path, failures: Failures | None = None, **changes: int) -> LogBook:
    return LogBook(
        folder,
        service="llm-router",
        version="1.0.0",
        environment="production",
        hostname='host "1"',
        max_bytes=changes.get("max_bytes", 10**6),
        backups=changes.get("backups", 2),
        on_failure=(failures or Failures()).add,
    )


def test_a_line_begins_and_ends_as_promised(tmp_path: Path) -> None:
    book = _book(tmp_path)
    book.write("application", "info", "hello", {"b": 1, "a": {"c": "ü"}}, "r-1")
    book.close()
    raw = (tmp_path / "application.log").read_bytes()
    line = orjson.loads(raw)
    assert list(line) == [*HEAD, "request_id", "b", "a", "msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert (line["hostname"], line["pid"], line["seq"]) == ('host "1"', os.getpid(), 1)
    assert raw.endswith(b"}\n")
    assert raw.count(b"\n") == 1


def test_lines_without_request_or_fields_are_whole_too(tmp_path: Path) -> None:
    book = _book(tmp_path)
    book.write("audit", "warn", "bare")
    assert list(orjson.loads((tmp_path / "audit.log").read_bytes())) == [*HEAD, "msg"]
    book.close()


def test_every_stream_has_its_file_from_the_start_and_counts_for_itself(tmp_path: Path) -> None:
    book = _book(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.log" for name in STREAMS)
    for stream in ("access", "access", "error"):
        book.write(stream, "info", "x")
    book.close()
    assert [orjson.loads(line)["seq"] for line in (tmp_path / "access.log").read_bytes().splitlines()] == [1, 2]
    assert orjson.loads((tmp_path / "error.log").read_bytes())["seq"] == 1


def test_files_rotate_by_size_and_keep_whole_lines(tmp_path: Path) -> None:
    stream = Stream(tmp_path / "a.log", max_bytes=10, backups=2)
    for index in range(9):
        stream.append(b"line%d" % index)
    stream.close()
    contents = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert contents == {"a.log": "line8\n", "a.log.1": "line7\n", "a.log.2": "line6\n"}


def test_a_line_over_the_limit_is_written_all_the_same(tmp_path: Path) -> None:
    stream = Stream(tmp_path / "a.log", max_bytes=3, backups=1)
    stream.append(b"longer than three")
    stream.close()
    assert (tmp_path / "a.log").read_text() == "longer than three\n"


def test_a_restart_appends(tmp_path: Path) -> None:
    for _ in range(2):
        stream = Stream(tmp_path / "a.log", max_bytes=100, backups=1)
        stream.append(b"x")
        stream.close()
    assert (tmp_path / "a.log").read_text() == "x\nx\n"


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(tmp_path / "a.log", max_bytes=100, backups=1)
    stream.append(b"whole")
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
        with pytest.raises(OSError, match="only 3 of 7"):
            stream.append(b"broken")
    stream.append(b"next")
    stream.close()
    assert (tmp_path / "a.log").read_text() == "whole\nnext\n"


def test_a_full_disk_costs_a_line_and_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = Failures()
    book = _book(tmp_path, failures)

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        book.write("access", "info", "lost")
    book.write("access", "info", "kept")
    book.close()
    book.write("access", "info", "after the end")
    lines = (tmp_path / "access.log").read_bytes().splitlines()
    assert [(orjson.loads(line)["seq"], orjson.loads(line)["msg"]) for line in lines] == [(2, "kept")]
    assert failures.count == 2


def test_filters_change_or_swallow_lines(tmp_path: Path) -> None:
    book = _book(tmp_path)
    book.filters.append(lambda stream, line: None if stream == "audit" else line.upper())
    book.filters.append(lambda _, line: line + b"!")
    book.write("audit", "info", "x")
    book.write("error", "info", "x")
    book.close()
    assert (tmp_path / "audit.log").read_bytes() == b""
    assert (tmp_path / "error.log").read_bytes().endswith(b'"MSG":"X"}!\n')
