"""Dispatch of one cell: what a schedule holds goes out at its own time, whatever became of what went before.

Users, where a phase has them, go by their answers instead. Only the driver process uses this module.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import gevent
from gevent.event import Event

from harness.core.errors import ConfigError
from harness.run.load.ledger import Request
from harness.run.load.mix import proportional
from harness.run.load.plan import CellPlan, Instance
from harness.run.load.requests import RequestKind
from harness.run.load.rows import Due, dropped_row, sent_row
from harness.run.load.schedule import LoadPhase, Users
from harness.run.load.tally import Allowance, PhaseRun, Stripe
from harness.run.load.template import Template, request_id
from harness.run.load.wire import Target

__all__ = ["CellDrive", "RowSink", "Surroundings"]

_BURST = 16
_LATEST_ORDER_S = 5.0


class RowSink(Protocol):
    """Where rows go: the ledger itself, or the way to whoever keeps it."""

    def append(self, row: Request) -> None:
        """Take ``row`` in, to be handed over with the next flush."""

    def flush(self) -> None:
        """Hand over what waits."""

    def close(self) -> None:
        """Hand over what waits; nothing comes after it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all cells of a driver share. ``clock`` gives epoch seconds and never steps."""

    run_id: str
    clock: Callable[[], float]
    cpu_s: Callable[[], float]
    allowance: Allowance
    emit: Callable[[dict[str, Any]], None]
    report: Callable[[Request, str], None]
    fail: Callable[[BaseException], None]
    stripe: Stripe = field(default_factory=Stripe)
    worker: str = ""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A kind made ready to send: compiled, with its own turn over the instances.

    Each kind has its own turn, else two kinds that alternate over two instances would each meet one.
    """

    kind: RequestKind
    template: Template
    turn: Iterator[str]


class CellDrive:
    """One cell: takes phases, sends what they intend, writes a row for each request.

    ``targets`` are keyed by the instance's name and the name of the port.
    """

    def __init__(
        self, plan: CellPlan, targets: Mapping[tuple[str, str], Target], ledger: RowSink, around: Surroundings
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self.phases: dict[str, PhaseRun] = {}
        self._targets = targets
        self._around = around
        self._instances = {instance.name: instance for instance in plan.instances}
        weights = {instance.name: instance.weight for instance in plan.instances}
        self._ready = {kind.name: _Ready(kind, Template(kind, plan.seed), proportional(weights)) for kind in plan.kinds}
        self._queue: deque[PhaseRun] = deque()
        self._wake = Event()
        self._stopping = False
        self._running = False
        self._flying: set[gevent.Greenlet] = set()
        self._users: list[gevent.Greenlet] = []
        self._kept: Counter[tuple[str, int]] = Counter()

    @property
    def drained(self) -> bool:
        """Nothing is scheduled and nothing is in flight."""
        return all(phase.drained for phase in self.phases.values())

    def start_phase(self, load: LoadPhase, at: float | None) -> None:
        """Begin ``load`` at ``at`` (epoch seconds, None is now); whatever runs then ends there.

        Raises ``ConfigError`` for a kind that the cell does not have, a name used before, an instant
        that is long past, more users than may be in flight, or a ceiling.
        """
        self._check(load)
        phase = PhaseRun(
            load,
            self._instant(at),
            len(self.phases),
            speed=self.plan.speed,
            seed=self.plan.seed,
            stripe=self._around.stripe,
        )
        self._cut_all(phase.start_t)
        self.phases[load.name] = phase
        self._queue.append(phase)
        self._wake.set()

    def _check(self, load: LoadPhase) -> None:
        if unknown := sorted(load.kinds - set(self._ready)):
            raise ConfigError(
                f"phase {load.name!r}: no request kind {', '.join(unknown)}",
                remedy=f"the cell has {', '.join(sorted(self._ready)) or 'none'}",
            )
        if load.name in self.phases:
            raise ConfigError(f"phase {load.name!r} was already begun in this cell")
        users = sum(item.users for item in load.traffic if isinstance(item, Users))
        if users > self.plan.max_in_flight:
            raise ConfigError(
                f"phase {load.name!r}: {users} users, but {self.plan.max_in_flight} requests may be in flight"
            )
        refusal = self._around.allowance.refusal(load, (item.host for item in self.plan.instances))
        if refusal:
            raise ConfigError(refusal)

    def stop_phase(self, name: str, at: float | None) -> None:
        """End a phase at ``at`` (epoch seconds, None is now). Raises ``ConfigError`` if there is none."""
        if name not in self.phases:
            raise ConfigError(f"no phase {name!r} was begun in this cell")
        self.phases[name].cut(self._instant(at))
        self._wake.set()

    def cut(self) -> None:
        """Intend nothing after this instant; what is in flight goes on."""
        self._cut_all(self._around.clock())
        self._wake.set()

    def stop(self) -> None:
        """Intend nothing more, leave everything in flight, and write its rows."""
        self._stopping = True
        self.cut()
        while self._running:
            gevent.sleep(0)
        gevent.sleep(0)  # a greenlet that is killed before its first step would leave no row
        gevent.killall([*self._flying, *self._users])
        for target in self._targets.values():
            target.close()

    def run(self) -> None:
        """Drive phase after phase until ``stop``."""
        self._running = True
        try:
            while self._queue or not self._stopping:
                if self._queue:
                    self._drive(self._queue.popleft())
                else:
                    self._wait(None)
        finally:
            self._running = False

    def _cut_all(self, instant: float) -> None:
        for phase in self.phases.values():
            if not phase.over:
                phase.cut(instant)

    def _instant(self, at: float | None) -> float:
        now = self._around.clock()
        if at is None:
            return now
        if not at >= now - _LATEST_ORDER_S:
            raise ConfigError(
                f"{at} is {now - at:.1f} s ago: every request up to now would be sent at once",
                remedy="give epoch seconds, and the order before its instant",
            )
        return at

    def _wait(self, seconds: float | None) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def _reached(self, phase: PhaseRun, instant: float) -> bool:
        """Wait for ``instant``; False as soon as the phase is known to end before it."""
        while instant < phase.end_t:
            left = instant - self._around.clock()
            if left <= 0:
                return True
            self._wait(left)
        return False

    def _drive(self, phase: PhaseRun) -> None:
        begins = self._reached(phase, phase.start_t)
        phase.cpu_start_s = self._around.cpu_s()
        if begins:
            self._tell("phase_started", phase, at=phase.start_t)
            self._start_users(phase)
            self._send_all(phase)
        while (left := phase.end_t - self._around.clock()) > 0:
            self._wait(left)
        phase.over = True
        self._tell("phase_ended", phase, at=phase.end_t, intended=phase.intended)
        self._settle(phase)

    # --- open loop

    def _send_all(self, phase: PhaseRun) -> None:
        for turn, (number, arrival) in enumerate(phase.arrivals(), 1):
            intended_t = phase.start_t + arrival.offset_s
            if not self._reached(phase, intended_t):
                break
            due = self._due(phase, arrival.kind, number, phase.first + arrival.body, intended_t)
            if self._has_room(due.instance):
                self._spawn(self._send, due)
            else:
                self._record(due, dropped_row(due))
            if turn % _BURST == 0:
                gevent.sleep(0)  # behind its schedule the loop never waits, and what it spawned must start

    def _due(self, phase: PhaseRun, kind: str, number: int, body: int, intended_t: float) -> Due:
        ready = self._ready[kind]
        instance = self._instances[next(ready.turn)]
        phase.intended += 1
        phase.in_flight += 1
        return Due(self.plan.name, self._around.worker, phase, ready.kind, instance, number, body, intended_t)

    def _has_room(self, instance: Instance) -> bool:
        if self._stopping or len(self._flying) >= self.plan.max_in_flight:
            return False
        allowance = self._around.allowance
        if allowance.admit(instance.host, self._around.clock()):
            return True
        if words := allowance.reached(instance.host):
            self._around.emit({"event": "ceiling_reached", "cell": self.plan.name, "message": words})
        return False

    def _spawn(self, work: Callable[..., None], *arguments: object) -> gevent.Greenlet:
        greenlet = gevent.spawn(work, *arguments)
        greenlet.link_exception(lambda dead: self._around.fail(dead.exception))
        if work == self._send:
            self._flying.add(greenlet)
        return greenlet

    # --- closed loop

    def _start_users(self, phase: PhaseRun) -> None:
        stripe = self._around.stripe
        self._users = [user for user in self._users if not user.dead]
        for users in phase.load.traffic:
            if isinstance(users, Users):
                kinds = proportional(users.mix)
                own = sum(1 for number in range(users.users) if number % stripe.workers == stripe.index)
                self._users += [self._spawn(self._use, phase, users, kinds) for _ in range(own)]

    def _use(self, phase: PhaseRun, users: Users, kinds: Iterator[str]) -> None:
        while not self._stopping and (now := self._around.clock()) < phase.end_t:
            number = next(phase.closed_numbers)
            due = replace(self._due(phase, next(kinds), number, number, now), loop="closed")
            if not self._has_room(due.instance):
                self._record(due, dropped_row(due))
                return
            self._flying.add(gevent.getcurrent())
            self._send(due)
            gevent.sleep(users.think_s / self.plan.speed)

    # --- either

    def _send(self, due: Due) -> None:
        target = self._targets[due.instance.name, due.kind.port]
        template = self._ready[due.kind.name].template
        name = request_id(self._around.run_id, self.plan.name, due.seq)
        try:
            exchange = target.exchange(template.fill(target.authority, due.seq, name, due.body), due.kind)
            dropped = exchange.error_kind == "dropped"
            row = dropped_row(due) if dropped else sent_row(due, exchange, name if template.names_request else None)
            if self._keeps(row, due.kind):
                row = replace(row, answer=exchange.last_document())
        finally:
            self._flying.discard(gevent.getcurrent())
        self._record(due, row)

    def _keeps(self, row: Request, kind: RequestKind) -> bool:
        """Whether it is among the first answers of its status, of a kind whose answers are promised something."""
        if not kind.keeps_answers or row.status is None or row.aborted:
            return False
        self._kept[kind.name, row.status] += 1
        return bool(self._kept[kind.name, row.status] <= kind.keeps_answers)

    def _record(self, due: Due, row: Request) -> None:
        self.ledger.append(row)
        due.phase.count(row)
        due.phase.in_flight -= 1
        self._around.report(row, due.kind.method)
        self._settle(due.phase)

    def _settle(self, phase: PhaseRun) -> None:
        if not phase.drained:
            return
        self.ledger.flush()  # whoever hears of the end finds every row
        self._tell("phase_drained", phase, cpu_s=self._around.cpu_s() - phase.cpu_start_s, **phase.summary())
        if self.drained and not self._queue:
            for target in self._targets.values():
                target.close()  # a client that has no more to ask goes away: what counts connections comes to rest

    def _tell(self, event: str, phase: PhaseRun, **more: Any) -> None:
        self._around.emit({"event": event, "cell": self.plan.name, "phase": phase.load.name, **more})
