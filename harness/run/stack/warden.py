"""The parent of every component: a small, single-threaded program of the standard library alone.

The campaign starts it (``WardenLink``) as ``python -I -S`` in a session of its own and speaks newline-delimited JSON
with it: commands on its standard input, events on its standard output. It learns of every death from the kernel.
When either pipe breaks, or a signal asks it to, it ends every process under it and removes the run folder, so that
nothing outlives a campaign whatever ended that campaign. Two nets hang below it: each child dies with the warden
(``PR_SET_PDEATHSIG``, which follows the starting *thread*, hence the single thread), and the run record names what was
started for the sweep of the next campaign.

Commands carry ``do`` and a number ``n``; exactly one event with that ``n`` answers each of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import time
from collections.abc import Callable
from typing import Any

from harness.run.stack import procfs
from harness.run.stack.child import Child, become_subreaper, signal_process, spawn
from harness.run.stack.eventpipe import EventPipe

__all__ = ["RefusalError", "Warden", "main"]

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_KILL_PATIENCE_S = 5.0  # what SIGKILL has not ended by then waits in the kernel; the next sweep tries again
_FLUSH_PATIENCE_S = 0.5
_READ = selectors.EVENT_READ


class RefusalError(Exception):
    """A command that cannot be obeyed; the text says why."""


class Warden:
    """Obeys commands from ``control``, tells ``events``, and ends everything when either breaks."""

    def __init__(self, settings: dict[str, Any], control: int = 0, events: int = 1) -> None:
        self._run_id: str = settings["run_id"]
        self._folder: str = settings["folder"]
        self._record: str = settings["record"]
        self._record_fd: int = settings["record_fd"]
        os.set_inheritable(self._record_fd, False)  # a component that held it would keep a dead run locked
        self._grace_s: float = settings["grace_s"]
        self._children: dict[str, Child] = {}
        self._ending = False
        self._control, self._inbox = control, b""
        self._selector = selectors.DefaultSelector()
        self._watch_kernel()
        os.set_blocking(control, False)
        self._selector.register(control, _READ, self._on_control)
        self._events_fd = events
        self._events = EventPipe(events, self._selector)

    def _watch_kernel(self) -> None:
        self._wakeup, write_end = os.pipe()
        for fd in (self._wakeup, write_end):
            os.set_blocking(fd, False)
        for number in (signal.SIGCHLD, *_ENDING_SIGNALS):
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._selector.register(self._wakeup, _READ, self._on_signal)

    def run(self) -> int:
        """Serve until something ends it; exit status 0 when nothing was left behind."""
        try:
            self._write_record({"id": "warden", "pid": os.getpid(), "start": procfs.start_ticks(os.getpid())})
            while not self._ending and not self._events.broken:
                self._turn(max(0.0, self._next_kill() - time.monotonic()))
                self._kill_overdue()
        finally:
            left = self._end_all()
        self._events.drain(_FLUSH_PATIENCE_S)
        return 1 if left else 0

    def _turn(self, timeout_s: float) -> None:
        ready = self._selector.select(None if timeout_s == float("inf") else timeout_s)
        self._reap()  # before any command: a death that came first was not asked for
        for key, mask in ready:
            handle: Callable[[int], None] = key.data
            handle(mask)

    # --- deaths

    def _on_signal(self, _mask: int) -> None:
        numbers = os.read(self._wakeup, 4096)
        if any(number in numbers for number in _ENDING_SIGNALS):
            self._ending = True

    def _reap(self) -> bool:
        """Collect every death known to the kernel; whether any child is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            child = next((c for c in self._children.values() if c.pid == pid and not c.ended), None)
            code = os.waitstatus_to_exitcode(status)
            cpu_s = round(usage.ru_utime + usage.ru_stime, 3)
            if child:
                self._ended(child, code, cpu_s)
            else:
                self._events.emit("orphan", pid=pid, code=code, cpu_s=cpu_s)
            self._settle()

    def _ended(self, child: Child, code: int | None, cpu_s: float = 0.0) -> None:
        child.ended = True
        if child.pidfd >= 0:
            self._selector.unregister(child.pidfd)
            os.close(child.pidfd)
        asked = child.asked or self._ending
        self._events.emit("exited", id=child.name, pid=child.pid, code=code, expected=asked, cpu_s=cpu_s)

    def _settle(self) -> None:
        for child in self._children.values():
            if child.is_empty():
                child.kill_at = float("inf")
                while child.waiters:
                    self._events.emit("stopped", n=child.waiters.pop(), id=child.name)

    def _next_kill(self) -> float:
        return min((child.kill_at for child in self._children.values()), default=float("inf"))

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if child.kill_at <= now:
                child.send(signal.SIGKILL)
                child.kill_at = now + 0.1
        self._settle()

    # --- commands in

    def _on_control(self, _mask: int) -> None:
        received = os.read(self._control, 65536)
        if not received:
            self._ending = True
        *lines, self._inbox = (self._inbox + received).split(b"\n")
        for line in lines:
            self._obey(line)

    def _obey(self, line: bytes) -> None:
        command: dict[str, Any] = {}
        try:
            command.update(json.loads(line))
            handle = {
                "start": self._start,
                "signal": self._signal,
                "stop": self._stop,
                "watch": self._adopt,
                "shutdown": self._shutdown,
            }[command["do"]]
            handle(command)
        except RefusalError as refusal:
            self._refuse(command, str(refusal))
        except OSError as error:
            self._refuse(command, error.strerror or str(error))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self._refuse(command, f"{type(error).__name__}: {error}")

    def _refuse(self, command: dict[str, Any], error: str) -> None:
        self._events.emit("refused", n=command.get("n"), id=command.get("id"), error=error)

    def _start(self, command: dict[str, Any]) -> None:
        name = command["id"]
        if name in self._children and not self._children[name].is_empty():
            raise RefusalError(f"{name} still runs as process group {self._children[name].pid}")
        command["env"][procfs.RUN_MARK] = self._run_id
        pid = spawn(command)
        child = Child(name, pid, stop_signal=command["stop_signal"])
        self._started(child, command["n"])

    def _adopt(self, command: dict[str, Any]) -> None:
        pid = command["pid"]
        pidfd = os.pidfd_open(pid)
        try:
            if not procfs.carries_mark(pid, self._run_id) and pid not in procfs.descendants(os.getpid()):
                raise RefusalError(f"process {pid} was not started by this run")
            child = Child(command["id"], pid, stop_signal=command["stop_signal"], pidfd=pidfd)
            self._selector.register(pidfd, _READ, lambda _mask: self._adopted_ended(child))
        except BaseException:
            os.close(pidfd)
            raise
        self._started(child, command["n"])

    def _adopted_ended(self, child: Child) -> None:
        if not child.ended:  # its own parent collects exit code and CPU time
            self._ended(child, None)
            self._settle()

    def _started(self, child: Child, n: int) -> None:
        self._children[child.name] = child
        start = procfs.start_ticks(child.pid)
        self._write_record({"id": child.name, "pid": child.pid, "start": start, "own": child.pidfd < 0})
        self._events.emit("started", n=n, id=child.name, pid=child.pid)

    def _write_record(self, line: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # a full disk: the sweep still knows the process by its mark
            os.write(self._record_fd, json.dumps(line).encode() + b"\n")

    def _signal(self, command: dict[str, Any]) -> None:
        self._reap()
        child = self._children[command["id"]]
        if not child.send(command["signal"], group=command["group"]):
            raise RefusalError(f"{child.name} does not run")
        child.asked = child.asked or command["ending"]
        self._events.emit("signalled", n=command["n"], id=child.name)

    def _stop(self, command: dict[str, Any]) -> None:
        self._reap()
        child = self._children[command["id"]]
        child.asked = True
        child.waiters.append(command["n"])
        self._ask_to_end(child, command["signal"])
        child.kill_at = min(child.kill_at, time.monotonic() + command["grace_s"])
        self._settle()

    def _ask_to_end(self, child: Child, number: int) -> None:
        child.send(number)
        child.send(signal.SIGCONT)  # a stopped process hears nothing else

    # --- the end

    def _shutdown(self, command: dict[str, Any]) -> None:
        self._grace_s = command["grace_s"]
        self._ending = True

    def _end_all(self) -> list[int]:
        self._ending = True
        for fd in (self._control, self._events_fd):
            self._selector.unregister(fd)
        left = self._end_processes()
        problem = procfs.remove_folder(self._folder, self._run_id)
        if not left and not problem and os.path.exists(self._record):  # noqa: PTH110
            os.unlink(self._record)  # noqa: PTH108
        self._events.emit("ended", left=left, problem=problem)
        return left

    def _end_processes(self) -> list[int]:
        for child in self._children.values():
            self._ask_to_end(child, child.stop_signal)
        known = {child.pid for child in self._children.values() if child.group}
        for pid in procfs.descendants(os.getpid()):
            signal_process(pid, signal.SIGTERM, unless_group=known)
        grace_ends = time.monotonic() + self._grace_s
        gives_up = grace_ends + _KILL_PATIENCE_S
        while self._reap() and (now := time.monotonic()) < gives_up:
            if now >= grace_ends:
                self._kill_all()
            self._turn(min(0.02, gives_up - now) if now >= grace_ends else grace_ends - now)
        return sorted(procfs.descendants(os.getpid()))

    def _kill_all(self) -> None:
        for child in self._children.values():
            child.send(signal.SIGKILL)
        for pid in procfs.descendants(os.getpid()):
            signal_process(pid, signal.SIGKILL)


def main(settings: str) -> int:
    """Body of the process: ``settings`` is JSON, the pipes are standard input and output; returns its exit status."""
    become_subreaper()
    return Warden(json.loads(settings)).run()
