"""Logs plane, in Elasticsearch: derived fields follow their rules, the event's own time is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from harness.clauses.model import Judge, Judgement, held, still_open, violated
from harness.clauses.values import ABSENT, at_path, instant_of, reads_as, said
from harness.contract.fields import Derived
from harness.contract.planes import Logs
from harness.evidence.records import Document, LogLine
from harness.evidence.store import Evidence

__all__ = ["derive", "judge_derived", "judge_index", "judge_time", "unjoined"]

_JOIN: Final = "request_id"


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
    documents = [document for document in evidence.of(Document, cell) if document.stream == stream]
    identity = kept(documents, identity)
    lines = {name_of(line.fields or {}, identity): line for line in evidence.of(LogLine, cell) if line.stream == stream}
    for document in documents if identity else ():
        line = lines.get(name_of(document.source, identity))
        if line is not None:
            yield document, line


def kept(documents: Sequence[Document], identity: Sequence[str]) -> tuple[str, ...]:
    """Fields of ``identity`` that the pipeline has kept: at least one document carries them."""
    return tuple(path for path in identity if any(at_path(each.source, path) is not ABSENT for each in documents))


def unjoined(lines: Sequence[LogLine], documents: Sequence[Document], identity: Sequence[str]) -> Iterator[str]:
    """Where documents can be told apart: one line lost and another doubled must not make up for each other."""
    identity = kept(documents, identity or (_JOIN,))
    if not identity:
        return
    found = Counter(name_of(document.source, identity) for document in documents)
    written = Counter(name_of(line.fields or {}, identity) for line in lines)
    for what, names in (("missing", written - found), ("surplus", found - written)):
        if names:
            yield f"{what}, by {', '.join(identity)}: {', '.join(' '.join(name) for name in list(names)[:5])}"


def name_of(fields: Mapping[str, Any], identity: Sequence[str]) -> tuple[str, ...]:
    """What tells a line, or the document that came from it, from all others."""
    return tuple(str(at_path(fields, path)) for path in identity)


def judge_time(cell: str, stream: str, plane: Logs, *, others: bool = False) -> Judge:
    """``@timestamp`` of a document is the time that its line says, not that of its reading.

    With ``others`` a document that says none is that of a line which is no event. Where the pipeline keeps the field of
    no document, it is asked of their lines.
    """
    event_time = plane.event_time or ""

    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for document, own in _timed(evidence, cell, stream, plane):
            if others and own is ABSENT:
                continue
            seen += 1
            shown = at_path(document.source, "@timestamp")
            told, found = instant_of(own), instant_of(shown)
            if told is None or found is None or abs(found - told) >= _TRUNCATED_S:
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


def _timed(evidence: Evidence, cell: str, stream: str, plane: Logs) -> Iterator[tuple[Document, Any]]:
    """Documents with the time that their event says."""
    path = plane.event_time or ""
    documents = [document for document in evidence.of(Document, cell) if document.stream == stream]
    if not documents or kept(documents, [path]):
        yield from ((document, at_path(document.source, path)) for document in documents)
    elif evidence.completed(cell):  # a line may be read later than its document
        for document, line in _pairs(evidence, cell, stream, plane.identity):
            yield document, at_path(line.fields or {}, path)


def judge_index(cell: str, stream: str, pattern: str) -> Judge:
    """Each document is in the index that ``pattern``, in the words of strftime, names for its ``@timestamp`` in UTC."""

    def judge(evidence: Evidence) -> Judgement:
        names: set[str] = set()
        for document in evidence.of(Document, cell):
            if document.stream != stream:
                continue
            t = instant_of(at_path(document.source, "@timestamp"))
            wanted = None if t is None else datetime.fromtimestamp(t, UTC).strftime(pattern)
            if document.index != wanted:
                message = f"document {document.id} is in {document.index}, not in {wanted or 'the index of any day'}"
                return violated(message, hop="Filebeat", at=document.t)
            names.add(document.index)
        if names and evidence.completed(cell):
            return held(f"all in {', '.join(sorted(names))}")
        return still_open(f"no document of {stream}" if not names else "the story is not over")

    return judge
