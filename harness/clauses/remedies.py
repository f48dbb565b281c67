"""Which line to add where the evidence could not decide: what is inconclusive is work for somebody, and says which."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from harness.clauses.model import Clause

__all__ = ["remedy"]

_REQUEST: Final = "a kind under requests: in the profile, and its name under mix: of a phase's load"
_LOAD: Final = "load: {rate: 0.1/s, mix: {KIND: 1}} to the phase, with a KIND of the profile's requests"
_MOVES: Final = f"optional: true to the family, or what makes it move: {_REQUEST}"
_ASKED: Final = "a longer lasts: to a phase of the story, or every: 0.1s wall to the endpoint"
_OF_FAMILIES: Final = (
    *("exists", "type", "documented", "named", "labels", "label_values", "filled", "series", "buckets"),
    *("well_formed", "monotonic", "rests", "scraped"),
)
_STORY: Final = "to the campaign a story in which it fires: a phase with fault: and until: {name} firing"
_REMEDIES: Final = {
    "alerts::stays_quiet": _STORY,
    "alerts::armed": "the rule file to rule_files: of prometheus.yml",
    "alerts::always_fires": "a phase with lasts: longer than three repeat intervals",
    "alerts::inhibits_*": "to the story a phase in which both fire, with until: of the inhibited alert firing",
    "monitoring::*": "the story that cut_in: names to scenarios: of the campaign",
    "metrics::from_start": "to ready: in the profile a path that answers before the first request is sent",
    "metrics::one_per_*": _LOAD,
    "metrics::grow_by_*": _LOAD,
    "metrics::above_*": "a label or a name that exists to the expression, or a request that moves it",
    "metrics::below_*": "a label or a name that exists to the expression, or a request that moves it",
    "metrics::rises_in_*": _LOAD,
    "metrics::agrees": "to also_at: an endpoint with objects of name, labels and value",
    **dict.fromkeys((f"metrics::{promise}" for promise in _OF_FAMILIES), _MOVES),
    "logs::fields": f"optional: true to the event, or what writes it: {_REQUEST}",
    "logs::one_per_*": _LOAD,
    "logs::*": f"what writes such lines: {_REQUEST}",
    "health::proves_*": "a phase whose fault: makes that check fail",
    **dict.fromkeys((f"health::{promise}" for promise in ("codes", "checks", "tells_one_story")), _ASKED),
    "endpoints::*": _ASKED,
    "load::*": _LOAD,
    "canary::*": "{{canary.NAME}} to a header, path or body under requests: in the profile, and a request of it",
    "dashboards::*": "shown_in: [STORY] under dashboards: with a story that lets the panel's metrics move",
}
"""Plane and promise, with the line to add; the first that fits counts."""


def remedy(clause: Clause) -> Iterator[str]:
    """The line that would let ``clause`` be decided, if any is known."""
    key = f"{clause.plane}::{clause.promise}"
    for pattern, line in _REMEDIES.items():
        if fnmatchcase(key, pattern):
            yield f"to decide it, add {line.replace('{name}', clause.name)}"
            return
