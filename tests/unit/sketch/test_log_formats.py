"""Logs as they are met in the wild: what init makes of their lines, which a gate then holds every line against."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.contract.line_formats import parser_of
from harness.core.errors import ConfigError
from harness.sketch.log_lines import Stream, read_stream

TRACE = "java.lang.IllegalStateException: boom\n\tat c.e.Shop.buy(Shop.java:12)\n\nCaused by: java.io.IOException: no\n"
JSON = '{"time": "2026-11-30T21:00:00Z", "msg": "x"}'


def read(tmp_path: Path, text: str | bytes) -> Stream:
    path = tmp_path / "a.log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_stream(path, "a.log")


TIMED, DATED = {"time": "timestamp", "msg": "string"}, {"time": "string", "msg": "string"}
LEVEL = {"level": "string"}


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('127.0.0.1 - - [30/Nov/2026:21:00:00 +0000] "GET /x HTTP/1.1" 200 7 "-" "curl"', DATED),
        ("2026/11/30 21:00:00 [error] 31#31: *1 connect() failed", DATED),
        ("[Mon Nov 30 21:00:00.123456 2026] [proxy:error] [pid 12] no", DATED),
        ('<165>1 2026-11-30T21:00:00.003Z host app 111 ID47 [ex@32473 a="3"] said', TIMED),
        ("<34>Nov 30 21:00:00 host su[12]: failed", DATED),
        ('I1130 21:00:00.123456   12345 server.go:7] "Handled" code=200', DATED),
        ('2026-11-30T21:00:00.1Z\tINFO\ta/b.go:1\tsaid\t{"n": 1}', TIMED | LEVEL),
        ("21:00:00.123 [main] INFO  c.e.Shop - said", DATED | LEVEL),
        ("2026-11-30T21:00:00.123456789Z stdout F said", TIMED),
        ('[2026-11-30T21:00:00.123Z] "GET / HTTP/1.1" 200', TIMED),
        ('[GIN] 2026/11/30 - 21:00:00 | 200 | 12.3us | 127.0.0.1 | GET "/x"', DATED),
        ("12:M 30 Nov 2026 21:00:00.123 * Ready", DATED),
        ("\x1b[2m2026-11-30T21:00:00.123Z\x1b[0m \x1b[32m INFO\x1b[0m said", TIMED | LEVEL),
        ('INFO:     127.0.0.1:5 - "GET /x HTTP/1.1" 200 OK', LEVEL | {"msg": "string"}),
        ("INFO 11-30 21:00:00 [engine.py:12] said", LEVEL | {"msg": "string"}),
        ("[WARN] said", LEVEL | {"msg": "string"}),
        ("info: said", LEVEL | {"msg": "string"}),
    ],
)
def test_text_is_taken_apart_where_it_begins_in_a_known_way(tmp_path: Path, line: str, fields: dict[str, str]) -> None:
    found = read(tmp_path, f"{line}\n" * 3)
    assert (found.format, found.fields, found.others, found.begins) == ("text", fields, 0, None)
    parsed = parser_of("text", found.pattern)(line.encode())
    assert parsed is not None
    assert parsed.keys() == fields.keys()


@pytest.mark.parametrize(
    "text",
    [
        f"2026-11-30 21:00:00,123 INFO [main] Shop - said\n2026-11-30 21:00:01,123 ERROR [main] it failed\n{TRACE}",
        f"INFO:shop:said\nERROR:shop:it failed\n{TRACE}",
        "info: Microsoft.Hosting.Lifetime[14]\n      said\nfail: Shop[0]\n      it failed\n",
    ],
)
def test_lines_that_go_on_belong_to_the_record_before_them(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert (found.lines, found.others) == (2, 0)
    assert found.begins is not None
    assert len(re.findall(f"(?m)^{found.begins}", text)) == 2


@pytest.mark.parametrize(
    ("line", "types"),
    [
        ('{"ts": 1796072400.123, "n": 1796072400}', {"ts": "epoch", "n": "integer"}),
        ('{"time": 1796072400123, "pid": 1}', {"time": "epoch", "pid": "integer"}),
        (
            '{"__REALTIME_TIMESTAMP": "1796072400123456", "_PID": "1"}',
            {"__REALTIME_TIMESTAMP": "epoch", "_PID": "string"},
        ),
        ('{"time_took": 3, "date": "Monday"}', {"time_took": "integer", "date": "string"}),
        ('{"@timestamp": 1, "log.level": "INFO", "ann.lee": 1}', {"@timestamp": "integer", "log.level": "string"}),
    ],
)
def test_names_and_numbers_of_common_schemas(tmp_path: Path, line: str, types: dict[str, str]) -> None:
    assert read(tmp_path, f"{line}\n").fields == types


def test_lines_of_any_length_and_end_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, f"{JSON}\r\n" * 2).fields == TIMED
    longest = JSON.replace('"x"', f'"{"x" * 1_200_000}"')
    assert read(tmp_path, f"{longest}\n" * 2).lines == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{JSON}\n".encode("utf-16"), "it holds NUL bytes: UTF-16"),
        (f"{JSON}\n".replace("x", "\xfc").encode("latin-1"), "it holds bytes that are no UTF-8"),
        (b'{"v": NaN}\n', "it begins like a JSON object: "),
    ],
)
def test_what_is_odd_about_lines_is_said(tmp_path: Path, text: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        read(tmp_path, text)


def test_a_sentence_that_begins_with_such_a_word_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="an instant or a level"):
        read(tmp_path, "info about nothing\nerror was made\n")
