"""Open-loop dispatch of one cell: every request goes out at its own time, whatever became of the ones before.

Only the driver process uses this module.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.event import Event

from harness.core.errors import ConfigError
from harness.run.load.answer import read_answer
from harness.run.load.ledger import LedgerWriter, Request
from harness.run.load.plan import CellPlan, Instance
from harness.run.load.requests import RequestKind
from harness.run.load.schedule import Arrival, LoadPhase, proportional
from harness.run.load.tally import Allowance, PhaseRun
from harness.run.load.template import Template, request_id
from harness.run.load.wire import Exchange, Target

__all__ = ["CellDrive", "Surroundings"]

_BURST = 16
_LATEST_ORDER_S = 5.0


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


@dataclass(frozen=True, slots=True)
class _Ready:
    """A kind made ready to send: compiled, with its own turn over the instances.

    Each kind has its own turn, else two kinds that alternate over two instances would each meet one.
    """

    kind: RequestKind
    template: Template
    turn: Iterator[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class _Due:
    phase: PhaseRun
    ready: _Ready
    instance: Instance
    seq: int
    body: int
    intended_t: float


class CellDrive:
    """One cell: takes phases, sends what they intend, writes a row for each request."""

    def __init__(
        self, plan: CellPlan, targets: Mapping[str, Target], ledger: LedgerWriter, around: Surroundings
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self.phases: dict[str, PhaseRun] = {}
        self._targets = targets
        self._around = around
        self._instances = {instance.name: instance for instance in plan.instances}
        weights = {instance.name: instance.weight for instance in plan.instances}
        self._ready = {kind.name: _Ready(kind, Template(kind, plan.seed), proportional(weights)) for kind in plan.kinds}
        self._bodies = dict.fromkeys(self._ready, 0)
        self._queue: deque[PhaseRun] = deque()
        self._wake = Event()
        self._stopping = False
        self._running = False
        self._seq = 0
        self._flying: set[gevent.Greenlet] = set()

    @property
    def drained(self) -> bool:
        """Nothing is scheduled and nothing is in flight."""
        return all(phase.drained for phase in self.phases.values())

    def start_phase(self, load: LoadPhase, at: float | None) -> None:
        """Begin ``load`` at ``at`` (epoch seconds, None is now); whatever runs then ends there.

        Raises ``ConfigError`` for a kind that the cell does not have, a name used before, an instant
        that is long past, or a ceiling.
        """
        unknown = sorted(kind for kind, weight in load.mix.items() if weight and kind not in self._ready)
        if unknown:
            raise ConfigError(
                f"phase {load.name!r}: no request kind {', '.join(unknown)}",
                remedy=f"the cell has {', '.join(sorted(self._ready)) or 'none'}",
            )
        if load.name in self.phases:
            raise ConfigError(f"phase {load.name!r} was already begun in this cell")
        refusal = self._around.allowance.refusal(load, (item.host for item in self.plan.instances))
        if refusal:
            raise ConfigError(refusal)
        phase = PhaseRun(load, self._instant(at), speed=self.plan.speed, seed=self.plan.seed)
        self._cut_all(phase.start_t)
        self.phases[load.name] = phase
        self._queue.append(phase)
        self._wake.set()

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
        gevent.killall(list(self._flying))
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
            self._send_all(phase)
        while (left := phase.end_t - self._around.clock()) > 0:
            self._wait(left)
        phase.over = True
        self._tell("phase_ended", phase, at=phase.end_t, intended=phase.intended)
        self._settle(phase)

    def _send_all(self, phase: PhaseRun) -> None:
        phase.first_body = dict(self._bodies)
        for number, arrival in enumerate(phase.arrivals, 1):
            intended_t = phase.start_t + arrival.offset_s
            if not self._reached(phase, intended_t):
                break
            self._dispatch(phase, arrival, intended_t)
            if number % _BURST == 0:
                gevent.sleep(0)  # behind its schedule the loop never waits, and what it spawned must start

    def _dispatch(self, phase: PhaseRun, arrival: Arrival, intended_t: float) -> None:
        ready = self._ready[arrival.kind]
        instance = self._instances[next(ready.turn)[0]]
        body = phase.first_body[arrival.kind] + arrival.body
        due = _Due(phase, ready, instance, self._seq, body, intended_t)
        self._seq += 1
        self._bodies[arrival.kind] = body + 1
        phase.intended += 1
        phase.in_flight += 1
        if self._has_room(instance):
            greenlet = gevent.spawn(self._send, due)
            greenlet.link_exception(lambda dead: self._around.fail(dead.exception))
            self._flying.add(greenlet)
        else:
            self._record(due, _dropped_row(self.plan.name, due))

    def _has_room(self, instance: Instance) -> bool:
        if self._stopping or len(self._flying) >= self.plan.max_in_flight:
            return False
        return self._around.allowance.admit(instance.host, self._around.clock())

    def _send(self, due: _Due) -> None:
        target = self._targets[due.instance.name]
        template = due.ready.template
        name = request_id(self._around.run_id, self.plan.name, due.seq)
        try:
            exchange = target.exchange(template.fill(target.authority, due.seq, name, due.body), due.ready.kind)
            if exchange.error_kind == "dropped":
                row = _dropped_row(self.plan.name, due)
            else:
                row = _sent_row(self.plan.name, due, exchange, name if template.names_request else None)
        finally:
            self._flying.discard(gevent.getcurrent())
        self._record(due, row)

    def _record(self, due: _Due, row: Request) -> None:
        self.ledger.append(row)
        due.phase.count(row)
        due.phase.in_flight -= 1
        self._around.report(row, due.ready.kind.method)
        self._settle(due.phase)

    def _settle(self, phase: PhaseRun) -> None:
        if not phase.drained:
            return
        self.ledger.flush()  # whoever hears of the end finds every row
        self._tell("phase_drained", phase, cpu_s=self._around.cpu_s() - phase.cpu_start_s, **phase.summary())

    def _tell(self, event: str, phase: PhaseRun, **more: Any) -> None:
        self._around.emit({"event": event, "cell": self.plan.name, "phase": phase.load.name, **more})


def _dropped_row(cell: str, due: _Due) -> Request:
    return Request(
        cell=cell,
        phase=due.phase.load.name,
        kind=due.ready.kind.name,
        seq=due.seq,
        request_id=None,
        instance=due.instance.name,
        intended_t=due.intended_t,
        labels=due.ready.kind.labels,
        error_kind="dropped",
        dropped=True,
    )


def _sent_row(cell: str, due: _Due, exchange: Exchange, name: str | None) -> Request:
    kind = due.ready.kind
    reading = read_answer(kind.read, exchange.header, exchange.documents())
    tokens = exchange.tokens
    if exchange.error_kind is None and not exchange.aborted and exchange.status not in kind.expect_status:
        exchange.error_kind = "status"
    return Request(
        cell=cell,
        phase=due.phase.load.name,
        kind=kind.name,
        seq=due.seq,
        request_id=reading.request_id or name,
        instance=due.instance.name,
        intended_t=due.intended_t,
        sent_t=exchange.sent_t,
        first_byte_t=exchange.first_byte_t,
        first_token_t=tokens.token_times[0] if tokens and tokens.token_times else None,
        gaps=tokens.gaps() if tokens else None,
        end_t=exchange.end_t,
        status=exchange.status,
        expected=exchange.error_kind is None,
        bytes_in=exchange.bytes_in,
        bytes_out=exchange.bytes_out,
        work_units=reading.work_units,
        labels={**kind.labels, **reading.labels},
        error_kind=exchange.error_kind,
        aborted=exchange.aborted,
    )
