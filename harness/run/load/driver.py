"""The load generator's own process: Locust, and the open-loop cells in it. No module may import this one.

    python -m harness.run.load.driver --plan plan.json          drive a plan, or share it out among its workers
    python -m harness.run.load.driver --join HOST:PORT          work for the driver there that shares its plan out

Control lines come on standard input, one JSON object each:

    {"op": "phase", "cell": c, "load": {…LoadPhase…}, "at": epoch or null}     begin a phase, ending the one before
    {"op": "stop_phase", "cell": c, "phase": name, "at": epoch or null}        end a phase early
    {"op": "drain", "cell": c}                                                 intend nothing more
    {"op": "quit"}                                                             drain all cells, then exit

Status lines go to standard output: ``ready``, ``phase_started``, ``phase_ended``, ``phase_drained`` (nothing in
flight, every row in the ledger; counts, lateness, CPU), ``worker_lost``, ``ceiling_reached``, ``stopped`` and
``error``. When standard input ends the process stops at once: what is in flight is left, its rows are written.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

import gevent
import orjson
from gevent.event import Event

from harness.core.errors import HarnessError
from harness.run.load.cells import Cells
from harness.run.load.control import Control, Line, complaint
from harness.run.load.ledger import LedgerWriter
from harness.run.load.locust_core import Environment
from harness.run.load.master import Master
from harness.run.load.plan import DriverPlan, read_plan, resolved
from harness.run.load.worker import work

_EXIT_PLAN, _EXIT_BROKEN = 2, 3


class _Driver:
    """Drives every cell of a plan in this process."""

    def __init__(self, plan: DriverPlan) -> None:
        self._done = Event()
        self._code = 0
        self._control = Control(self._obey, self._finish, self._fail)
        self._environment = Environment()
        self._cells = Cells(
            self._environment,
            plan,
            resolved(plan, _addresses),
            lambda cell: LedgerWriter(Path(cell.ledger)),
            self._emit,
            self._fail,
        )

    def run(self) -> int:
        """Serve until told to quit, standard input ends, or something breaks; the exit status."""
        self._control.start()
        gevent.spawn(self._cells.flush_often, self._done).link_exception(lambda dead: self._fail(dead.exception))
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._finish)
        users = len(self._cells.names)
        self._environment.create_local_runner().start(users, spawn_rate=users)
        self._emit({"event": "ready", "cells": self._cells.names, "cpu_s": time.process_time()})
        self._done.wait()
        self._cells.stop()
        self._emit({"event": "stopped", "cpu_s": time.process_time()})
        self._control.close()
        return self._code

    def _obey(self, order: Line) -> None:
        self._cells.obey(order)
        if self._cells.quitting:
            self._emit({"event": "quitting"})

    def _emit(self, line: Line) -> None:
        self._control.say(line)
        if self._cells.quitting and self._cells.drained:
            self._finish()

    def _fail(self, error: BaseException) -> None:
        self._control.say({"event": "error", "fatal": True, "message": complaint(error)})
        self._code = _EXIT_BROKEN
        self._finish()

    def _finish(self) -> None:
        self._done.set()


def _addresses(host: str) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _made_ready(path: Path) -> _Driver | Master:
    plan = read_plan(path)
    if not plan.workers.count:
        return _Driver(plan)
    resolved(plan, _addresses)  # a host that is not allowed is refused before a worker is asked
    return Master(plan)


def main(arguments: list[str]) -> int:
    """Drive or join as ``arguments`` say; 0 after an orderly end, 2 for an unusable plan, 3 if it broke."""
    parser = argparse.ArgumentParser(prog="harness.run.load.driver", description="drive load from a plan file")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--plan", type=Path, metavar="FILE", help="the plan to drive")
    what.add_argument("--join", type=_address, metavar="HOST:PORT", help="the driver to work for")
    parser.add_argument("--held", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(arguments)
    _raise_open_files()
    if options.join:
        _keep_memory()
        return work(options.join, _addresses, held=options.held)
    try:
        driver = _made_ready(options.plan)
    except HarnessError as error:
        line = {"event": "error", "fatal": True, "message": str(error)}
        sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.flush()
        return _EXIT_PLAN
    _keep_memory()
    return driver.run()


def _keep_memory() -> None:
    gc.collect()
    gc.freeze()  # thousands of imported objects need not be walked again while requests wait


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # a thread may still wait for standard input, which nobody needs to end
