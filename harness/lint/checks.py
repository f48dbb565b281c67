"""All checks, what they find in the files of a campaign, and what was allowed there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from harness.core.errors import Location
from harness.lint import conditions, nothing, routes, texts, times
from harness.lint.model import Check, Files, Finding, Told

__all__ = ["CHECKS", "findings"]

CHECKS: Final[Sequence[Check]] = (*conditions.CHECKS, *nothing.CHECKS, *texts.CHECKS, *times.CHECKS, *routes.CHECKS)
_ALLOWED: Final = re.compile(r"#\s*harness:\s*allow\s+([a-z-]+(?:\s*,\s*[a-z-]+)*)\s*:\s*\S")


def findings(files: Files, written: Mapping[str, str]) -> tuple[Finding, ...]:
    """What all checks find, sorted by place, each once.

    ``written`` holds the text of each file by its name: a comment ``# harness: allow CODE: REASON`` on the line of a
    finding, on the line where its rule begins, or right above either, takes it back.
    """
    lines = {file: text.splitlines() for file, text in written.items()}
    found = {
        _finding(check, told): None
        for check in CHECKS
        for told in check.look(files)
        if not _is_allowed(check, told, lines)
    }
    return tuple(sorted(found))


def _finding(check: Check, told: Told) -> Finding:
    return Finding(told.location, check.code, told.problem, told.remedy)


def _is_allowed(check: Check, told: Told, lines: Mapping[str, Sequence[str]]) -> bool:
    places = [place for place in (told.location, told.about) if place is not None]
    return any(check.code in codes for place in places for codes in _allowed(place, lines.get(place.file, ())))


def _allowed(place: Location, lines: Sequence[str]) -> Iterator[set[str]]:
    """Codes that comments on the line of ``place``, and on the comment lines right above it, allow."""
    number = place.line - 1
    if not 0 <= number < len(lines):
        return
    above = number - 1
    yield from _codes(lines[number])
    while above >= 0 and lines[above].lstrip().startswith("#"):
        yield from _codes(lines[above])
        above -= 1


def _codes(line: str) -> Iterator[set[str]]:
    if found := _ALLOWED.search(line):
        yield {code.strip() for code in found[1].split(",")}
