"""One source and its turn: when it is due, what became of its last read, and whether it can still be read at all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from typing import Final

from harness.evidence.records import Record
from harness.run.clients.http import HttpFault
from harness.run.observe.source import Moment, Source

__all__ = ["Slot"]

_REFUSALS: Final = frozenset({400, 401, 403})
"""Answers that asking again does not change."""
_LONGEST_PAUSE_S: Final = 2.0


class Slot:
    """Reads one source in a worker, one read at a time; a source that fails waits longer before the next try."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults = 0
        self.last_fault = ""
        """Why the latest read failed; empty once one succeeded."""
        self.lost = ""
        """Why it is not read any more; empty while it is."""
        self._due = self._began = 0.0
        self._task: Future[Sequence[Record]] | None = None

    def trigger(self) -> None:
        """Read it at the next turn, whatever its interval."""
        self._due = 0.0

    def turn(self, now: float, monotonic: float, workers: Executor) -> Sequence[Record]:
        """Records of the read that ended since the last turn; starts the next one where it is due."""
        records = self.collect(monotonic) if self._task and self._task.done() else ()
        if self._task is None and monotonic >= self._due and not self.lost:
            on_time = self._due + self.source.every_s
            self._due = on_time if on_time > monotonic else monotonic + self.source.every_s
            self.begin(now, "poll", monotonic, workers)
        return records

    def begin(self, now: float, moment: Moment, monotonic: float, workers: Executor) -> None:
        """Start a read, unless the source is lost; ``collect`` ends it."""
        if not self.lost:
            self._began = monotonic
            self._task = workers.submit(self.source.read, now, moment)

    def wait(self, at_most_s: float) -> None:
        """Give the read under way so much wall time to end; ``collect`` or a later turn takes it."""
        if self._task is not None:
            wait((self._task,), at_most_s)

    def collect(self, monotonic: float) -> Sequence[Record]:
        """Records of the read under way, if any; waits for its end, which the bounds of the clients assure."""
        task, self._task = self._task, None
        if task is None:
            return ()
        try:
            records = task.result()
        except Exception as fault:  # whatever a strange answer leads to: it is told by ``last_fault``
            self._note(fault, monotonic)
            return ()
        self.last_fault = ""
        return records

    def _note(self, fault: Exception, monotonic: float) -> None:
        self.faults += 1
        self.last_fault = str(fault) if isinstance(fault, HttpFault | OSError) else f"unreadable answer: {fault!r}"
        if isinstance(fault, HttpFault) and fault.status in _REFUSALS:
            self.lost = self.last_fault
        # One that hangs may not keep a worker busy all the time.
        pause_s = 4 * (monotonic - self._began) + 0.05 * 2 ** min(self.faults, 5)
        self._due = max(self._due, monotonic + min(_LONGEST_PAUSE_S, pause_s))
