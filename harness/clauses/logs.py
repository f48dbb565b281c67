"""Logs plane: envelope and fields of every event, and that every line written arrives as one document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from harness.clauses.counting import demand, describe, requests_meant
from harness.clauses.model import Clause, Judge, Judgement, Need, held, inconclusive, still_open, violated
from harness.clauses.values import ABSENT, at_path, broken_fields
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectLog
from harness.contract.fields import FieldRule
from harness.contract.files import LogStream
from harness.core.errors import Location
from harness.evidence.records import CAMPAIGN, Barrier, Document, LogLine
from harness.evidence.store import Evidence

__all__ = ["compile_log_arrival", "compile_log_expectation", "compile_logs"]

Rules = Mapping[str, FieldRule]
_JOIN = "request_id"


def compile_logs(campaign: Campaign) -> Iterator[Clause]:
    """Campaign clauses on the lines of every declared stream."""
    plane = campaign.contract.logs
    if plane is None:
        return
    cells = tuple(scenario.name for scenario in campaign.scenarios)

    def clause(name: str, promise: str, statement: str, stream: str, judge: Judge, source: Location) -> Clause:
        need = (Need("lines", stream),)
        return Clause(CAMPAIGN, "logs", name, promise, source, statement, need, judge, cells)

    for name, stream in plane.streams.items():
        source = campaign.promise("logs", "streams", name)
        statement = f"every line of {name} is a JSON object with the declared envelope"
        judge = _judge_lines(name, stream, None, {**plane.envelope, **stream.fields})
        yield clause(name, "envelope", statement, name, judge, source)
        for event, rule in stream.events.items():
            where = campaign.promise("logs", "streams", name, "events", event)
            statement = f"every {event!r} in {name} carries its fields"
            judge = _judge_lines(name, stream, event, rule.fields, optional=rule.optional)
            yield clause(f"{name}.{event.replace(' ', '_')}", "fields", statement, name, judge, where)
        if stream.events and stream.other_events == "forbidden":
            statement = f"{name} holds no other event than the declared ones"
            yield clause(name, "declared", statement, name, _judge_declared(name, stream), source)


def _judge_lines(name: str, stream: LogStream, event: str | None, rules: Rules, *, optional: bool = False) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = read = 0
        for line in _lines(evidence, name):
            read += 1
            if line.fields is None:
                if event is None:
                    return violated(f"{line.file}:{line.number} is not a JSON object", line.text[:200], at=line.t)
                continue
            if event is not None and at_path(line.fields, stream.event_at) != event:
                continue
            seen += 1
            problems = tuple(broken_fields(line.fields, rules))
            if problems:
                return violated(f"{line.file}:{line.number}: {problems[0]}", *problems[1:6], at=line.t)
        if (seen or (optional and read)) and evidence.all_completed():
            return held(f"{seen} lines as declared")
        return still_open(f"{name} never held {event or 'a line'}" if not seen else "the stories are not over")

    return judge


def _judge_declared(name: str, stream: LogStream) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for line in _lines(evidence, name):
            if line.fields is None:
                continue
            seen += 1
            event = at_path(line.fields, stream.event_at)
            if not isinstance(event, str) or event not in stream.events:
                return violated(f"{line.file}:{line.number}: the event {event!r} is not declared", at=line.t)
        if seen and evidence.all_completed():
            return held(f"{seen} lines, all of declared events")
        return still_open("no line was read" if not seen else "the stories are not over")

    return judge


def _lines(evidence: Evidence, stream: str) -> Iterator[LogLine]:
    for cell in evidence.cells():
        yield from (line for line in evidence.of(LogLine, cell) if line.stream == stream)


def compile_log_arrival(campaign: Campaign, scenario: Scenario) -> Iterator[Clause]:
    """Where a pipeline is declared: lines written and documents found are the same, stream by stream.

    Only in stories that expect something of a log: shipping every story's logs would prove the same thing at a cost.
    """
    plane = campaign.contract.logs
    if plane is None or campaign.artefact("filebeat") is None:
        return
    if not any(item.subject == "log" for item in scenario.expectations):
        return
    for name in plane.streams:
        yield Clause(
            scenario.name,
            "logs",
            name,
            "arrives",
            campaign.promise("logs", "streams", name),
            f"every line of {name} is found in Elasticsearch exactly once",
            (Need("lines", name), Need("documents", name), Need("barriers", "logs")),
            _judge_arrival(scenario.name, name),
            (scenario.name,),
        )


def _judge_arrival(cell: str, stream: str) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        lines = [line for line in evidence.of(LogLine, cell) if line.stream == stream]
        documents = [document for document in evidence.of(Document, cell) if document.stream == stream]
        if not lines:
            return still_open(f"{stream} never held a line")
        counted = f"{len(lines)} lines were written, {len(documents)} documents found"
        details = [*_doubled(documents), *_unjoined(lines, documents)]
        if len(lines) == len(documents) and not details:
            return held(f"{len(lines)} lines, {len(documents)} documents")
        barrier = [item.detail for item in evidence.of(Barrier, cell) if item.plane == "logs" and item.detail]
        hop = "Filebeat" if len(documents) <= len(lines) else "Elasticsearch"
        return violated(counted, *details, *barrier, hop=hop)

    return judge


def _doubled(documents: Sequence[Document]) -> Iterator[str]:
    names = [name for name, count in Counter(doc.id for doc in documents).items() if count > 1]
    if names:
        yield f"stored more than once: {', '.join(names[:5])}"


def _unjoined(lines: Sequence[LogLine], documents: Sequence[Document]) -> Iterator[str]:
    """Where documents tell their request: one line lost and another doubled must not make up for each other."""
    found = Counter(str(at_path(doc.source, _JOIN)) for doc in documents)
    if set(found) <= {str(ABSENT)}:
        return
    written = Counter(str(at_path(line.fields or {}, _JOIN)) for line in lines)
    for what, names in (("missing", written - found), ("surplus", found - written)):
        if names:
            yield f"{what}, by {_JOIN}: {', '.join(list(names)[:5])}"


def compile_log_expectation(campaign: Campaign, scenario: Scenario, item: Expected) -> Iterator[Clause]:
    """What a story says about a stream: how many events there must be, and which fields each carries."""
    rule = item.rule
    assert isinstance(rule, ExpectLog)
    place = rule.at or ("documents" if campaign.artefact("filebeat") else "lines")
    plane = campaign.contract.logs
    assert plane is not None
    event_at = plane.streams[item.about].event_at
    clause = partial(
        Clause,
        scope=scenario.name,
        plane="logs",
        name=item.about + "".join(f"[{value}]" for value in rule.where.values()),
        source=item.source,
        cells=(scenario.name,),
    )
    narrowed = f" with {rule.where}" if rule.where else ""
    if rule.events:
        yield clause(
            promise=rule.events.replace(" ", "_"),
            statement=f"{item.about}{narrowed} holds {rule.events}, as {place}",
            needs=(Need(place, item.about), Need("ledger"), Need("barriers", "logs")),
            judge=_judge_count(scenario.name, item.about, place, rule),
        )
    if rule.fields:
        yield clause(
            promise="carries_" + "_".join(rule.fields).replace(".", "_"),
            statement=f"every entry of {item.about}{narrowed} carries {', '.join(rule.fields)}, as {place}",
            needs=(Need(place, item.about),),
            judge=_judge_carries(scenario.name, item.about, place, rule, event_at),
        )


def _entries(evidence: Evidence, cell: str, stream: str, place: str, rule: ExpectLog) -> Iterator[dict[str, Any]]:
    if place == "documents":
        found = [doc.source for doc in evidence.of(Document, cell) if doc.stream == stream]
    else:
        found = [line.fields for line in evidence.of(LogLine, cell) if line.stream == stream and line.fields]
    for fields in found:
        if all(at_path(fields, path) == value for path, value in rule.where.items()):
            yield fields


def _judge_count(cell: str, stream: str, place: str, rule: ExpectLog) -> Judge:
    wanted = demand(rule.events or "")

    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        meant = requests_meant(evidence, cell, wanted)
        if not meant:
            return inconclusive(f"the generator sent no {describe(wanted)}: nothing was compared")
        expected = Counter(request.request_id for request in meant)
        entries = list(_entries(evidence, cell, stream, place, rule))
        found = Counter(str(at_path(fields, rule.joined_by)) for fields in entries)
        missing, surplus = expected - found, found - expected
        if not missing and not surplus:
            return held(f"{len(meant)} of {describe(wanted)}, {len(entries)} {place}, joined by {rule.joined_by}")
        details = [f"missing: {', '.join(list(missing)[:5])}"] if missing else []
        details += [f"surplus: {', '.join(list(surplus)[:5])}"] if surplus else []
        message = f"{len(meant)} of {describe(wanted)}, but {len(entries)} {place} of {stream}"
        return violated(message, *details, hop=_missing_hop(evidence, cell, stream, place, missing))

    return judge


def _missing_hop(evidence: Evidence, cell: str, stream: str, place: str, missing: Counter[str]) -> str:
    if not missing or place == "lines":
        return "log"
    written = sum(1 for line in evidence.of(LogLine, cell) if line.stream == stream)
    stored = sum(1 for document in evidence.of(Document, cell) if document.stream == stream)
    return "log" if written <= stored else "Filebeat"


def _judge_carries(cell: str, stream: str, place: str, rule: ExpectLog, event_at: str) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for fields in _entries(evidence, cell, stream, place, rule):
            seen += 1
            absent = [path for path in rule.fields if at_path(fields, path) in (ABSENT, None, "")]
            if absent:
                which = at_path(fields, rule.joined_by)
                return violated(f"{at_path(fields, event_at)!r} of request {which} lacks {', '.join(absent)}")
        if seen and evidence.completed(cell):
            return held(f"all {seen} {place} carry {', '.join(rule.fields)}")
        return still_open(f"no {place} of {stream}" if not seen else "the story is not over")

    return judge
