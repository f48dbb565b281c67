"""Drive one story: phases, load, faults; end a phase as soon as nothing about it is open; record to the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.clauses.aborting import ends_story
from harness.clauses.bounds import phase_bound_s
from harness.clauses.limit import Search, load_steps, next_rate
from harness.clauses.model import Clause, NeedKind
from harness.clauses.production import AlertFacts
from harness.clauses.scrapes import jobs_read
from harness.clauses.slicing import OFFERED, SETTLED
from harness.clauses.until import awaited
from harness.contract.files import Phase
from harness.core.events import CellHeld, HopSeen, PhaseEnded, PhaseStarted
from harness.evidence.records import CellFinished, CellStarted, PhaseMark, Reading, Record, Watched
from harness.run.barriers import pass_barriers
from harness.run.bound import scaled_query
from harness.run.cell import Cell
from harness.run.chain import chain
from harness.run.dead_man import DeadMansSwitch
from harness.run.fault_desk import FaultDesk
from harness.run.load.generator import GeneratorEndedError
from harness.run.load_desk import LoadDesk
from harness.run.observe.cell import CellObserver
from harness.run.observing import observer_of
from harness.run.rest import come_to_rest
from harness.run.shared import SharedParts
from harness.run.stack.wait import CancelledError, WaitTimeoutError, eventually

__all__ = ["BEFOREHAND", "Conductor"]

_TICK_S = 0.1
_LOOK_S = 0.5
_TOLD_WITHIN_S = 2.0
BEFOREHAND: frozenset[NeedKind] = frozenset({"expositions", "query"})
"""What is read to its end before the first request is sent."""


@dataclass(frozen=True, slots=True)
class _CutShortError(Exception):
    reason: str


@dataclass(slots=True)
class _Progress:
    hops: set[tuple[str, str]] = field(default_factory=set)
    held: bool = False
    tells_at: float = 0.0
    aborts_at: float = 0.0
    """Monotonic instant of the next look for a threshold that ends the story."""
    looks_at: float = 0.0
    """Monotonic instant of the next look for a violation to hold at."""
    overslept_s: float = 0.0
    blind: frozenset[str] = frozenset()
    """Parts of the stack that were cut and have not been read to the present since."""


class Conductor:
    """One story in one cell. ``run`` returns when it is over, whatever ended it, with everything recorded."""

    def __init__(self, cell: Cell, shared: SharedParts, clauses: Sequence[Clause]) -> None:
        self.cell, self.shared, self.clauses = cell, shared, clauses
        self._recorder, self._cancel = cell.context.recorder, cell.context.cancel
        self._evidence = self._recorder.evidence
        self._scenario = cell.plan.scenario
        self._alerts = tuple(self._alert_facts())
        self._switches = tuple(self._dead_mans_switches())
        self._aborting = [clause for clause in cell.context.selection.clauses if clause.abort]
        self._progress = _Progress()
        self._cut = ""

    def cut_short(self, reason: str) -> None:
        """End the story now: a part that it needs is gone. Safe to call from any thread."""
        self._cut = self._cut or reason

    def run(self) -> None:
        """Play all phases, then settle, read what is left, and close the cell's evidence."""
        self._start_clock()
        observer = observer_of(self.cell, self.shared, self._add)
        self._load = LoadDesk(self.cell, self.shared)
        self._faults = FaultDesk(self.cell)
        completed, reason = True, ""
        try:
            observer.settle(time.time(), BEFOREHAND)  # what is there before anything happens
            wanted = self.cell.context.request.search
            if wanted:
                self._search(observer, Search.of(wanted))
            else:
                self._play_all(observer)
        except _CutShortError as error:
            completed, reason = False, error.reason
        except GeneratorEndedError as error:
            completed, reason = False, self._why_ended(error.problem)
        finally:
            self._close(observer)
        self._add(CellFinished(self.cell.name, time.time(), completed, reason))
        self._progress.looks_at = 0.0
        self._hold_if_violated()

    def _why_ended(self, problem: str) -> str:
        """What ended the generator is told a moment after its pipe broke: its own death, or that of the warden."""
        with contextlib.suppress(WaitTimeoutError, CancelledError):
            eventually(lambda: self._cut, what="the generator's end", within_s=_TOLD_WITHIN_S, cancel=self._cancel)
        return "cancelled" if self._cancel.is_set() else self._cut or problem

    # --- clock

    def _start_clock(self) -> None:
        production, cell = self.cell.context.production, self.cell
        names = tuple(place.name for place in cell.place.instances)
        scrape_s, evaluation_s = production.scrape_s / cell.speed, production.evaluation_s / cell.speed
        jobs = jobs_read(cell.context.campaign, production, self._scenario, self.clauses)
        self._add(CellStarted(cell.name, time.time(), cell.speed, scrape_s, evaluation_s, names, jobs))

    def _add(self, record: Record) -> None:
        self._recorder.add(record)

    def _production_s(self, t: float) -> float:
        return self._evidence.production_s(self.cell.name, t)

    def _alert_facts(self) -> list[AlertFacts]:
        names = dict.fromkeys(
            clause.name for clause in self.clauses if clause.plane == "alerts" and clause.scope == self.cell.name
        )
        delivery_s = self.cell.context.campaign.contract.budgets.delivery
        found = (self.cell.context.production.alert(name, delivery_s) for name in names)
        return [facts for facts in found if facts]

    def _dead_mans_switches(self) -> Iterator[DeadMansSwitch]:
        contract = self.cell.context.campaign.contract
        for name, alert in contract.alerts.items() if self.cell.receivers else ():
            if not alert.always:
                continue
            facts = self.cell.context.production.alert(name, contract.budgets.delivery, alert.reaches)
            if facts:
                receiver = alert.reaches or facts.receiver
                yield DeadMansSwitch(self.cell.name, self.cell.speed, facts, receiver, self._add)

    # --- phases

    def _play_all(self, observer: CellObserver) -> None:
        for index, phase in enumerate(self._scenario.phases):
            self._play(observer, index, phase)
        self._faults.heal_all()
        self._settle(observer)

    def _search(self, observer: CellObserver, search: Search) -> None:
        """Each phase at the rate that follows from those before it, until no rate does."""
        cell, clauses = self.cell, self.cell.context.selection.clauses
        for index, phase in enumerate(self._scenario.phases):
            steps = load_steps(cell.context.campaign, clauses, self._evidence, cell.name)
            rate = next_rate(search, [(step.rate_per_s, step.held) for step in steps])
            if rate is None or phase.load is None:
                return
            self._add(Reading(cell.name, time.time(), "generator", OFFERED, rate))
            load = phase.load.model_copy(update={"rate": rate})
            self._play(observer, index, phase.model_copy(update={"load": load}))
            settled = self._settle(observer)
            self._until_watched(observer, time.time())
            self._add(Reading(cell.name, time.time(), "generator", SETTLED, float(settled)))

    def _until_watched(self, observer: CellObserver, t: float) -> None:
        """Go on until everything up to ``t`` has been recorded."""
        while self._evidence.horizon(self.cell.name) < t:
            self._tick(observer)
            self._pause(_TICK_S)

    def _play(self, observer: CellObserver, index: int, phase: Phase) -> None:
        bound_s = phase_bound_s(self.cell.context.campaign, self.cell.context.production, self._scenario, phase)
        began = time.time()
        self._add(PhaseMark(self.cell.name, began, phase.name, "start", planned_s=bound_s))
        detail = ", ".join(f"{name} {value}" for name, value in phase.disturbances.items())
        self._recorder.say(PhaseStarted(began, self.cell.name, phase.name, self._production_s(began), detail))
        self._faults.change_to(phase)
        self._load.start(phase, bound_s)
        waiting = awaited(self._scenario, phase, self.clauses)
        reason = self._until(observer, began + bound_s / self.cell.speed, waiting, fixed=phase.lasts is not None)
        if index + 1 < len(self._scenario.phases) and self._scenario.phases[index + 1].load is None:
            self._load.stop()
        observer.phase_ended(time.time())  # what is read at its end belongs to the phase
        ended = time.time()
        self._add(PhaseMark(self.cell.name, ended, phase.name, "end", reason))
        self._recorder.say(PhaseEnded(ended, self.cell.name, phase.name, self._production_s(ended), reason))

    def _until(self, observer: CellObserver, deadline: float, waiting: Sequence[Clause], *, fixed: bool) -> str:
        while True:
            self._tick(observer)
            if not fixed and self._decided(waiting):
                return "its condition is decided"
            remaining = deadline - time.time()
            if remaining <= 0:
                return "its length" if fixed else "its bound has passed"
            self._pause(min(_TICK_S, remaining))

    def _pause(self, length_s: float) -> None:
        """Wait, and note by how much the machine overslept: it was not ours then."""
        began = time.monotonic()
        self._cancel.wait(length_s)
        self._progress.overslept_s = max(self._progress.overslept_s, time.monotonic() - began - length_s)

    def _tick(self, observer: CellObserver) -> None:
        now = time.time()
        if self._cancel.is_set():
            raise _CutShortError("cancelled")
        if self._cut:
            raise _CutShortError(self._cut)
        observer.poll(now)
        self._load.poll()
        self._faults.poll()
        for switch in self._switches:
            switch.poll(self._evidence, now)
        self._watched(observer, now)
        if now >= self._progress.tells_at:
            self._progress.tells_at = now + _LOOK_S
            self._tell_hops()
        self._hold_if_violated()
        self._end_if_hopeless()

    def _watched(self, observer: CellObserver, now: float) -> None:
        """Samples reach the database, and pages the sinks, a little after their own time.

        While a part cannot be asked because the story cut it, nothing is known of what it will tell later.
        """
        self._progress.blind = self._faults.blind | (self._progress.blind & observer.unread)
        if self._progress.blind:
            return
        production, speed = self.cell.context.production, self.cell.speed
        lag_s = 0.25 + (2 * production.scrape_s + 2 * production.evaluation_s) / speed
        self._add(Watched(self.cell.name, now - lag_s))

    def _decided(self, waiting: Sequence[Clause]) -> bool:
        return all(clause.judge(self._evidence).verdict != "open" for clause in waiting)

    def _hold_if_violated(self) -> None:
        """With ``--hold``, stay at the first violation, whatever is awaited meanwhile, until cancelled."""
        now = time.monotonic()
        if self._progress.held or not self.cell.context.request.hold or now < self._progress.looks_at:
            return
        self._progress.looks_at = now + _LOOK_S
        for clause in self.clauses:
            judgement = clause.judge(self._evidence) if self.cell.name in clause.cells else None
            if judgement and judgement.verdict == "violated" and not self._cancel.is_set():
                self._hold(clause.id, judgement.message)
                return

    def _end_if_hopeless(self) -> None:
        """End the story where a threshold that may do so has failed, and its delay has passed."""
        now = time.monotonic()
        if now >= self._progress.aborts_at:
            self._progress.aborts_at = now + _LOOK_S
            reason = ends_story(self._aborting, self._evidence, self.cell.name, time.time())
            if reason:
                raise _CutShortError(reason)

    def _hold(self, clause: str, message: str) -> None:
        self._progress.held = True
        clock, production = self.cell.bound.clock, self.cell.context.production
        queries = tuple(scaled_query(facts.rule.expression, clock, production) for facts in self._alerts)
        self._recorder.note(f"{clause}: {message}; held until Ctrl-C", warning=True)
        self._recorder.say(CellHeld(time.time(), self.cell.name, self.cell.urls(), queries))
        self._cancel.wait()

    def _tell_hops(self) -> None:
        streams = [item.about for item in self._scenario.expectations if item.subject == "log"]
        seen = chain(self.cell.context.campaign, self._evidence, self.cell.name, self._alerts, streams)
        for hop in seen:
            self._tell(hop)

    def _tell(self, hop: HopSeen) -> None:
        key = (hop.hop, f"{hop.about} {hop.detail}" if hop.hop in {"health", "fault"} else hop.about)
        if key not in self._progress.hops:
            self._progress.hops.add(key)
            self._recorder.say(hop)

    # --- the end

    def _settle(self, observer: CellObserver) -> bool:
        """Let everything in flight arrive, then pass the conservation barriers; whether all that was sent ended."""
        drained = self._load.drain(lambda: self._tick(observer))
        pass_barriers(self.cell, observer, self._load, lambda: self._tick(observer))
        come_to_rest(self.cell, observer, lambda: self._tick(observer))
        return drained

    def _close(self, observer: CellObserver) -> None:
        self._load.stop()
        self._faults.heal_all()
        for component, reason in self._dead():
            observer.lost(component, reason)
        now = time.time()
        observer.finish(now)
        self._load.poll()
        self._add(Watched(self.cell.name, now))
        self._add(Reading(self.cell.name, now, "harness", "overslept_s", round(self._progress.overslept_s, 3)))
        self._tell_hops()

    def _dead(self) -> list[tuple[str, str]]:
        everything = {**self.cell.processes, **self.shared.processes}
        return [(name, "it ended") for name, process in everything.items() if not process.alive]
