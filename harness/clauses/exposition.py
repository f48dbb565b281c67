"""The text that instances expose, as families by name; what clauses on metrics read it through."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from harness.evidence.records import Exposition, PhaseMark
from harness.evidence.store import Evidence

__all__ = [
    "SeriesKey",
    "by_instance",
    "expositions",
    "families_of",
    "key_of",
    "last_texts",
    "parse_exposition",
    "shown_series",
]

SeriesKey = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels of one series."""


@lru_cache(maxsize=512)
def parse_exposition(text: str) -> dict[str, Metric]:
    """Families by the name that operators query; raises ``ValueError`` on text that is not an exposition."""
    families: dict[str, Metric] = {}
    try:
        for family in text_string_to_metric_families(text):
            name = _queried(family, text)
            if name in families:  # without a TYPE line the parser takes every sample for a family of its own
                families[name].samples += family.samples
            else:
                families[name] = family
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # the parser stumbles in several ways over text that is none
        raise ValueError(f"not an exposition: {error}") from None
    return families


def _queried(family: Metric, text: str) -> str:
    """The parser gives every counter the suffix ``_total``; Prometheus takes names as they stand in the text."""
    total = f"{family.name}_total"
    suffixed = family.type == "counter" and re.search(rf"^(# TYPE )?{re.escape(total)}[\s{{]", text, re.MULTILINE)
    return total if suffixed else family.name


def families_of(item: Exposition) -> dict[str, Metric] | None:
    """Families of one text; ``None`` where it cannot be parsed."""
    try:
        return parse_exposition(item.text)
    except ValueError:
        return None


def expositions(evidence: Evidence) -> Iterator[Exposition]:
    """Every text of every story, as they were read."""
    for cell in evidence.cells():
        yield from evidence.of(Exposition, cell)


def by_instance(evidence: Evidence, cell: str) -> dict[str, list[Exposition]]:
    """The texts of each instance of a story, in order of time."""
    found: dict[str, list[Exposition]] = defaultdict(list)
    for item in evidence.of(Exposition, cell):
        found[item.instance].append(item)
    return {name: sorted(texts, key=lambda item: item.t) for name, texts in found.items()}


def last_texts(evidence: Evidence, cell: str) -> Sequence[Exposition]:
    """The last text of each instance that was read after the last phase of a story; none while it goes on."""
    if not evidence.completed(cell):
        return ()
    over = max((mark.t for mark in evidence.of(PhaseMark, cell)), default=0.0)
    return [texts[-1] for texts in by_instance(evidence, cell).values() if texts[-1].t >= over]


def key_of(sample: Sample) -> SeriesKey:
    """What tells a series from all others."""
    return sample.name, frozenset(sample.labels.items())


def shown_series(key: SeriesKey) -> str:
    """A series as operators write it."""
    name, labels = key
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels))
    return f"{name}{{{inside}}}" if inside else name
