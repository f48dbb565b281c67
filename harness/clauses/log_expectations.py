"""What a story expects of a log stream: how many entries there are, joined with the ledger, and what each carries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from harness.clauses.counting import demand, describe, requests_meant
from harness.clauses.model import Clause, Judge, Judgement, Need, held, inconclusive, still_open, violated
from harness.clauses.values import ABSENT, at_path, said
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectLog
from harness.contract.planes import LogStream
from harness.evidence.records import Document, LogLine, Reading
from harness.evidence.store import Evidence

__all__ = ["compile_log_expectation"]


def compile_log_expectation(campaign: Campaign, scenario: Scenario, item: Expected) -> Iterator[Clause]:
    """What a story says about a stream: how many events there must be, and which fields each carries."""
    rule = item.rule
    assert isinstance(rule, ExpectLog)
    place = rule.at or ("documents" if campaign.artefact("filebeat") else "lines")
    plane = campaign.contract.logs
    assert plane is not None
    of = plane.streams[item.about]
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
            judge=_judge_count(scenario.name, item.about, place, rule, of),
        )
    if rule.fields:
        yield clause(
            promise="carries_" + "_".join(rule.fields).replace(".", "_"),
            statement=f"every entry of {item.about}{narrowed} carries {', '.join(rule.fields)}, as {place}",
            needs=(Need(place, item.about),),
            judge=_judge_carries(scenario.name, item.about, place, rule, of),
        )

    if rule.rotates:
        yield clause(
            promise="rotates",
            statement=f"{item.about} goes on in another file while the story lasts",
            needs=(Need("lines", item.about),),
            judge=_judge_rotation(scenario.name, item.about),
        )


def _judge_rotation(cell: str, stream: str) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        counts = {r.component: r.value for r in evidence.of(Reading, cell) if r.name == "files"}
        files = [value for name, value in counts.items() if name.split()[1:2] == [stream]]
        if not evidence.completed(cell) or not files or not max(files):
            return still_open(f"nobody has read {stream} to its end")
        if max(files) > 1:
            return held(f"its lines stand in {sum(files):g} files of {len(files)} instances")
        return violated("all lines of an instance stand in one file", hop="log")

    return judge


def _entries(
    evidence: Evidence, cell: str, stream: str, place: str, rule: ExpectLog, of: LogStream
) -> Iterator[dict[str, Any]]:
    if place == "documents":
        found = [doc.source for doc in evidence.of(Document, cell) if doc.stream == stream]
    else:
        found = [line.fields for line in evidence.of(LogLine, cell) if line.stream == stream and line.fields]
    for fields in found:
        if all(_is(at_path(fields, path), value, of) for path, value in rule.where.items()):
            yield fields


def _is(found: Any, wanted: Any, of: LogStream) -> bool:
    return bool(found == wanted) or (of.is_text and said(found) == said(wanted))


def _judge_count(cell: str, stream: str, place: str, rule: ExpectLog, of: LogStream) -> Judge:
    wanted = demand(rule.events or "")

    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        meant = requests_meant(evidence, cell, wanted)
        if not meant:
            return inconclusive(f"the generator sent no {describe(wanted)}: nothing was compared")
        expected = Counter(request.request_id for request in meant)
        entries = list(_entries(evidence, cell, stream, place, rule, of))
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


def _judge_carries(cell: str, stream: str, place: str, rule: ExpectLog, of: LogStream) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for fields in _entries(evidence, cell, stream, place, rule, of):
            seen += 1
            absent = [path for path in rule.fields if at_path(fields, path) in (ABSENT, None, "")]
            if absent:
                which = at_path(fields, rule.joined_by)
                return violated(f"{at_path(fields, of.event_at)!r} of request {which} lacks {', '.join(absent)}")
        if seen and evidence.completed(cell):
            return held(f"all {seen} {place} carry {', '.join(rule.fields)}")
        return still_open(f"no {place} of {stream}" if not seen else "the story is not over")

    return judge
