"""The text that instances expose, as families by name; what clauses on metrics read it through."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from harness.clauses.families import read_families
from harness.core.text_cache import TextCache
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


_COUNTER: Final = re.compile(r'^#[ \t]+TYPE[ \t]+"?(.+?)"?[ \t]+counter[ \t]*$', re.MULTILINE)
_OPENMETRICS_END: Final = "# EOF"
"""The last line of a text in the format OpenMetrics; elsewhere it is a comment that nobody writes."""
_AS_GAUGE: Final = frozenset({"info", "stateset"})
"""Types of OpenMetrics that the older format, and Prometheus, know as gauges."""


def parse_exposition(text: str) -> dict[str, Metric]:
    """Families by the name that operators query; raises ``ValueError`` on text that is not an exposition."""
    return _PARSED(text)


def _parsed(text: str) -> dict[str, Metric]:
    families: dict[str, Metric] = {}
    written = _Written.of(text)
    try:
        for family in read_families(text):
            if written.is_only_a_date(family):
                continue
            name = written.name_of(family)
            if name in families:  # without a TYPE line the parser takes every sample for a family of its own
                families[name].samples += family.samples
            else:
                families[name] = family
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # the parser stumbles in several ways over text that is none
        raise ValueError(f"not an exposition: {error}") from None
    return families


_PARSED: Final = TextCache(_parsed, most_bytes=16 * 2**20)
"""What is parsed takes nine times the memory of its text; the texts of a campaign of 22 stories are 15 MB."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What the parser forgets of a text: which names its counters have there, and in which format it is."""

    counters: frozenset[str]
    openmetrics: bool
    text: str

    @classmethod
    def of(cls, text: str) -> _Written:
        lines = text.rstrip().rpartition("\n")
        return cls(frozenset(_COUNTER.findall(text)), lines[2].strip() == _OPENMETRICS_END, text)

    def is_only_a_date(self, family: Metric) -> bool:
        """OpenMetrics tells beside each series when it began; that is no family of its own."""
        return self.openmetrics and family.type == "unknown" and family.name.endswith("_created")

    def name_of(self, family: Metric) -> str:
        """The name under which Prometheus stores it; type and samples are made to agree with it."""
        if family.type in _AS_GAUGE:
            name = f"{family.name}_info" if family.type == "info" else family.name
            family.type = "gauge"
            return name
        if family.type != "counter":
            return family.name
        total = f"{family.name}_total"
        if self.openmetrics or total in self.counters or self._has_sample(total):
            return total
        # the parser gives every counter the suffix: Prometheus takes names as they stand in the text
        family.samples = [sample._replace(name=family.name) for sample in family.samples]
        return family.name

    def _has_sample(self, name: str) -> bool:
        return bool(re.search(rf'^(\{{[ \t]*")?{re.escape(name)}["\s{{]', self.text, re.MULTILINE))


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
