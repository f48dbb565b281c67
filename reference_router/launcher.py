"""From command line to running instances: one in this process, or many forked from it while it is warm.

Every instance announces itself with one JSON line on standard output. The launcher of many forwards
signals, reports deaths, restarts nobody; if it dies itself its instances end too. ``--standby`` alone forks on demand.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import orjson
from uvicorn.loops.auto import auto_loop_factory

from reference_router.config import Settings, SettingsError, parse, parser
from reference_router.instance import serve

__all__ = ["main", "say", "warm"]

WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


def main(arguments: list[str]) -> int:
    """Exit code: 0 after a clean end, 1 when an instance failed, 2 for a command line that makes no sense."""
    if arguments == ["--standby"]:
        from reference_router.standby import stand_by

        return stand_by(main)
    try:
        launch = parse(arguments)
    except SettingsError as error:
        print(f"reference_router: {error}", file=sys.stderr)  # noqa: T201
        return 2
    if not launch.forked:
        return run_instance(launch.instances[0])
    return Launcher().run(launch.instances)


def run_instance(settings: Settings, parent: socket.socket | None = None) -> int:
    """Serve one instance in this process."""

    def announce(ports: dict[str, int | None]) -> None:
        say(
            event="ready",
            instance=settings.instance_name,
            pid=os.getpid(),
            ports=ports,
            log_dir=str(settings.log_dir.resolve()),
        )

    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(serve(settings, announce, parent))


def warm(engines: Iterable[str], *, admin: bool) -> None:
    """Import and build here, once, what instances would each need to when they start."""
    auto_loop_factory()  # imports the loop; each instance makes its own
    parser()
    for engine in engines:
        importlib.import_module(f"reference_router.engines.{engine}")
    if admin:
        importlib.import_module("reference_router.faults.admin")
    gc.collect()
    gc.freeze()


def say(**fact: object) -> None:
    """One line in one write, so that lines of several processes do not mix; nobody has to listen."""
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), orjson.dumps(fact) + b"\n")


@dataclass(slots=True)
class Launcher:
    """Parent of forked instances; single-threaded, told everything by signals."""

    names: dict[int, str] = field(default_factory=dict)
    failed: bool = False

    def run(self, instances: Sequence[Settings]) -> int:
        """Fork all, wait for all. Signals stay blocked in a child until it can act on them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        warm({each.engine for each in instances}, admin=instances[0].admin_port is not None)
        ours, theirs = socket.socketpair()
        for settings in instances:
            self._fork(settings, ours, theirs)
        theirs.close()
        while self.names:
            received = signal.sigwait(WATCHED)
            if received == signal.SIGCHLD:
                self._reap()
            else:
                self._forward(received)
        ours.close()
        return 1 if self.failed else 0

    def _fork(self, settings: Settings, ours: socket.socket, theirs: socket.socket) -> None:
        pid = os.fork()
        if pid:
            self.names[pid] = settings.instance_name
            return
        code = 1
        try:
            ours.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
            code = run_instance(settings, theirs)
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _forward(self, received: int) -> None:
        for pid in self.names:
            os.kill(pid, received)

    def _reap(self) -> None:
        while self.names:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            self.failed = self.failed or code != 0
            say(event="exited", instance=self.names.pop(pid), pid=pid, exit_code=code)
