"""The load of one cell: phases handed to the shared generator, its ledger read back as evidence."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from harness.clauses.measuring import CPU_RATIO
from harness.contract.files import Phase
from harness.evidence.records import Reading
from harness.run.cell import Cell
from harness.run.load.figures import record_of
from harness.run.load.generator import GeneratorEndedError, PhaseReport
from harness.run.load.ledger import LedgerTail
from harness.run.load.written import load_phase
from harness.run.shared import SharedParts
from harness.run.stack.wait import WaitTimeoutError, eventually

__all__ = ["LoadDesk"]

_DRAIN_S = 35.0
_generator_lock = threading.Lock()


class LoadDesk:
    """Starts and stops the cell's load phases; one generator serves all cells, one order at a time."""

    def __init__(self, cell: Cell, shared: SharedParts) -> None:
        self.cell, self._generator = cell, shared.generator
        self._process = shared.processes.get("generator")
        path = cell.context.folder / "generator" / f"{cell.name}.ndjson"
        self._tail = LedgerTail(Path(path))
        self._phases: list[str] = []
        self._told: set[str] = set()
        self._current: str | None = None

    def start(self, phase: Phase, bound_s: float) -> None:
        """Begin the phase's load at once; a phase without load ends the one before.

        Raises ``GeneratorEndedError`` where nobody is there to send it.
        """
        if phase.load is None or self._generator is None:
            self.stop()
            return
        load = load_phase(phase, bound_s, self.cell.plan.scenario.source.folder)
        with _generator_lock:
            self._generator.start_phase(self.cell.name, load)
        self._phases.append(phase.name)
        self._current = phase.name

    def stop(self) -> None:
        """Intend no more requests; those in flight go on to their end."""
        if self._current is not None and self._generator is not None and self._alive():
            with _generator_lock, contextlib.suppress(GeneratorEndedError):  # then nothing more is intended
                self._generator.stop_phase(self.cell.name, self._current)
        self._current = None

    def _alive(self) -> bool:
        return self._process is not None and self._process.alive

    def poll(self) -> None:
        """Take in the rows that the generator finished since the last call."""
        for row in self._tail.poll():
            self.cell.context.recorder.add(record_of(row))

    def drained(self) -> bool:
        """Whether every phase has reported, and so every row is in the ledger."""
        if self._generator is None:
            return True
        with _generator_lock:
            self._generator.poll()
            while self._generator.told:
                self.cell.context.recorder.note(self._generator.told.pop(), warning=True)
            reports = [self._generator.report(self.cell.name, name) for name in self._phases]
        for report in reports:
            self._tell_cpu(report)
        return all(reports)

    def _tell_cpu(self, report: PhaseReport | None) -> None:
        """How busy the generator was in a phase, all its cells together; told once, at the phase's beginning."""
        if report is None or report.phase in self._told or report.ended_t <= report.started_t:
            return
        self._told.add(report.phase)
        ratio = round(report.cpu_s / (report.ended_t - report.started_t), 4)
        self.cell.context.recorder.add(Reading(self.cell.name, report.started_t, "generator", CPU_RATIO, ratio))

    def drain(self, tick: Callable[[], None]) -> bool:
        """Stop, and wait until nothing is in flight; ``tick`` is called meanwhile."""
        self.stop()

        def probe() -> bool:
            tick()
            return self.drained()

        try:
            eventually(probe, what="requests in flight to end", within_s=_DRAIN_S, every_s=0.05)
        except WaitTimeoutError:
            return False
        self.poll()
        return True
