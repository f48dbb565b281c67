"""Logs plane, in Elasticsearch: derived fields follow their rules, the event's own time is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harness.clauses.model import Judge, Judgement, held, still_open, violated
from harness.clauses.values import ABSENT, at_path, instant_of, reads_as, said
from harness.contract.fields import Derived
from harness.evidence.records import Document, LogLine
from harness.evidence.store import Evidence

__all__ = ["derive", "judge_derived", "judge_time", "name_of"]


def derive(rule: Derived, fields: Mapping[str, Any], *, text: bool = False) -> Any:
    """What the rule makes of a raw line; ``ABSENT`` where it makes nothing. ``text``: numbers are what reads as one."""
    if rule.presence is not None:
        return next((value for path, value in rule.presence.items() if at_path(fields, path) not in _NOTHING), ABSENT)
    found = ABSENT
    for path in rule.from_:
        value = at_path(fields, path)
        if value is not ABSENT and value is not None:
            found = value
    if not rule.bands or found is ABSENT:
        return found
    if text and reads_as(str(found), "number"):
        found = float(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return ABSENT
    return next((name for name, above in rule.bands.items() if above is None or found > above), ABSENT)


_NOTHING = (ABSENT, None, "", False, 0)


def judge_derived(
    cell: str, stream: str, derived: Mapping[str, Derived], identity: Sequence[str], *, text: bool = False
) -> Judge:
    """Each document holds what the rules make of the raw line that it came from, and nothing else under those names."""

    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        compared = 0
        for document, line in _pairs(evidence, cell, stream, identity):
            for name, rule in derived.items():
                compared += 1
                wanted, found = derive(rule, line.fields or {}, text=text), at_path(document.source, name)
                if not _same(wanted, said(found) if text and found not in (ABSENT, None) else found):
                    where = f"{line.file}:{line.number}"
                    return violated(f"{name} of {where} is {found!r}, not {wanted!r}", hop="Filebeat", at=document.t)
        if compared:
            return held(f"{compared} fields are what the lines make them")
        return still_open(f"no document of {stream} was found with its line")

    return judge


def _same(wanted: Any, found: Any) -> bool:
    if wanted is ABSENT:
        return found is ABSENT or found is None
    return bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool)


def _pairs(evidence: Evidence, cell: str, stream: str, identity: Sequence[str]) -> Iterator[tuple[Document, LogLine]]:
    """Documents with the lines that they came from, told by the fields that identify a line."""
    lines = {name_of(line.fields or {}, identity): line for line in evidence.of(LogLine, cell) if line.stream == stream}
    for document in evidence.of(Document, cell):
        if document.stream == stream:
            line = lines.get(name_of(document.source, identity))
            if line is not None:
                yield document, line


def name_of(fields: Mapping[str, Any], identity: Sequence[str]) -> tuple[str, ...]:
    """What tells a line, or the document that came from it, from all others."""
    return tuple(str(at_path(fields, path)) for path in identity)


def judge_time(cell: str, stream: str, event_time: str, *, others: bool = False) -> Judge:
    """``@timestamp`` of a document is the time that its line says, not that of its reading.

    With ``others`` a document that says none is that of a line which is no event.
    """

    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for document in evidence.of(Document, cell):
            if document.stream != stream or (others and at_path(document.source, event_time) is ABSENT):
                continue
            seen += 1
            own, shown = (at_path(document.source, path) for path in (event_time, "@timestamp"))
            told, kept = instant_of(own), instant_of(shown)
            if told is None or kept is None or abs(kept - told) >= _TRUNCATED_S:
                message = f"@timestamp is {shown!r}, the event's own {event_time} {own!r}"
                return violated(message, *_why(document, event_time, own), hop="Filebeat", at=document.t)
        if seen and evidence.completed(cell):
            return held(f"{seen} documents keep the time of their event")
        return still_open(f"no document of {stream}" if not seen else "the story is not over")

    return judge


_TRUNCATED_S: Final = 0.001
"""A document keeps whole milliseconds."""


def _why(document: Document, event_time: str, own: Any) -> Iterator[str]:
    yield f"document {document.id}"
    if instant_of(own) is None:
        yield f"{event_time} is no instant for everybody: it lacks a time zone (write Z or +02:00), or is none at all"
