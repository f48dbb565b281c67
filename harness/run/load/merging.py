"""Many workers' rows as one ledger: what came, what each phase adds up to, and what a lost worker still owed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.core.errors import ConfigError
from harness.run.load.ledger import Request, read_row
from harness.run.load.plan import CellPlan
from harness.run.load.schedule import LoadPhase
from harness.run.load.tally import PhaseRun, Stripe

__all__ = ["MergedCell", "MergedPhase"]


class MergedPhase:
    """One phase as its workers tell of it. Times are epoch seconds."""

    def __init__(self, plan: CellPlan, load: LoadPhase, start_t: float, number: int, workers: Iterable[int]) -> None:
        self._plan, self._number = plan, number
        self._run = self._laid_out(load, start_t, Stripe())
        self._awaited = set(workers)
        self._seen: set[int] = set()
        self._orphans: dict[int, tuple[int, str]] = {}
        self._cpu_s = 0.0
        self.said: set[str] = set()

    def _laid_out(self, load: LoadPhase, start_t: float, stripe: Stripe) -> PhaseRun:
        return PhaseRun(load, start_t, self._number, speed=self._plan.speed, seed=self._plan.seed, stripe=stripe)

    @property
    def start_t(self) -> float:
        """When it begins."""
        return self._run.start_t

    @property
    def end_t(self) -> float:
        """When it ends, as far as is known."""
        return self._run.end_t

    @property
    def drained(self) -> bool:
        """Every worker has handed over every row of it, or is lost."""
        return not self._awaited

    def cut(self, instant: float) -> None:
        """End it at ``instant`` if it would last longer."""
        self._run.cut(instant)

    def take(self, row: Request) -> None:
        """Count a row."""
        self._run.intended += 1
        self._run.count(row)
        self._seen.add(row.seq)

    def done(self, worker: int, cpu_s: float) -> None:
        """A worker has handed over every row of its stripe."""
        self._awaited.discard(worker)
        self._cpu_s += cpu_s

    def lose(self, worker: int, count: int, name: str) -> None:
        """Worker ``worker`` of ``count`` is gone: it will hand over nothing more."""
        if worker in self._awaited:
            self._orphans[worker] = count, name

    def owed(self, now: float) -> Iterator[Request]:
        """Once the phase is over: what the stripes of lost workers hold up to its end and nobody saw, as dropped."""
        if now < self.end_t:
            return
        while self._orphans:
            worker, (count, name) = self._orphans.popitem()
            self._awaited.discard(worker)
            run = self._laid_out(self._run.load, self.start_t, Stripe(worker, count))
            for number, arrival in run.arrivals():
                intended_t = self.start_t + arrival.offset_s
                if intended_t >= self.end_t:
                    break
                if number not in self._seen:
                    yield self._owed(number, arrival.kind, intended_t, name)

    def _owed(self, number: int, kind: str, intended_t: float, name: str) -> Request:
        return Request(
            cell=self._plan.name,
            phase=self._run.load.name,
            kind=kind,
            seq=number,
            request_id=None,
            instance="",  # the turn over the instances was the worker's own
            intended_t=intended_t,
            error_kind="dropped",
            dropped=True,
            worker=name,
            warm_up=intended_t < self._run.warm_until_t,
        )

    def summary(self) -> dict[str, Any]:
        """What is told of it once it has drained."""
        return {"cpu_s": self._cpu_s, **self._run.summary()}


class MergedCell:
    """One cell as its workers tell of it."""

    def __init__(self, plan: CellPlan) -> None:
        self.plan = plan
        self.phases: dict[str, MergedPhase] = {}

    def start_phase(self, load: LoadPhase, at: float, workers: int) -> MergedPhase:
        """Begin ``load`` at ``at``; whatever runs then ends there. Raises ``ConfigError`` for what cannot be."""
        known = {kind.name for kind in self.plan.kinds}
        if unknown := sorted(load.kinds - known):
            raise ConfigError(f"phase {load.name!r}: no request kind {', '.join(unknown)}")
        if load.name in self.phases:
            raise ConfigError(f"phase {load.name!r} was already begun in this cell")
        self.cut(at)
        phase = self.phases[load.name] = MergedPhase(self.plan, load, at, len(self.phases), range(workers))
        return phase

    def stop_phase(self, name: str, at: float) -> None:
        """End a phase. Raises ``ConfigError`` if there is none."""
        if name not in self.phases:
            raise ConfigError(f"no phase {name!r} was begun in this cell")
        self.phases[name].cut(at)

    def cut(self, at: float) -> None:
        """Intend nothing from ``at`` on."""
        for phase in self.phases.values():
            phase.cut(at)

    def take(self, rows: bytes) -> None:
        """Count whole lines of a ledger."""
        for line in rows.splitlines():
            row = read_row(line)
            self.phases[row.phase].take(row)
