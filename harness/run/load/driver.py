"""The load generator's own process: Locust, and the open-loop cells in it. No module may import this one.

    python -m harness.run.load.driver --plan plan.json

Control lines come on standard input, one JSON object each:

    {"op": "phase", "cell": c, "load": {…LoadPhase…}, "at": epoch or null}     begin a phase, ending the one before
    {"op": "stop_phase", "cell": c, "phase": name, "at": epoch or null}        end a phase early
    {"op": "drain", "cell": c}                                                 intend nothing more
    {"op": "quit"}                                                             drain all cells, then exit

Status lines go to standard output: ``ready``, ``phase_started``, ``phase_ended``, ``phase_drained`` (nothing in
flight, every row in the ledger; counts, lateness, CPU), ``stopped`` and ``error``. When standard input
ends the process stops at once: what is in flight is left, its rows are written.
"""

from __future__ import annotations

import argparse
import gc
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import orjson
from gevent.event import Event
from gevent.fileobject import FileObject
from gevent.queue import Queue
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from harness.core.errors import ConfigError, HarnessError
from harness.run.load.dispatch import CellDrive, Surroundings
from harness.run.load.ledger import LedgerWriter, Request
from harness.run.load.plan import CellPlan, DriverPlan, read_plan, resolved
from harness.run.load.schedule import LoadPhase
from harness.run.load.tally import Allowance
from harness.run.load.wire import Target

_FLUSH_EVERY_S = 0.05
_LAST_WORDS_S = 0.3
_EXIT_PLAN, _EXIT_BROKEN = 2, 3

Line = dict[str, Any]


class _Driver:
    def __init__(self, plan: DriverPlan, addresses: dict[str, str]) -> None:
        offset_s = plan.clock_offset_s
        self._offset_s = time.time() - time.monotonic() if offset_s is None else offset_s
        self._lines: Queue[Line | None] = Queue()
        self._done, self._written = Event(), Event()
        self._code = 0
        self._quitting = False
        self._locust = Environment()
        self._fire: Callable[..., None] = self._locust.events.request.fire
        self._around = Surroundings(
            run_id=plan.run_id,
            clock=self._now,
            cpu_s=time.process_time,
            allowance=Allowance(plan.ceilings),
            emit=self._emit,
            report=self._report,
            fail=self._fail,
        )
        self._cells = {cell.name: self._drive(cell, addresses) for cell in plan.cells}
        self._ops: dict[str, Callable[[Line], None]] = {
            "phase": self._op_phase,
            "stop_phase": self._op_stop_phase,
            "drain": self._op_drain,
            "quit": self._op_quit,
        }

    def _now(self) -> float:
        return self._offset_s + time.monotonic()

    def _drive(self, cell: CellPlan, addresses: dict[str, str]) -> CellDrive:
        targets = {
            (item.name, port): Target(
                (addresses[item.host], item.port(port)), item.authority(port), idle_s=cell.idle_s, clock=self._now
            )
            for item in cell.instances
            for port in {kind.port for kind in cell.kinds}
        }
        return CellDrive(cell, targets, LedgerWriter(Path(cell.ledger)), self._around)

    def run(self) -> int:
        """Serve until told to quit, standard input ends, or something breaks; the exit status."""
        for work in (self._write_status, self._flush_often, self._obey):
            gevent.spawn(work).link_exception(lambda dead: self._fail(dead.exception))
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._finish, 0)
        self._start_users()
        self._emit({"event": "ready", "cells": sorted(self._cells), "cpu_s": time.process_time()})
        self._done.wait()
        return self._shut_down()

    def _start_users(self) -> None:
        waiting, fail = iter(self._cells.values()), self._fail

        class CellUser(User):
            """Locust's view of a cell: one user that drives it for the whole run."""

            @task
            def drive(self) -> None:
                try:
                    next(waiting).run()
                except Exception as error:  # Locust would log it and ask for the next task
                    fail(error)
                raise StopUser

        self._locust.user_classes = [CellUser]
        self._locust.create_local_runner().start(len(self._cells), spawn_rate=len(self._cells))

    def _shut_down(self) -> int:
        for cell in self._cells.values():
            try:
                cell.stop()
                cell.ledger.close()
            except HarnessError as error:
                self._fail(error)
        self._emit({"event": "stopped", "cpu_s": time.process_time()})
        self._lines.put(None)
        self._written.wait(_LAST_WORDS_S)
        return self._code

    def _finish(self, code: int) -> None:
        self._code = self._code or code
        self._done.set()

    def _fail(self, error: BaseException) -> None:
        message = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
        self._emit({"event": "error", "fatal": True, "message": message})
        self._finish(_EXIT_BROKEN)

    def _emit(self, line: Line) -> None:
        self._lines.put(line)
        if self._quitting and all(cell.drained for cell in self._cells.values()):
            self._finish(0)

    def _write_status(self) -> None:
        # Cooperative writes: a reader that falls behind must not delay a single request.
        out = FileObject(sys.stdout.fileno(), "wb", closefd=False)
        try:
            while (line := self._lines.get()) is not None:
                out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                out.flush()
        except BrokenPipeError:
            self._finish(0)  # nobody listens any more, which is as good as the end of standard input
        finally:
            self._written.set()

    def _flush_often(self) -> None:
        while not self._done.is_set():
            for cell in self._cells.values():
                cell.ledger.flush()
            gevent.sleep(_FLUSH_EVERY_S)

    def _obey(self) -> None:
        for line in FileObject(sys.stdin.fileno(), "rb", closefd=False):
            try:
                order = orjson.loads(line)
                self._ops[order["op"]](order)
            except (HarnessError, ValueError, LookupError, TypeError) as error:
                message = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
                self._emit({"event": "error", "fatal": False, "message": message, "line": line.decode()})
        self._finish(0)

    def _cell(self, order: Line) -> CellDrive:
        if order.get("cell") not in self._cells:
            raise ConfigError(f"no cell {order.get('cell')!r}", remedy=f"cells: {', '.join(self._cells)}")
        return self._cells[order["cell"]]

    def _op_phase(self, order: Line) -> None:
        self._cell(order).start_phase(LoadPhase.from_json(order["load"]), order.get("at"))

    def _op_stop_phase(self, order: Line) -> None:
        self._cell(order).stop_phase(order["phase"], order.get("at"))

    def _op_drain(self, order: Line) -> None:
        self._cell(order).cut()

    def _op_quit(self, _: Line) -> None:
        self._quitting = True
        for cell in self._cells.values():
            cell.cut()
        self._emit({"event": "quitting"})

    def _report(self, row: Request, method: str) -> None:
        """Into Locust's own statistics: response time from the intended instant, and the first token."""
        name, fire = f"{row.cell} {row.kind}", self._fire
        fire(
            request_type=method,
            name=name,
            response_time=_milliseconds(row, row.end_t),
            response_length=row.bytes_in,
            exception=None if row.expected else Exception(f"{row.error_kind} {row.status or ''}".strip()),
            context={"cell": row.cell, "phase": row.phase},
        )
        if row.first_token_t is not None:
            fire(
                request_type="first token",
                name=name,
                response_time=_milliseconds(row, row.first_token_t),
                response_length=0,
                exception=None,
                context={"cell": row.cell, "phase": row.phase},
            )


def _milliseconds(row: Request, instant: float | None) -> float | None:
    return None if instant is None else (instant - row.intended_t) * 1000


def _addresses(host: str) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(arguments: list[str]) -> int:
    """Drive the plan named in ``arguments``; 0 after an orderly end, 2 for an unusable plan, 3 if it broke."""
    parser = argparse.ArgumentParser(prog="harness.run.load.driver", description="drive load from a plan file")
    parser.add_argument("--plan", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        plan = read_plan(options.plan)
        driver = _Driver(plan, resolved(plan, _addresses))
    except HarnessError as error:
        line = {"event": "error", "fatal": True, "message": str(error)}
        sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.flush()
        return _EXIT_PLAN
    _raise_open_files()
    gc.collect()
    gc.freeze()  # thousands of imported objects need not be walked again while requests wait
    return driver.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
