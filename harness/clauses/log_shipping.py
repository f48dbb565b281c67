"""Which lines of a stream are to arrive as documents: all, but for those that production, or the contract, leaves out.

Without a word of the contract the production file is taken at its word: what it drops on purpose may not arrive, the
rest must. ``not_shipped`` says it instead: the lines that carry one of its sets of values, and no others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.artefacts.filebeat_config import FilebeatConfig
from harness.artefacts.filebeat_drops import Dropping, Fate, dropping_of
from harness.clauses.values import at_path, said
from harness.contract import Campaign
from harness.evidence.records import LogLine

__all__ = ["Shipment", "Shipping", "shipping_of"]


@dataclass(frozen=True, slots=True)
class Shipment:
    """The lines of one stream: those that must arrive, those that must not, those of which nobody can tell."""

    due: Sequence[LogLine]
    left_out: Sequence[LogLine]
    unsure: Sequence[LogLine]
    words: Mapping[str, int]
    """Who leaves lines out, with their number."""


@dataclass(frozen=True, slots=True)
class Shipping:
    """What becomes of the lines of one stream on their way."""

    production: Dropping = field(default_factory=Dropping)
    promised: Sequence[Mapping[str, Any]] | None = None
    is_text: bool = False

    @property
    def reads_text(self) -> bool:
        """Whether the text of a line is asked for, also where it is a JSON object."""
        return bool(self.production)

    def fate(self, line: LogLine) -> Fate:
        """What becomes of one line."""
        if self.promised is None:
            return self.by_production(line)
        fields = line.fields or {}
        left_out = any(self._carries(fields, values) for values in self.promised)
        return Fate(left_out, "not_shipped of the contract" if left_out else "")

    def by_production(self, line: LogLine) -> Fate:
        """What the production file does with it, whatever the contract says."""
        return self.production.fate(line.text, None if self.is_text else line.fields)

    def is_due(self, line: LogLine) -> bool:
        """Whether it may be waited for."""
        return not self.fate(line).is_dropped

    def of(self, lines: Iterable[LogLine]) -> Shipment:
        """The lines, sorted by what becomes of them."""
        sorted_: dict[bool | None, list[LogLine]] = {False: [], True: [], None: []}
        words: Counter[str] = Counter()
        for line in lines:
            fate = self.fate(line)
            sorted_[fate.is_dropped].append(line)
            words.update([fate.words] if fate.words else [])
        return Shipment(sorted_[False], sorted_[True], sorted_[None], words)

    def _carries(self, fields: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        found = ((at_path(fields, path), value) for path, value in values.items())
        return all(one == value or (self.is_text and said(one) == said(value)) for one, value in found)


def shipping_of(campaign: Campaign, filebeat: FilebeatConfig | None, stream: str) -> Shipping:
    """What becomes of the lines of ``stream``: by filebeat.yml, or by the contract where it says so."""
    plane = campaign.contract.logs
    declared = plane.streams.get(stream) if plane else None
    promised = declared.not_shipped if declared else None
    if promised is None and plane:
        promised = plane.not_shipped
    patterns = [each.logs for each in campaign.profile.stands_for if each.logs and each.stream in (stream, None)]
    dropping = dropping_of(filebeat, patterns) if filebeat else Dropping()
    return Shipping(dropping, promised, bool(declared and declared.is_text))
