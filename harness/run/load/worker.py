"""One of several load processes: a Locust worker that sends its stripe of every schedule. Only it uses this module.

It is told everything by its master: the plan when it has connected, then the same orders that a single
driver takes from standard input. Its rows and its status go back the same way. It stops at once when the
master says so, when the master is gone, or when its standard input ends, which a master on the same
machine holds open.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from gevent.fileobject import FileObjectThread

from harness.core.errors import HarnessError
from harness.run.load.cells import Cells
from harness.run.load.control import Line, complaint
from harness.run.load.ledger import Request, written
from harness.run.load.locust_core import Environment, Message, WorkerRunner
from harness.run.load.plan import CellPlan, DriverPlan, resolved
from harness.run.load.tally import Stripe

__all__ = ["boot_id", "work"]

_SILENCE_S = 10.0
_LAST_WORDS_S = 0.2

Resolve = Callable[[str], list[str]]


def boot_id() -> str:
    """The same for two processes whose monotonic clocks are one."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else socket.gethostname()


class _RowSender:
    """Hands rows to the master, in the form in which it writes them."""

    def __init__(self, cell: str, send: Callable[[str, Line], None]) -> None:
        self._cell, self._send = cell, send
        self._waiting: list[bytes] = []

    def append(self, row: Request) -> None:
        self._waiting.append(written(row))

    def flush(self) -> None:
        if self._waiting:
            rows, self._waiting = b"".join(self._waiting), []
            self._send("rows", {"cell": self._cell, "rows": rows})

    def close(self) -> None:
        self.flush()


class _Worker:
    def __init__(self, master: tuple[str, int], resolve: Resolve, *, held: bool) -> None:
        self._resolve = resolve
        self._done = Event()
        self._heard_t = time.monotonic()
        self._cells: Cells | None = None
        if held:
            gevent.spawn(self._watch_input)
        self._runner: WorkerRunner = Environment().create_worker_runner(*master)
        for name, take in (("plan", self._take_plan), ("order", self._take_order), ("stop", self._finish)):
            self._runner.register_message(f"harness_{name}", take)
        listen: Callable[..., None] = self._runner.environment.events.heartbeat_received.add_listener
        listen(self._heard)

    def run(self) -> None:
        """Work until there is no master any more."""
        self._send("hello", {"boot": boot_id(), "pid": os.getpid()})
        gevent.spawn(self._watch_master)
        self._done.wait()
        if self._cells:
            self._cells.stop()
        self._send("stopped", {"cpu_s": time.process_time()})
        gevent.sleep(_LAST_WORDS_S)

    def _send(self, name: str, data: Line) -> None:
        self._runner.send_message(f"harness_{name}", data)

    def _emit(self, line: Line) -> None:
        self._send("status", line)

    def _fail(self, error: BaseException) -> None:
        self._emit({"event": "error", "fatal": True, "message": complaint(error)})
        self._done.set()

    def _take_plan(self, msg: Message, **_: Any) -> None:
        """Make the cells and have Locust drive them."""
        try:
            plan = DriverPlan.from_json(msg.data["plan"])
            stripe = Stripe(msg.data["index"], msg.data["count"])
            addresses = resolved(plan, self._resolve)
            self._cells = Cells(
                self._runner.environment,
                plan,
                addresses,
                self._sink,
                self._emit,
                self._fail,
                stripe=stripe,
                worker=msg.data["name"],
            )
        except HarnessError as error:
            self._fail(error)
            return
        gevent.spawn(self._cells.flush_often, self._done).link_exception(lambda dead: self._fail(dead.exception))
        self._runner.start_worker({"CellUser": len(self._cells.names)})
        self._emit({"event": "ready", "cells": self._cells.names, "cpu_s": time.process_time()})

    def _sink(self, cell: CellPlan) -> _RowSender:
        return _RowSender(cell.name, self._send)

    def _take_order(self, msg: Message, **_: Any) -> None:
        try:
            assert self._cells is not None
            self._cells.obey(msg.data)
        except (HarnessError, ValueError, LookupError, TypeError) as error:
            self._emit({"event": "error", "fatal": False, "message": complaint(error)})

    def _finish(self, **_: Any) -> None:
        self._done.set()

    def _heard(self, **_: Any) -> None:
        self._heard_t = time.monotonic()

    def _watch_input(self) -> None:
        FileObjectThread(sys.stdin.fileno(), "rb", closefd=False).read()  # why a thread: see control.Control
        if self._cells is None:
            os._exit(0)  # Locust is still looking for a master that is gone
        self._done.set()

    def _watch_master(self) -> None:
        while time.monotonic() - self._heard_t < _SILENCE_S:
            gevent.sleep(1.0)
        self._done.set()


def work(master: tuple[str, int], resolve: Resolve, *, held: bool) -> int:
    """Serve the master at host and port until it ends or, with ``held``, standard input does; the exit status."""
    _Worker(master, resolve, held=held).run()
    return 0
