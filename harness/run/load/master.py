"""The load process that shares one schedule among workers and keeps their ledger. Only it uses this module.

To whoever orders, it is a driver like any other: the same orders, the same status, one ledger per cell. It is a
Locust master: workers connect to it, Locust's own messages carry plan, orders, rows and status, and its
heartbeats tell which worker from elsewhere is gone; for those on this machine the kernel does.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from harness.core.errors import ConfigError, HarnessError, MachineError
from harness.run.load.cells import clock_of
from harness.run.load.child import Child
from harness.run.load.control import Control, Line, complaint
from harness.run.load.ledger import LedgerWriter
from harness.run.load.locust_core import STATE_MISSING, Environment, MasterRunner, Message
from harness.run.load.merging import MergedCell
from harness.run.load.plan import DriverPlan
from harness.run.load.schedule import LoadPhase
from harness.run.load.worker import boot_id

__all__ = ["Master"]

_LEAD_S = 0.1
"""A phase begins so much after its order, so that every worker knows of it before."""
_LOOK_S = 0.25
_FAREWELL_S = 3.0
_EXIT_BROKEN = 3


@dataclass(slots=True)
class _Worker:
    """A worker that has connected. ``process`` is set for those that were started here."""

    index: int
    client: str
    name: str
    process: Child | None = None
    ready: bool = False
    gone: bool = False
    cpu_s: float = 0.0


@dataclass(slots=True)
class _State:
    workers: dict[str, _Worker] = field(default_factory=dict)
    """By Locust's name of the client."""
    early: list[Line] = field(default_factory=list)
    """Orders that came before every worker was ready."""
    ready: bool = False
    quitting: bool = False
    code: int = 0


class Master:
    """Serves one plan with ``plan.workers``."""

    def __init__(self, plan: DriverPlan) -> None:
        self._plan = plan
        self._clock: Callable[[], float] = clock_of(plan)
        self._cells = {cell.name: MergedCell(cell) for cell in plan.cells}
        self._ledgers = {cell.name: LedgerWriter(Path(cell.ledger)) for cell in plan.cells}
        self._state = _State()
        self._done = Event()
        self._control = Control(self._obey, self._finish, self._fail, threaded=True)
        self._children: dict[int, Child] = {}
        self._runner: MasterRunner = Environment().create_master_runner(plan.workers.bind, plan.workers.port)
        for name, take in (
            ("hello", self._take_hello),
            ("rows", self._take_rows),
            ("status", self._take_status),
            ("stopped", self._take_stopped),
        ):
            self._runner.register_message(f"harness_{name}", self._guarded(take))

    def run(self) -> int:
        """Serve until told to quit, standard input ends, or something breaks; the exit status."""
        self._control.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._finish)
        for work in (self._watch, self._flush_often):
            gevent.spawn(work).link_exception(lambda dead: self._fail(dead.exception))
        for _ in range(self._plan.workers.here):
            self._start_worker()
        self._done.wait()
        return self._shut_down()

    # --- workers

    def _start_worker(self) -> None:
        argv = [sys.executable, "-P", "-m", "harness.run.load.driver", "--held"]
        address = f"127.0.0.1:{self._runner.server.port}"
        child = Child([*argv, "--join", address])
        self._children[child.pid] = child

    def _take_hello(self, client: str, data: Line) -> None:
        workers = self._state.workers
        if client in workers or len(workers) >= self._plan.workers.count:
            self._runner.send_message("harness_stop", {}, client)  # one too many: its stripe would be another's
            return
        index = len(workers)
        worker = _Worker(index, client, f"w{index}", self._children.get(data["pid"]))
        workers[client] = worker
        count = self._plan.workers.count
        share = self._plan.share(count, same_clock=data["boot"] == boot_id())
        plan = {"plan": share.to_json(), "index": index, "count": count, "name": worker.name}
        self._runner.send_message("harness_plan", plan, client)

    @property
    def _alive(self) -> list[_Worker]:
        return [worker for worker in self._state.workers.values() if not worker.gone]

    def _watch(self) -> None:
        while not self._done.is_set():
            for pid, child in self._children.items():
                if child.poll() is not None and not any(w.process is child for w in self._state.workers.values()):
                    raise MachineError(f"load worker {pid} ended with {child.poll()} before it was ready")
            for worker in self._alive:
                if reason := self._gone(worker):
                    self._lose(worker, reason)
            self._account()
            gevent.sleep(_LOOK_S)

    def _gone(self, worker: _Worker) -> str:
        if worker.process is not None:
            code = worker.process.poll()
            return "" if code is None else f"it ended with {code}"
        client = self._runner.clients.get(worker.client)
        silent = client is None or client.state == STATE_MISSING
        return "it is silent" if silent else ""

    def _lose(self, worker: _Worker, reason: str) -> None:
        worker.gone = True
        for cell in self._cells.values():
            for phase in cell.phases.values():
                phase.lose(worker.index, self._plan.workers.count, worker.name)
        message = f"load worker {worker.name} is lost: {reason}; what its stripe still held counts as dropped"
        self._control.say({"event": "worker_lost", "worker": worker.name, "message": message})
        if not self._alive:
            self._fail(MachineError("every load worker is lost"))

    def _account(self) -> None:
        """Write what lost workers owe to phases that are over."""
        for cell in self._cells.values():
            for name, phase in cell.phases.items():
                for row in phase.owed(self._clock()):
                    phase.take(row)
                    self._ledgers[cell.plan.name].append(row)
                self._settle(cell, name)

    # --- orders

    def _obey(self, order: Line) -> None:
        if not self._state.ready:
            self._state.early.append(order)
            return
        match order["op"]:
            case "phase":
                self._start_phase(order)
            case "stop_phase":
                order["at"] = self._clock() if order.get("at") is None else order["at"]
                self._cell(order).stop_phase(order["phase"], order["at"])
            case "drain":
                self._cell(order).cut(self._clock())
            case "quit":
                self._state.quitting = True
                for each in self._cells.values():
                    each.cut(self._clock())
                self._control.say({"event": "quitting"})
            case other:
                raise ConfigError(f"no order {other!r}")
        for worker in self._alive:
            self._runner.send_message("harness_order", order, worker.client)
        self._end_if_drained()

    def _start_phase(self, order: Line) -> None:
        cell, load = self._cell(order), LoadPhase.from_json(order["load"])
        order["at"] = self._clock() + _LEAD_S if order.get("at") is None else order["at"]
        phase = cell.start_phase(load, order["at"], self._plan.workers.count)
        for worker in self._state.workers.values():
            if worker.gone:
                phase.lose(worker.index, self._plan.workers.count, worker.name)

    def _cell(self, order: Line) -> MergedCell:
        if order.get("cell") not in self._cells:
            raise ConfigError(f"no cell {order.get('cell')!r}", remedy=f"cells: {', '.join(self._cells)}")
        return self._cells[order["cell"]]

    # --- what workers say

    def _guarded(self, take: Callable[[str, Line], None]) -> Callable[..., None]:
        def guarded(msg: Message, **_: Any) -> None:
            worker = self._state.workers.get(msg.node_id)
            if worker is None or not worker.gone:
                try:
                    take(msg.node_id, msg.data)
                except Exception as error:  # Locust would log it and go on without
                    self._fail(error)

        return guarded

    def _take_rows(self, _: str, data: Line) -> None:
        self._ledgers[data["cell"]].append_written(data["rows"])
        self._cells[data["cell"]].take(data["rows"])

    def _take_status(self, client: str, line: Line) -> None:
        worker = self._state.workers[client]
        match line["event"]:
            case "ready":
                worker.ready = True
                self._begin_if_all_are_ready(line)
            case "phase_started" | "phase_ended":
                self._say_once(line)
            case "phase_drained":
                cell = self._cells[line["cell"]]
                cell.phases[line["phase"]].done(worker.index, line["cpu_s"])
                self._settle(cell, line["phase"])
            case "ceiling_reached":
                self._control.say(line)
            case "error" if line["fatal"]:
                self._fail(HarnessError(f"load worker {worker.name}: {line['message']}"))
            case "error":
                self._control.say(line)

    def _begin_if_all_are_ready(self, line: Line) -> None:
        ready = sum(each.ready for each in self._alive)
        if ready == self._plan.workers.count:
            self._state.ready = True
            self._control.say({**line, "workers": ready})
            for order in self._state.early:
                self._control.obey(order)

    def _take_stopped(self, client: str, data: Line) -> None:
        worker = self._state.workers[client]
        worker.gone, worker.cpu_s = True, data["cpu_s"]

    def _say_once(self, line: Line) -> None:
        phase = self._cells[line["cell"]].phases[line["phase"]]
        if line["event"] not in phase.said:
            phase.said.add(line["event"])
            self._control.say(line)

    def _settle(self, cell: MergedCell, name: str) -> None:
        phase = cell.phases[name]
        if phase.drained and "phase_drained" not in phase.said:
            self._ledgers[cell.plan.name].flush()  # whoever hears of the end finds every row
            self._say_once({"event": "phase_drained", "cell": cell.plan.name, "phase": name, **phase.summary()})
            self._end_if_drained()

    def _end_if_drained(self) -> None:
        phases = [phase for cell in self._cells.values() for phase in cell.phases.values()]
        if self._state.quitting and all(phase.drained for phase in phases):
            self._finish()

    # --- the end

    def _flush_often(self) -> None:
        while not self._done.is_set():
            for ledger in self._ledgers.values():
                ledger.flush()
            gevent.sleep(0.05)

    def _finish(self) -> None:
        self._done.set()

    def _fail(self, error: BaseException) -> None:
        self._control.say({"event": "error", "fatal": True, "message": complaint(error)})
        self._state.code = _EXIT_BROKEN
        self._done.set()

    def _shut_down(self) -> int:
        for worker in self._alive:
            self._runner.send_message("harness_stop", {}, worker.client)
        with gevent.Timeout(_FAREWELL_S, False):
            while self._alive:
                gevent.sleep(0.01)
        for child in self._children.values():
            child.let_go()
        for ledger in self._ledgers.values():
            try:
                ledger.close()
            except HarnessError as error:
                self._fail(error)
        cpu_s = time.process_time() + sum(worker.cpu_s for worker in self._state.workers.values())
        self._control.say({"event": "stopped", "cpu_s": cpu_s})
        self._control.close()
        return self._state.code
