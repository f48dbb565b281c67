"""The contract of a first gate: what was seen, as promises, in fewer than twenty lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.sketch.draft import Draft, bare
from harness.sketch.families import promising
from harness.sketch.log_lines import FIELD_NAME, Stream, kind_of_field
from harness.sketch.looking import Answered

__all__ = ["contract_lines", "left_out"]

_LINES: Final = 19
_HEAD: Final = 7
"""Lines without families, logs, endpoints and alerts."""
_FEWEST_FAMILIES: Final = 2
_MOST_ALERTS: Final = 5
_MOST_FIELDS: Final = 4


def contract_lines(draft: Draft) -> Iterator[str]:
    """The lines of contract.yaml."""
    yield "# What the service promises, as `harness init` saw it: correct it, then add the next line."
    yield "harness: contract/1"
    yield f"service: {draft.service}"
    yield "artefacts: {prometheus: prometheus.yml} # and alertmanager, filebeat, dashboards: files of production"
    families = _families(draft)
    yield f"metrics: # {len(families)} of {len(draft.seen.families)} families, traffic first; values stay out of here"
    yield "  families:"
    yield from families
    yield from _logs(draft)
    yield "endpoints: # asked throughout every story; each answer within 1s wall"
    yield from (_endpoint(draft, name, answer) for name, answer in draft.endpoints.items())
    yield from _alerts(draft)


def left_out(draft: Draft) -> Iterator[str]:
    """What was seen and got no line, in words."""
    fine, odd = promising(draft.seen.families, draft.seen.born)
    rest = len(fine) - len(_families(draft))
    if rest:
        yield f"{rest} metrics more: a line each under families"
    if odd:
        yield f"metrics whose series carry different labels: {', '.join(odd[:5])}"
    if draft.rules and draft.rules.foreign:
        shown = (f"{name} ({metric})" for name, metric in list(draft.rules.foreign.items())[:5])
        yield f"alerts on metrics that the service does not show: {', '.join(shown)}"
    untold = len(draft.rules.alerts) - len(_alerts(draft)[1:]) if draft.rules else 0
    if untold:
        yield f"{untold} alerts more: a line each under alerts"


def _families(draft: Draft) -> list[str]:
    """As many as there is room for."""
    taken = _HEAD + len(_logs(draft)) + len(draft.endpoints) + len(_alerts(draft))
    room = max(_FEWEST_FAMILIES, _LINES - taken)
    return [
        f"    {each.name}: {each.rule} # {each.note}"
        for each in promising(draft.seen.families, draft.seen.born)[0][:room]
    ]


def _logs(draft: Draft) -> list[str]:
    if draft.log is None:
        return []
    stream = draft.log.stream
    fields = ", ".join(f"{bare(name)}: {kind}" for name, kind in stream.fields.items())
    said = [f"format: {stream.format}"] if stream.format != "json" else []
    said += [f"pattern: {bare(stream.pattern)}"] if stream.pattern else []
    said += [f"record_begins: {bare(stream.begins)}"] if stream.begins else []
    said += ["other_lines: allowed"] if stream.others else []
    return [
        f"logs: # what {_which_lines(stream)} have in common",
        f"  streams: {{{draft.log.name}: {{{', '.join([*said, f'fields: {{{fields}}}'])}}}}}",
    ]


_ARE: Final = {"json": "JSON objects", "logfmt": "logfmt", "text": "text as the pattern says"}


def _which_lines(stream: Stream) -> str:
    what, each = _ARE[stream.format], "records" if stream.begins else "lines"
    if stream.others:
        return f"{stream.lines - stream.others} of the last {stream.lines} {each}, those that are {what},"
    return f"all of the last {stream.lines} {each}" + (f", which are {what}," if stream.format != "json" else "")


def _endpoint(draft: Draft, name: str, answer: Answered) -> str:
    promised = ", ".join(_of_answer(answer))
    took = f"took {answer.took_s * 1000:.0f} ms"
    return f"  {name}: {{{draft.at(answer.place)}, answers: {{{answer.status}: {{{promised}}}}}}} # {took}"


def _of_answer(answer: Answered) -> Iterator[str]:
    if answer.content_type:
        yield f"content_type: {bare(answer.content_type)}"
    data = answer.data if isinstance(answer.data, dict) else {}
    kinds = [f"{bare(k)}: {kind_of_field(v)}" for k, v in data.items() if FIELD_NAME.fullmatch(k) and v is not None]
    if kinds:
        yield f"fields: {{{', '.join(kinds[:_MOST_FIELDS])}}}"


def _alerts(draft: Draft) -> list[str]:
    if not draft.rules or not draft.rules.alerts:
        return []
    room = max(1, _MOST_ALERTS - len(draft.endpoints))
    lines = [f"  {name}: {{means: {bare(means)}}}" for name, means in draft.rules.alerts.items()]
    return ["alerts: # armed in every story; add reaches: RECEIVER, and a story in which it fires", *lines[:room]]
