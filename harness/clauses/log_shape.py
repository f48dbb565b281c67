"""Logs plane, all streams together: no field that nobody declared, one type for each path, ids that were asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from harness.clauses.model import Judge, Judgement, held, still_open, violated
from harness.clauses.validation import Known, Shapes, kind_of
from harness.clauses.values import ABSENT, at_path
from harness.contract.planes import Logs, LogStream
from harness.evidence.records import LogLine, Request
from harness.evidence.store import Evidence

__all__ = ["judge_joins", "judge_no_others", "judge_one_type", "lines_of"]


def lines_of(evidence: Evidence, stream: str) -> Iterator[LogLine]:
    """Lines of a stream in every story."""
    for cell in evidence.cells():
        yield from (line for line in evidence.of(LogLine, cell) if line.stream == stream)


def judge_no_others(plane: Logs, name: str, stream: LogStream) -> Judge:
    """Every field of a line is declared: for every line, for the stream, or for its event.

    Where a stream allows no other events, their lines are another clause's to tell: one mistake is told once.
    """
    closed = bool(stream.events) and stream.other_events == "forbidden"
    base = {**plane.envelope, **stream.fields}
    known = {event: Known({**base, **rule.fields}) for event, rule in stream.events.items()}
    otherwise = Known(base)

    def judge(evidence: Evidence) -> Judgement:
        seen, shapes = 0, defaultdict[object, Shapes](Shapes)
        for line in lines_of(evidence, name):
            if line.fields is None:
                continue
            seen += 1
            event = at_path(line.fields, stream.event_at) if known else None
            event = event if isinstance(event, str) and event in known else None
            if closed and event is None:
                continue
            rules = otherwise if event is None else known[event]
            others = [path for path, value in shapes[event].news(line.fields) if not rules.covers(path, value)]
            if others:
                return violated(f"{line.file}:{line.number}: nobody declared {', '.join(others[:5])}", at=line.t)
        if seen and evidence.all_completed():
            return held(f"{seen} lines hold declared fields alone")
        return still_open("no line was read" if not seen else "the stories are not over")

    return judge


def judge_one_type(streams: Sequence[str]) -> Judge:
    """A path has one type wherever it occurs: an index refuses the second one."""

    def judge(evidence: Evidence) -> Judgement:
        first: dict[str, tuple[str, str]] = {}
        seen, shapes = 0, Shapes()
        for stream in streams:
            for line in lines_of(evidence, stream):
                seen += line.fields is not None
                for path, value in shapes.news(line.fields or {}):
                    kind = kind_of(value)
                    before = first.get(path)
                    if before is None:
                        if kind:
                            first[path] = kind, f"{line.file}:{line.number}"
                    elif kind and before[0] != kind:
                        where = f"{line.file}:{line.number}"
                        return violated(f"{path} is {before[0]} in {before[1]}, but {kind} in {where}", at=line.t)
        if seen and evidence.all_completed():
            return held(f"{len(first)} paths in {seen} lines")
        return still_open("no line was read" if not seen else "the stories are not over")

    return judge


def judge_joins(name: str, joined_by: str) -> Judge:
    """An id of a request in a line is one that the generator sent or was told: no line is written for nobody."""

    def judge(evidence: Evidence) -> Judgement:
        joined = 0
        for cell in evidence.cells():
            if not evidence.completed(cell):
                continue
            known = {request.request_id for request in evidence.of(Request, cell)}
            for line in evidence.of(LogLine, cell):
                found = at_path(line.fields or {}, joined_by) if line.stream == name else ABSENT
                if found is ABSENT:
                    continue
                joined += 1
                if found not in known:
                    return _stranger(line, joined_by, found)
        if joined and evidence.all_completed():
            return held(f"{joined} lines belong to requests of the ledger")
        return still_open(f"no line of {name} held {joined_by}" if not joined else "the stories are not over")

    return judge


def _stranger(line: LogLine, joined_by: str, found: Any) -> Judgement:
    shown = str(found)[:40]
    return violated(f"{line.file}:{line.number}: {joined_by} {shown!r} was sent by nobody", hop="log", at=line.t)
