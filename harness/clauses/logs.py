"""Logs plane: envelope and fields of every event, and that every line written arrives as one document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from harness.clauses.log_documents import judge_derived, judge_index, judge_time, unjoined
from harness.clauses.log_index import compile_index
from harness.clauses.log_lag import compile_log_lag
from harness.clauses.log_lines import judge_begins, judge_counts, judge_dated
from harness.clauses.log_shape import judge_joins, judge_no_others, judge_one_type, lines_of
from harness.clauses.log_shipping import Shipment, Shipping, shipping_of
from harness.clauses.model import Clause, Judge, Judgement, Need, held, inconclusive, still_open, violated
from harness.clauses.production import Production
from harness.clauses.signals import event_time_at
from harness.clauses.validation import Validator
from harness.clauses.values import at_path, broken_fields
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.expectations import ExpectLog
from harness.contract.fields import FieldRule
from harness.contract.line_formats import strangeness
from harness.contract.planes import Logs, LogStream
from harness.core.errors import Location
from harness.evidence.records import CAMPAIGN, Barrier, Document, LogLine, Reading
from harness.evidence.store import Evidence

__all__ = ["compile_log_arrival", "compile_logs", "looks_at_documents"]

Rules = Mapping[str, FieldRule]


def compile_logs(campaign: Campaign) -> Iterator[Clause]:
    """Campaign clauses on the lines of every declared stream, read in the stories that expect something of a log."""
    plane = campaign.contract.logs
    if plane is None:
        return
    telling = tuple(scenario.name for scenario in campaign.scenarios if _expects_logs(scenario))
    cells = telling or tuple(scenario.name for scenario in campaign.scenarios)

    def clause(name: str, promise: str, statement: str, stream: str, judge: Judge, source: Location) -> Clause:
        need = (Need("lines", stream), *((Need("ledger"),) if promise == "joins" else ()))
        return Clause(CAMPAIGN, "logs", name, promise, source, statement, need, judge, cells)

    typed = [name for name, stream in plane.streams.items() if not stream.is_text]
    if len(typed) > 1 or (typed and plane.other_fields == "forbidden"):
        needs = tuple(Need("lines", name) for name in typed)
        statement = "a path has one type over all streams"
        where = campaign.promise("logs")
        judge = judge_one_type(typed)
        yield Clause(CAMPAIGN, "logs", "all", "one_type", where, statement, needs, judge, cells)
    for name, stream in plane.streams.items():
        source = campaign.promise("logs", "streams", name)
        statement = _told(name, stream)
        judge = _judge_lines(name, stream, None, {**plane.envelope, **stream.fields})
        yield clause(name, "envelope", statement, name, judge, source)
        for event, rule in stream.events.items():
            where = campaign.promise("logs", "streams", name, "events", event)
            statement = f"every {event!r} in {name} carries its fields"
            judge = _judge_lines(name, stream, event, rule.fields, optional=rule.optional)
            yield clause(f"{name}.{event.replace(' ', '_')}", "fields", statement, name, judge, where)
        for promise, statement, judge in _of_lines(plane, name, stream):
            yield clause(name, promise, statement, name, judge, source)
        path = event_time_at(campaign, name)
        if path is not None:
            statement = f"lines of {name} are dated in {path} when they were written"
            yield clause(name, "dated", statement, name, judge_dated(name, path), source)


def _of_lines(plane: Logs, name: str, stream: LogStream) -> Iterator[tuple[str, str, Judge]]:
    """What is promised of the lines of one stream beside their fields: promise, statement, judge."""
    if plane.other_fields == "forbidden":
        statement = f"{name} holds no field that the contract does not declare"
        yield "no_others", statement, judge_no_others(plane, name, stream)
    if plane.joined_by is not None:
        statement = f"every {plane.joined_by} in {name} is that of a request that was sent"
        yield "joins", statement, judge_joins(name, plane.joined_by)
    if plane.counted_by is not None:
        writer = [field for field in plane.identity if field != plane.counted_by]
        statement = f"{plane.counted_by} counts the lines of every writer of {name} without a gap"
        yield "counts", statement, judge_counts(name, plane.counted_by, writer)
    if plane.begins_with:
        statement = f"every line of {name} begins with {', '.join(plane.begins_with)}"
        yield "begins", statement, judge_begins(name, plane.begins_with)
    if stream.events and stream.other_events == "forbidden":
        yield "declared", f"{name} holds no other event than the declared ones", _judge_declared(name, stream)


def _judge_lines(name: str, stream: LogStream, event: str | None, rules: Rules, *, optional: bool = False) -> Judge:
    validator = Validator(rules, text=stream.is_text)

    def judge(evidence: Evidence) -> Judgement:
        seen = read = others = 0
        for line in lines_of(evidence, name):
            if line.fields is None:
                others += 1
                if event is None and stream.other_lines == "refused":
                    where = f"{line.file}:{line.number}"
                    return violated(f"{where} is not {stream.line_is}", *_out_of_format(line, stream), at=line.t)
                continue
            read += 1
            if event is not None and at_path(line.fields, stream.event_at) != event:
                continue
            seen += 1
            if not validator.fits(line.fields):
                problems = tuple(broken_fields(line.fields, rules, text=stream.is_text))
                return violated(f"{line.file}:{line.number}: {problems[0]}", *problems[1:6], at=line.t)
        if (seen or (optional and read)) and evidence.all_completed():
            return held(f"{seen} lines as declared" + (f", {others} other lines" if others and event is None else ""))
        if others and not read:
            return still_open(f"none of the {others} lines of {name} is {stream.line_is}")
        return still_open(f"{name} never held {event or 'a line'}" if not seen else "the stories are not over")

    return judge


_CONTINUES: Final = re.compile(r"\s|\}|\]|Traceback |Caused by: |goroutine |[\w.$]+(?:Exception|Error)\b")
"""How lines begin that go on with the event before them, in several languages."""


def _out_of_format(line: LogLine, stream: LogStream) -> Iterator[str]:
    """The line, and what is mostly the matter with such a one."""
    yield line.text[:200]
    yield from strangeness(line.text)
    if stream.record_begins is None and _CONTINUES.match(line.text):
        yield "where an event takes several lines, say in the contract how one begins: record_begins"


def _told(name: str, stream: LogStream) -> str:
    if stream.other_lines == "allowed":
        return f"every line of {name} that is {stream.line_is} has the declared envelope"
    return f"every line of {name} is {stream.line_is} with the declared envelope"


def _judge_declared(name: str, stream: LogStream) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for line in lines_of(evidence, name):
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


def looks_at_documents(scenario: Scenario) -> bool:
    """Whether the story expects something of documents; only then its logs are shipped."""
    return any(isinstance(item.rule, ExpectLog) and item.rule.at != "lines" for item in scenario.expectations)


def _expects_logs(scenario: Scenario) -> bool:
    return any(item.subject == "log" for item in scenario.expectations)


def compile_log_arrival(campaign: Campaign, scenario: Scenario, production: Production) -> Iterator[Clause]:
    """Where a pipeline is declared: lines written and documents found are the same, stream by stream.

    Only in stories that expect something of documents: shipping all logs would prove the same thing at a cost.
    """
    plane = campaign.contract.logs
    if plane is None or campaign.artefact("filebeat") is None:
        return
    if not looks_at_documents(scenario):
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
            _judge_arrival(scenario.name, name, plane.identity, shipping_of(campaign, production.filebeat, name)),
            (scenario.name,),
        )
        yield from _of_documents(campaign, scenario, plane, name)
        yield from compile_log_lag(campaign, scenario, name)
    yield from compile_index(campaign, scenario, plane)


def _of_documents(campaign: Campaign, scenario: Scenario, plane: Logs, name: str) -> Iterator[Clause]:
    """What the pipeline makes of the lines of one stream."""
    source, cell = campaign.promise("logs", "streams", name), scenario.name
    documents = (Need("documents", name), Need("barriers", "logs"))
    clause = partial(Clause, cell, "logs", name, cells=(cell,))
    if plane.event_time is not None:
        statement = f"@timestamp of every document of {name} is its {plane.event_time}"
        judge = judge_time(cell, name, plane, others=plane.streams[name].other_lines == "allowed")
        yield clause("keeps_time", source, statement, (Need("lines", name), *documents), judge)
    if plane.stored_in is not None:
        statement = f"every document of {name} is in the index {plane.stored_in} of its own day"
        yield clause("stored_in", source, statement, documents, judge_index(cell, name, plane.stored_in))
    if plane.derived:
        statement = f"derived fields of {name} are what its lines make them: {', '.join(plane.derived)}"
        judge = judge_derived(cell, name, plane.derived, plane.identity, text=plane.streams[name].is_text)
        yield clause("derived", source, statement, (Need("lines", name), *documents), judge)


def _judge_arrival(cell: str, stream: str, identity: Sequence[str], shipping: Shipping) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        lines = [line for line in evidence.of(LogLine, cell) if line.stream == stream]
        documents = [document for document in evidence.of(Document, cell) if document.stream == stream]
        shipment = shipping.of(lines)
        if not lines:
            return still_open(f"{stream} never held a line")
        if shipment.unsure:
            return _unsure(shipment)
        if not shipment.due and not documents:
            return still_open(f"all {len(lines)} lines of {stream} are left out by {', '.join(shipment.words)}")
        details = [*_doubled(documents), *unjoined(shipment.due, documents, identity)]
        if len(shipment.due) == len(documents) and not details:
            told = f"{len(documents)} documents{_left_out(shipment)}"
            return held(f"{len(shipment.due)} lines, {told}", *_sent_again(evidence, cell))
        counted = f"{len(shipment.due)} lines were written{_left_out(shipment)}, {len(documents)} documents found"
        barrier = [item.detail for item in evidence.of(Barrier, cell) if item.plane == "logs" and item.detail]
        hop = "Filebeat" if len(documents) <= len(shipment.due) else "Elasticsearch"
        return violated(counted, *details, *_dropped_by(shipping, shipment), *barrier, hop=hop)

    return judge


_SAY_IT: Final = "say under logs: of the contract which lines are not shipped, as not_shipped: [{level: debug}]"


def _unsure(shipment: Shipment) -> Judgement:
    which = ", ".join(shipment.words)
    message = f"of {len(shipment.unsure)} lines it cannot be told from {which} whether they are left out"
    return inconclusive(message, _SAY_IT, "not_shipped: [] promises that every line is shipped")


def _left_out(shipment: Shipment) -> str:
    told = ", ".join(f"{count} by {words}" for words, count in shipment.words.items())
    return f" ({told} left out)" if told else ""


def _dropped_by(shipping: Shipping, shipment: Shipment) -> Iterator[str]:
    """Places of the production file that leave out what the contract wants shipped."""
    found = Counter(fate.words for fate in map(shipping.by_production, shipment.due) if fate.is_dropped)
    yield from (f"{count} of them are left out by {words}" for words, count in found.items())


def _sent_again(evidence: Evidence, cell: str) -> Iterator[str]:
    """How often Elasticsearch was offered what it had: only then it is proved that a line is stored once."""
    highest = 0.0
    offered = 0.0
    for reading in evidence.of(Reading, cell):
        if reading.name == "filebeat_events_duplicates":
            offered += highest if reading.value < highest else 0.0  # it has started again
            highest = reading.value
    if offered + highest:
        yield f"{offered + highest:g} events were sent again and found there"


def _doubled(documents: Sequence[Document]) -> Iterator[str]:
    names = [name for name, count in Counter(doc.id for doc in documents).items() if count > 1]
    if names:
        yield f"stored more than once: {', '.join(names[:5])}"
