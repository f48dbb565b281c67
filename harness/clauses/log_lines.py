"""Logs plane, line beside line: a counter without a gap, and fields that stand first in their order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from harness.clauses.log_documents import name_of
from harness.clauses.log_shape import lines_of
from harness.clauses.model import Judge, Judgement, held, still_open, violated
from harness.clauses.signals import event_time
from harness.clauses.values import at_path
from harness.evidence.records import ComponentState, LogLine
from harness.evidence.store import Evidence

__all__ = ["judge_begins", "judge_counts", "judge_dated"]

_AHEAD_S: Final = 2.0
"""Wall seconds by which a line may be dated later than it was read: clocks of machines differ by so much."""
_BEFORE_S: Final = 600.0
"""Wall seconds before a story in which lines may be written that are read in it: some services take long to start, and
write nothing after. The smallest difference of two zones is a quarter of an hour."""

Origin = tuple[str, tuple[str, ...]]
"""The instance that wrote a line, and the values that name its writer."""


def judge_counts(stream: str, counter: str, writer: Sequence[str]) -> Judge:
    """Numbers of one writer have no gap and none is twice, in whatever order its threads wrote them.

    ``writer`` are the fields that name it. One that is started again may count again from its first number. Only
    stories that are over are judged: a number that is missing may stand in a file that is read later.
    """

    def judge(evidence: Evidence) -> Judgement:
        seen = writers = 0
        for cell in evidence.cells():
            if not evidence.completed(cell):
                continue
            for (instance, name), counted in _numbers(evidence, cell, stream, counter, writer).items():
                problem = _broken(counted, _starts(evidence, cell, instance))
                if problem:
                    who = " ".join((instance, *name))
                    return violated(f"{stream} of {who} in {cell}: {counter} {problem}", hop="log")
                seen, writers = seen + counted.total(), writers + 1
        if seen and evidence.all_completed():
            return held(f"{seen} numbers without a gap, of {writers} writers")
        return still_open(f"no line of {stream} held a whole number in {counter}" if not seen else "stories are left")

    return judge


def _numbers(
    evidence: Evidence, cell: str, stream: str, counter: str, writer: Sequence[str]
) -> dict[Origin, Counter[int]]:
    found: dict[Origin, Counter[int]] = {}
    for line in evidence.of(LogLine, cell):
        number = _whole(at_path(line.fields or {}, counter)) if line.stream == stream else None
        if number is not None:
            found.setdefault((line.instance, name_of(line.fields or {}, writer)), Counter())[number] += 1
    return found


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _broken(counted: Counter[int], starts: int) -> str:
    """What is wrong with the numbers of one writer that was started so many times; empty where nothing is."""
    ordered = sorted(counted)
    first = ordered[0]
    if counted[first] > starts:
        times = "once" if starts == 1 else f"{starts} times"
        return f"is {first} in {counted[first]} lines, but it was started {times}"
    for before, number in pairwise(ordered):
        if number != before + 1:
            return f"goes from {before} to {number}: {number - before - 1} missing"
        if counted[number] > counted[before]:
            return f"is {number} in {counted[number]} lines, but {before} in {counted[before]}"
    return ""


def _starts(evidence: Evidence, cell: str, instance: str) -> int:
    states = evidence.of(ComponentState, cell)
    return max(1, sum(1 for state in states if state.component == instance and state.action == "ready"))


def judge_dated(stream: str, path: str) -> Judge:
    """No line is dated later than it was read, and in every story some line is dated in it.

    Hours of another zone are whole quarters of an hour away from the true ones, whatever zone they claim to be of.
    """

    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for cell in evidence.cells():
            newest, last = -math.inf, None
            for line in evidence.of(LogLine, cell):
                t = event_time(line.fields or {}, path) if line.stream == stream else None
                if t is None:
                    continue
                seen += 1
                if t > line.t + _AHEAD_S:
                    return _misdated(line, path, f"{t - line.t:.0f} s after it was read")
                newest, last = (t, line) if t > newest else (newest, last)
            start = evidence.started(cell)
            if last is not None and start is not None and evidence.completed(cell) and newest < start.t - _BEFORE_S:
                return _misdated(last, path, f"{start.t - newest:.0f} s before its story began, and none is later")
        if seen and evidence.all_completed():
            return held(f"{seen} lines are dated when they were written")
        return still_open(f"no line of {stream} held a time in {path}" if not seen else "the stories are not over")

    return judge


def _misdated(line: LogLine, path: str, when: str) -> Judgement:
    said = at_path(line.fields or {}, path)
    return violated(f"{line.file}:{line.number} is dated {said} in {path}, {when}", hop="log", at=line.t)


def judge_begins(stream: str, fields: Sequence[str]) -> Judge:
    """Every line begins with the fields, in their order."""
    wanted = list(fields)

    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for line in lines_of(evidence, stream):
            if line.fields is None:
                continue
            seen += 1
            begins = list(_first(line.fields, len(wanted)))
            if begins != wanted:
                return violated(f"{line.file}:{line.number} begins with {', '.join(begins)}", at=line.t)
        if seen and evidence.all_completed():
            return held(f"{seen} lines begin with {', '.join(wanted)}")
        return still_open("no line was read" if not seen else "the stories are not over")

    return judge


def _first(fields: object, count: int) -> Iterator[str]:
    assert isinstance(fields, dict)
    yield from (name for name, _ in zip(fields, range(count), strict=False))
