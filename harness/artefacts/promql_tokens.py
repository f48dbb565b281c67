"""Where the words of a PromQL text stand: calls, durations and modifiers by character offset.

The parser library gives a typed tree without positions. This lexer gives positions without meaning;
``promql`` asks the tree what a text means and this module where to point, or where to splice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.core.units import parse_duration

__all__ = [
    "CallSpan",
    "DurationSpan",
    "calls",
    "double_quoted",
    "durations",
    "first_unbalanced",
    "first_word",
    "last_argument",
    "word_before",
]

_DURATION = r"(?:(?:\d+(?:ms|[smhdwy]))+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)"
_TOKEN = re.compile(
    rf"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<offset>(?i:\boffset)(?:\s+|(?=-))-?\s*(?P<by>{_DURATION}))
    |(?P<brackets>\[\s*(?P<range>{_DURATION})\s*(?P<colon>:\s*(?P<step>{_DURATION})?\s*)?\])
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*(?::[A-Za-z0-9_:]+)*)
    |(?P<number>\d[\w.]*)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_OPENING = frozenset(_PAIRS.values())


@dataclass(frozen=True, slots=True)
class DurationSpan:
    """A duration written in the text: its characters, its length in seconds, and its role."""

    start: int
    end: int
    text: str
    seconds: float
    role: str  # "range", "step" or "offset"


@dataclass(frozen=True, slots=True)
class CallSpan:
    """``name(…)`` in the text, from the first letter of the name to behind the closing bracket."""

    name: str
    start: int
    end: int


def durations(text: str) -> tuple[DurationSpan, ...]:
    """Every range, subquery step and offset of ``text``, in the order written."""
    found = []
    for token in _tokens(text):
        for group, role in (("range", "range"), ("step", "step"), ("by", "offset")):
            if token[group] is not None:
                found.append(DurationSpan(*token.span(group), token[group], _seconds(token[group]), role))
    return tuple(found)


def calls(text: str) -> tuple[CallSpan, ...]:
    """Every word followed by a bracketed part, outermost first where they nest; ``text`` must be balanced."""
    open_brackets: list[tuple[str, int] | None] = []
    previous: re.Match[str] | None = None
    found: list[CallSpan] = []
    for token in _tokens(text):
        if token["mark"] == "(":
            named = previous is not None and previous["word"] is not None
            open_brackets.append((previous["word"], previous.start()) if named and previous else None)
        elif token["mark"] == ")" and open_brackets:
            opened = open_brackets.pop()
            if opened:
                found.append(CallSpan(opened[0], opened[1], token.end()))
        previous = token
    return tuple(sorted(found, key=lambda call: (call.start, -call.end)))


def last_argument(text: str, call: CallSpan) -> tuple[int, int]:
    """Offsets of the first and behind the last character of what is behind the last comma of ``call``."""
    depth, begin, end = 0, call.start, call.end
    fresh = False
    for token in _tokens(text[call.start : call.end - 1]):
        mark = token["mark"] or ""
        depth += (mark in _OPENING) - (mark in _PAIRS)
        if fresh:
            begin, fresh = call.start + token.start(), False
        if depth == 1 and mark in {",", "("}:
            fresh = True
        end = call.start + token.end()
    return begin, end


def word_before(text: str, offset: int) -> str:
    """The word right before ``offset``, in lower case; empty where something else stands there."""
    last: re.Match[str] | None = None
    for token in _tokens(text):
        if token.start() >= offset:
            break
        last = token
    return (last["word"] or "").lower() if last else ""


def first_word(text: str, word: str) -> int:
    """Offset of the first occurrence of ``word`` as a word of its own, 0 where there is none."""
    return next((token.start() for token in _tokens(text) if token["word"] == word), 0)


def first_unbalanced(text: str) -> int | None:
    """Offset of the first bracket without a partner, ``None`` where all brackets pair up."""
    open_marks: list[tuple[str, int]] = []
    for token in _tokens(text):
        mark = token["mark"] or ""
        if mark and mark in "([{":
            open_marks.append((mark, token.start()))
        elif mark in _PAIRS:
            if not open_marks or open_marks[-1][0] != _PAIRS[mark]:
                return open_marks[-1][1] if open_marks else token.start()
            open_marks.pop()
    return open_marks[-1][1] if open_marks else None


def double_quoted(text: str) -> str:
    """``text`` with raw strings in backticks rewritten as double-quoted ones, which the parser understands."""
    return "".join(_requoted(token) for token in _TOKEN.finditer(text)) if "`" in text else text


def _requoted(token: re.Match[str]) -> str:
    if token["string"] is None or not token["string"].startswith("`"):
        return token[0]
    escaped = token[0][1:-1].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _tokens(text: str) -> Iterator[re.Match[str]]:
    return (token for token in _TOKEN.finditer(text) if token["space"] is None)


def _seconds(text: str) -> float:
    return float(text) if text[-1].isdigit() or text[-1] == "." else parse_duration(text)
