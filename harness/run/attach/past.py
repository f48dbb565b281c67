"""Metrics texts out of Prometheus: where instances cannot be asked themselves, or not any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.clauses.attached import ATTACHED
from harness.clauses.model import Need
from harness.contract.window import Window, shown_instant
from harness.evidence.records import Exposition, Record
from harness.run.attach.exposed import Types, texts_of
from harness.run.attach.readers import NotThereError
from harness.run.clients.http import HttpFault
from harness.run.clients.prometheus import PrometheusClient

__all__ = ["PastTexts"]

_LOOKS: Final = 5
"""Instants of a window at which Prometheus is asked for all series."""


@dataclass
class PastTexts:
    """Metrics texts as far as Prometheus can tell them, at some instants of a window."""

    client: PrometheusClient
    selector: str
    window: Window
    types: Types
    declared: Mapping[str, str]
    """Families of the contract and their types, for those of which Prometheus keeps none."""
    drop_labels: Sequence[str] = ()
    server: str = "Prometheus"
    needs: tuple[Need, ...] = (Need("expositions"),)
    once: bool = True

    def read(self, _now: float) -> Iterator[Record]:
        """The texts of all instances at every look; a window of which it holds only a part is not judged."""
        added = {*self.drop_labels, *self._target_labels()}
        looks = [(t, self.client.query(self.selector, at=t).series) for t in self._instants()]
        if not looks[0][1]:
            raise NotThereError(self._missing(next((t for t, series in looks if series), None)))
        for t, series in looks:
            for instance, text in texts_of(series, self._known(series), added).items():
                yield Exposition(ATTACHED, t, instance, text, "text/plain; from=prometheus")

    def _instants(self) -> list[float]:
        if self.window.live:
            return [self.window.until]
        length = self.window.until - self.window.since
        return [self.window.since + length * n / (_LOOKS - 1) for n in range(_LOOKS)]

    def _known(self, series: Iterable[Any]) -> Types:
        names = {each.labels.get("__name__", "") for each in series}
        exposed = {
            name: (kind, "")
            for name, kind in self.declared.items()
            if kind != "untyped" and any(f"{name}{end}" in names for end in ("", "_bucket", "_sum", "_count"))
        }
        return exposed | dict(self.types)

    def _target_labels(self) -> set[str]:
        """What scrape configurations put on series; a server that scrapes nothing itself puts on what the file says."""
        try:
            return {name for target in self.client.targets() for name in target.get("labels", {})}
        except HttpFault:
            return set()

    def _missing(self, first: float | None) -> str:
        at = shown_instant(self.window.until if self.window.live else self.window.since)
        later = f"; the first found is of {shown_instant(first)}" if first else ""
        kept = self._retention()
        told = f"; it keeps {kept} (storage retention): choose a later --from" if kept else ""
        return f"it holds nothing that {self.selector} selects at {at}{later}{told}"

    def _retention(self) -> str:
        try:
            return str(self.client.runtime().get("storageRetention", ""))
        except HttpFault:
            return ""
