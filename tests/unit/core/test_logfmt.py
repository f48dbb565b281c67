"""Lines of ``key=value`` pairs: what go-logfmt reads is read, what it refuses is refused."""

import re

import pytest

from harness.core.logfmt import parse_logfmt


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        # the example of kr/logfmt
        (
            'foo=bar a=14 baz="hello kitty" cool%story=bro f %^asdf',
            {"foo": "bar", "a": "14", "baz": "hello kitty", "cool%story": "bro", "f": "true", "%^asdf": "true"},
        ),
        ("a=", {"a": ""}),
        ('a=""', {"a": ""}),
        ("a= b=1", {"a": "", "b": "1"}),
        ("  a=1\tb=2 \r", {"a": "1", "b": "2"}),
        ('a="1"b=2', {"a": "1", "b": "2"}),
        (r'a="say \"no\" \\ \/ \' \t\n\r\b\f"', {"a": 'say "no" \\ / \' \t\n\r\b\f'}),
        (r'a="\u00e9\ud83d\ude00"', {"a": "é😀"}),
        (r'a="\ud83d"', {"a": "\ufffd"}),
        ('a="x=1 y"', {"a": "x=1 y"}),
        ("a=é", {"a": "é"}),
        ("a={x:1} b=[1]", {"a": "{x:1}", "b": "[1]"}),
        ("error.name=x", {"error.name": "x"}),
        ("a=1 a=2", {"a": "2"}),
        (r"path=C:\x", {"path": r"C:\x"}),
    ],
)
def test_a_line_becomes_fields(line: str, fields: dict[str, str]) -> None:
    assert parse_logfmt(line.encode()) == fields


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "=",
        "=a",
        'a"b=1',
        '"a"=1',
        "a=b=c",
        'a=b"c',
        'a="b',
        'a="b\\"',
        r'a="\x41"',
        r'a="\u12"',
        "a=1 =2",
        'a=1 "b"',
        # sentences and traces, which are keys alone, or begin with one
        "Starting server now",
        "listening on port=8080",
        "\tat com.foo.Bar(Bar.java:10)",
        '{"a": "b=1"}',
        "[1]",
    ],
)
def test_what_is_no_logfmt_is_told(line: str) -> None:
    assert parse_logfmt(line.encode()) is None


def test_bytes_that_are_no_text_stand_in_values_alone() -> None:
    assert parse_logfmt(b"a=\xff") == {"a": "\ufffd"}
    assert parse_logfmt(b"\xff=a") is None


def test_long_lines_that_are_nearly_logfmt_are_refused_at_once() -> None:
    """Possessive quantifiers: nothing is tried twice, or this test would not end."""
    for line in (b"a=" + b"x" * 200_000 + b'"', b'a="' + b"\\\\" * 200_000, b"a=1 " + b"k" * 200_000 + b'"'):
        assert parse_logfmt(line) is None
    assert re.fullmatch(r"x*", parse_logfmt(b"a=" + b"x" * 200_000)["a"])  # type: ignore[index]
