"""Events as lines of ``events.ndjson``: one JSON object each, key ``event`` first."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import orjson

from harness.core.errors import HarnessError
from harness.core.events import (
    EVENT_TYPES,
    SCHEMA_VERSION,
    CampaignPlanned,
    CampaignStarted,
    Event,
    PlannedClause,
    StoryPlan,
)

__all__ = ["decode_event", "encode_event"]

_NAMES: Final = {kind: name for name, kind in EVENT_TYPES.items()}


def encode_event(event: Event) -> bytes:
    """One line of ``events.ndjson``, newline included."""
    fields = {item.name: getattr(event, item.name) for item in dataclasses.fields(event)}
    return orjson.dumps({"event": _NAMES[type(event)], **fields}, option=orjson.OPT_APPEND_NEWLINE)


def decode_event(line: bytes | str) -> Event:
    """The event on one line; raises ``HarnessError`` for a line that this version cannot read."""
    try:
        fields = orjson.loads(line)
        kind = EVENT_TYPES[fields.pop("event")]
        if fields.get("schema", SCHEMA_VERSION) != SCHEMA_VERSION:
            raise HarnessError(
                f"events of schema {fields['schema']} cannot be read by this version (schema {SCHEMA_VERSION})",
                remedy="replay the bundle with the harness version that recorded it",
            )
        return _build(kind, fields)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(f"not an event line: {error!r}") from None


def _build(kind: type[Any], fields: dict[str, Any]) -> Event:
    if kind is CampaignStarted:
        fields["clauses"] = tuple(PlannedClause(**clause) for clause in fields["clauses"])
    elif kind is CampaignPlanned:
        fields["stories"] = tuple(StoryPlan(**story) for story in fields["stories"])
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = tuple(value)
    # a later version may have added fields with defaults
    known = {item.name for item in dataclasses.fields(kind)}
    event: Event = kind(**{name: value for name, value in fields.items() if name in known})
    return event
