"""Values of labels that matchers accept, regular expressions included, so that series can be made that pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import Final

from harness.artefacts.promql import Matcher

__all__ = ["asked_for", "texts_of"]

_MOST: Final = 12
"""Texts that are kept at every step: alternatives of alternatives would be thousands."""
_ANY: Final = ("0", "a", "b", "c")
_OF_CLASS: Final = "0abcdAxyz123456789B-_./: @"
_TOKEN: Final = re.compile(
    r"(?P<end>\\[zA]|\\b|\^|\$)|(?P<quoted>\\Q.*?(?:\\E|$))|(?P<set>\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\\[dDwWsS]|\.)"
    r"|(?P<open>\((?:\?(?:[imsU-]*:|P?<\w+>|[imsU-]+\)))?)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<times>(?:[*+?]|\{\d+(?:,\d*)?\})\??)|(?P<one>\\?.)",
    re.DOTALL,
)


def asked_for(matchers: Iterable[Matcher]) -> Iterator[str]:
    """Values that one of ``matchers`` names, or that its regular expression describes; others may refuse them."""
    for each in matchers:
        yield from texts_of(each.value) if "~" in each.operator else (each.value,)


def texts_of(pattern: str) -> tuple[str, ...]:
    """Some texts that ``pattern`` matches as a whole, the plainest first; none where it is beyond this reader."""
    try:
        matching = re.compile(pattern, re.DOTALL)
    except re.error:
        return ()
    return tuple(text for text in _alternatives(_TOKEN.finditer(pattern)) if matching.fullmatch(text))


def _alternatives(tokens: Iterator[re.Match[str]]) -> list[str]:
    """All texts of what stands up to the closing bracket, or to the end."""
    ways, parts = [], list[list[str]]()
    for token in tokens:
        kind = token.lastgroup
        if kind == "close":
            break
        if kind == "or":
            ways.append(parts)
            parts = []
        elif kind == "times" and parts:
            parts.append(_repeated(parts.pop(), token[0]))
        else:
            parts.append(_atom(token, tokens))
    return _some(text for way in _turns([_joined(each) for each in (*ways, parts)]) for text in way)


def _turns(ways: list[list[str]]) -> Iterator[list[str]]:
    """The first text of every alternative before the second of any."""
    yield [texts[0] for texts in ways if texts]
    yield [text for texts in ways for text in texts[1:]]


def _atom(token: re.Match[str], tokens: Iterator[re.Match[str]]) -> list[str]:
    text = token[0]
    match token.lastgroup:
        case "end":
            return [""]
        case "quoted":
            return [text.removeprefix(r"\Q").removesuffix(r"\E")]
        case "open":
            return [""] if text.endswith(")") else _alternatives(tokens)
        case "set":
            return list(_ANY) if text == "." else _members(text)
    return [text[1:] if len(text) > 1 else text]


def _members(text: str) -> list[str]:
    """Characters of a class: those that it writes come first."""
    written = [each for each in re.sub(r"\\.", "", text) if each not in "[]^-"]
    try:
        return _some(each for each in [*written, *_OF_CLASS] if re.fullmatch(text, each))
    except re.error:  # a POSIX class, which Python does not know
        return []


def _repeated(texts: list[str], times: str) -> list[str]:
    least = re.match(r"\{(\d+)", times)
    if least:
        return [text * int(least[1]) for text in texts]
    return texts if times.startswith("+") else _some([*texts[:2], "", *texts[2:]])


def _joined(parts: list[list[str]]) -> list[str]:
    found = [""]
    for texts in parts:
        found = _some(before + text for before, text in product(found, texts))
    return found


def _some(texts: Iterable[str]) -> list[str]:
    return list(islice(dict.fromkeys(texts), _MOST))
