"""The observer of one cell: which sources its needs call for, their turns, and what is owed when a part is lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from harness.clauses.model import Need, NeedKind
from harness.evidence.records import Reading, Record, Unmet
from harness.run.observe.documents import DocumentSource
from harness.run.observe.endpoints import AnswerSource, ExpositionSource
from harness.run.observe.lines import LineSource
from harness.run.observe.series import QuerySource
from harness.run.observe.slot import Slot
from harness.run.observe.snapshots import SnapshotSource
from harness.run.observe.source import Clock, Moment
from harness.run.observe.sources import OBSERVED, build_sources
from harness.run.observe.targets import CellTargets

__all__ = ["CellObserver"]

_MOST_WORKERS: Final = 12
_CLOCK_STEP_S: Final = 0.05
_MARK_S: Final = 0.25
_SELDOM_S: Final = 5.0
_NOTHING: Final = "nothing in this cell can be asked for it"
_NOBODY: Final[dict[NeedKind, str]] = {
    "expositions": "the profile does not say where the metrics are read: add metrics: {port: NAME} to it",
    "lines": "the profile does not say where the stream is written: add it under logs: of the profile",
}
_DEPENDS: Final[dict[NeedKind, frozenset[str]]] = {
    "query": frozenset({"prometheus"}),
    "snapshot": frozenset({"prometheus"}),
    "series": frozenset({"prometheus"}),
    "federated": frozenset({"prometheus"}),
    "rules": frozenset({"prometheus"}),
    "alerts": frozenset({"prometheus", "alertmanager"}),
    "pages": frozenset({"prometheus", "alertmanager"}),
    "documents": frozenset({"filebeat", "elasticsearch"}),
    "mapping": frozenset({"elasticsearch"}),
}


class CellObserver:
    """Turns what the stack says into records for ``sink``.

    ``poll`` never waits: reads run in workers of this cell, so that a part that hangs holds up nobody else. ``sink`` is
    called in the thread that polls. Times of records are epoch seconds of ``clock``.
    """

    def __init__(
        self,
        targets: CellTargets,
        needs: frozenset[Need],
        sink: Callable[[Record], None],
        *,
        clock: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self._targets, self._needs, self._sink = targets, needs, sink
        self._clock, self._monotonic = clock, monotonic
        self._slots = [Slot(source) for source in build_sources(targets, needs, clock)]
        self._workers = ThreadPoolExecutor(min(_MOST_WORKERS, max(1, len(self._slots))), f"observe-{targets.cell}")
        self._unmet: set[tuple[str, str]] = set()
        self._finished = False
        self._offset_s = clock() - monotonic()
        self._steps_s = 0.0
        self._write_steps(clock())
        self._tell_absent()

    @property
    def faults(self) -> dict[str, str]:
        """Why the latest read failed, by what was read, for every source whose latest read did."""
        return {_title(slot): slot.last_fault for slot in self._slots if slot.last_fault}

    @property
    def unread(self) -> frozenset[str]:
        """Components of the sources whose latest read failed."""
        return frozenset(name for slot in self._slots if slot.last_fault for name in slot.source.components)

    @property
    def warnings(self) -> dict[str, tuple[str, ...]]:
        """What Prometheus remarked on the expressions that it was asked, by expression."""
        sources = (slot.source for slot in self._slots)
        return {
            item.needs[0].detail: item.warnings for item in sources if isinstance(item, QuerySource) and item.warnings
        }

    def line_counts(self) -> Counter[str]:
        """Lines seen so far, by stream."""
        counts: Counter[str] = Counter()
        for slot in self._slots:
            if isinstance(slot.source, LineSource):
                counts[slot.source.target.stream] += slot.source.count
        return counts

    def document_counts(self, cell: str) -> Counter[str]:
        """Documents of ``cell`` seen so far, by stream."""
        found = (slot.source.counts for slot in self._slots if isinstance(slot.source, DocumentSource))
        return Counter({stream: n for counts in found for (owner, stream), n in counts.items() if owner == cell})

    def poll(self, now: float) -> None:
        """Write what was read since the last poll and start the reads that are due; ``now`` is epoch seconds."""
        monotonic = self._monotonic()
        self._watch_clock(now, monotonic)
        for slot in self._slots:
            self._write(slot.turn(now, monotonic, self._workers))
            self._tell_refused(slot)

    def phase_ended(self, now: float) -> None:
        """Read what is read at marks only, before what the next phase changes; one that hangs is left for later.

        Snapshots are asked for this very instant, so that nobody need wait for them.
        """
        marked = [slot for slot in self._slots if _is_marked(slot)]
        asked = [slot for slot in self._slots if isinstance(slot.source, SnapshotSource)]
        for slot in marked + asked:
            slot.trigger()
            self._write(slot.turn(now, self._monotonic(), self._workers))
        until = self._monotonic() + _MARK_S
        for slot in marked:
            slot.wait(max(0.0, until - self._monotonic()))

    def settle(self, now: float, only: frozenset[NeedKind] = OBSERVED) -> None:
        """Read everything that is there now, or what needs of the kinds in ``only`` call for.

        Waits for the answers, within the bounds of the clients.
        """
        chosen = [slot for slot in self._slots if only is OBSERVED or any(n.kind in only for n in slot.source.needs)]
        self._read_all(chosen, now, "settle")

    def finish(self, now: float) -> None:
        """The last read, once. What could not be read to its end is unmet. The observer cannot be used afterwards."""
        if self._finished:
            return
        self._finished = True
        self._read_all(self._slots, now, "finish")
        for slot in self._slots:
            if slot.last_fault and not slot.lost:
                self._tell_unmet(slot, f"not read to the end: {slot.last_fault}")
        self._write_steps(now)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def lost(self, component: str, reason: str) -> None:
        """``component`` (prometheus, alertmanager, filebeat, elasticsearch or an instance) will not come back."""
        why = f"{component}: {reason}"
        for slot in self._slots:
            if component in slot.source.components and not slot.lost:
                slot.lost = why
                self._tell_unmet(slot, why)
        for need in self._needs:
            if component in _DEPENDS.get(need.kind, ()):
                self._write_unmet(self._cells_of(need), str(need), why)

    def _read_all(self, slots: Sequence[Slot], now: float, moment: Moment) -> None:
        for slot in slots:
            self._write(slot.collect(self._monotonic()))
            slot.begin(now, moment, self._monotonic(), self._workers)
        for slot in slots:
            self._write(slot.collect(self._monotonic()))
            self._tell_refused(slot)

    def _watch_clock(self, now: float, monotonic: float) -> None:
        step_s = now - monotonic - self._offset_s
        if abs(step_s) >= _CLOCK_STEP_S:
            self._offset_s += step_s
            self._steps_s += abs(step_s)
            self._write_steps(now)

    def _write_steps(self, now: float) -> None:
        self._write([Reading(self._targets.cell, now, "clock", "clock_step_s", round(self._steps_s, 3))])

    def _tell_absent(self) -> None:
        met = {need for slot in self._slots for need in slot.source.needs}
        for need in sorted(self._needs - met):
            if need.kind in OBSERVED:
                self._write_unmet((self._targets.cell,), str(need), _NOBODY.get(need.kind, _NOTHING))

    def _tell_refused(self, slot: Slot) -> None:
        if slot.lost:
            self._tell_unmet(slot, slot.lost)

    def _tell_unmet(self, slot: Slot, reason: str) -> None:
        for need in map(str, slot.source.needs or (_title(slot),)):
            self._write_unmet(slot.source.cells, need, reason)

    def _write_unmet(self, cells: Iterable[str], need: str, reason: str) -> None:
        for cell in cells:
            if (cell, need) not in self._unmet:
                self._unmet.add((cell, need))
                self._sink(Unmet(cell, self._clock(), need, reason))

    def _cells_of(self, need: Need) -> tuple[str, ...]:
        if need.kind == "documents" and self._targets.documents:
            return tuple(dict.fromkeys(self._targets.documents.cells.values()))
        return (self._targets.cell,)

    def _write(self, records: Sequence[Record]) -> None:
        for record in records:
            self._sink(record)


def _is_marked(slot: Slot) -> bool:
    """Endpoints that are asked seldom, for what they tell costs much, tell nothing of a phase of some seconds."""
    source = slot.source
    return isinstance(source, ExpositionSource) or (isinstance(source, AnswerSource) and source.every_s <= _SELDOM_S)


def _title(slot: Slot) -> str:
    source = slot.source
    return ", ".join(map(str, source.needs)) or f"readings {', '.join(sorted(source.components))}"
