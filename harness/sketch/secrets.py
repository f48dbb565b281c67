"""Which words of a command are secrets: by the name they stand under, and by the form of their values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final

__all__ = ["Doubt", "Judged", "doubt_of", "judge_words"]


class Doubt(IntEnum):
    """How sure it is that a text is a secret."""

    NONE = 0
    PERHAPS = 1
    SURE = 2


@dataclass(frozen=True, slots=True)
class Judged:
    """A word that is, or may be, a secret. ``shown`` is what may be told of it: the name it stands under, if any."""

    shown: str
    doubt: Doubt


_NAMED: Final = re.compile(r"(?i)token|secret|passw|api[-_]?key|credential|private[-_]?key")
_ELSEWHERE: Final = re.compile(r"(?i)[-_.](file|path|dir)$")
"""An option that says where a secret lies."""
_AUTH: Final = re.compile(
    r"(?i)^(-u|-{0,2}([\w.-]*[-_.])?(auth|basic|login|user|userpass|authorization|authentication))$"
)
_PAIR: Final = re.compile(r"[^\s:/@]+:[^\s:/]+")
_NUMBERS: Final = re.compile(r"[^:]*:\d+")
"""A host with its port, or a user with its group."""
_IN_URL: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_KNOWN: Final = re.compile(
    r"\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-[\w-]{16}|AKIA[0-9A-Z]{12}|AIza[\w-]{20}|eyJ[\w-]{10,}\.)"
    r"|-----BEGIN|(?i:\b(bearer|basic)\s+[\w+/=.~-]{6})"
)
"""Tokens that say by their first letters what they are."""
_RUN: Final = re.compile(r"[A-Za-z0-9]{12,}")
_LONG: Final = 20
_MIXED: Final = 0.3
"""How often letters, capitals and digits follow each other, at least: in names that people made up it is rarer."""
_NUMBERS_WITHIN: Final = 3
"""So many numbers in one word are as good a sign."""
_PLACE: Final = re.compile(r"(\w+:/{2,3})?(/|\./|\.\./|~)")
_REFERENCE: Final = re.compile(r"\$(\w+|\{\w+\})")


def doubt_of(name: str, value: str) -> Doubt:
    """Whether ``value`` is a secret where it stands under ``name`` (an option, a variable, or nothing)."""
    if not value or _REFERENCE.fullmatch(value):
        return Doubt.NONE
    if _IN_URL.search(value) or _KNOWN.search(value):
        return Doubt.SURE
    if _NAMED.search(name) and not _ELSEWHERE.search(name):
        return Doubt.SURE
    if _PAIR.fullmatch(value) and not _NUMBERS.fullmatch(value):
        return Doubt.SURE if _AUTH.search(name) else Doubt.PERHAPS
    return Doubt.NONE if _PLACE.match(value) else _by_letters(value)


def _by_letters(value: str) -> Doubt:
    runs = [run for run in _RUN.findall(value) if _is_random(run)]
    if not runs:
        return Doubt.NONE
    return Doubt.SURE if max(map(len, runs)) >= _LONG else Doubt.PERHAPS


def _is_random(run: str) -> bool:
    kinds = ["digit" if sign.isdigit() else "capital" if sign.isupper() else "letter" for sign in run]
    changes = sum(one != other for one, other in pairwise(kinds))
    if not 1 < kinds.count("digit") < len(run) - 1:
        return False
    return changes >= _MIXED * (len(run) - 1) or len(re.findall(r"\d+", run)) >= _NUMBERS_WITHIN


def judge_words(words: Sequence[str]) -> Iterator[Judged]:
    """The secrets, and what may be one, among the arguments of a command; a text for a shell is read as its words."""
    name = ""
    for word in words:
        option, value = _assigned(word)
        shown = f"{option}=…" if option else f"{name} …" if name else ""
        doubt = doubt_of(option or name, value)
        inner = () if doubt is Doubt.SURE else _split(value)
        if inner:
            yield from judge_words(inner)
        elif doubt:
            yield Judged(shown, doubt)
        name = word if word.startswith("-") and not option else ""


def _assigned(word: str) -> tuple[str, str]:
    """What stands before and behind an equals sign; the sign in an address or in a text is another."""
    option, equals, value = word.partition("=")
    return (option, value) if equals and re.fullmatch(r"[\w.-]+", option) else ("", word)


def _split(text: str) -> Sequence[str]:
    """The words of a shell's text; none where it is no such text, or a single word."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return words if len(words) > 1 else ()
