"""Faults by signal: a process killed, stopped, or restarted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Literal

from harness.run.stack.surface import Process
from harness.run.stack.wait import NotYet

__all__ = ["SignalFault", "SignalKind"]

SignalKind = Literal["kill", "stop", "restart"]


class SignalFault:
    """One process is killed, stopped (it hangs with its connections open) or restarted.

    ``ready`` says whether the process serves again; healing is confirmed by it. A killed process is started again to
    heal it, and one that was restarted is healed by being ready.
    """

    def __init__(
        self, name: str, kind: SignalKind, process: Process, ready: Callable[[], bool], *, within_s: float = 5.0
    ) -> None:
        self.name, self.within_s = name, within_s
        self._kind, self._process, self._ready = kind, process, ready
        self._pid_before: int | None = None

    def inject(self) -> str:
        """Deliver it."""
        self._pid_before = self._process.pid
        if self._kind == "kill":
            self._process.kill()
        elif self._kind == "stop":
            self._process.signal(SIGSTOP)
        else:
            self._process.restart()
        return f"{self._kind} {self._process.id} (pid {self._pid_before})"

    def confirm(self) -> str:
        """The kernel's word on the process."""
        process = self._process
        if self._kind == "kill":
            return _require(not process.alive, f"{process.id} has ended", f"{process.id} is alive")
        if self._kind == "stop":
            state = _state(process.pid)
            return _require(state == "T", f"{process.id} is stopped", f"{process.id} is in state {state}")
        new = process.alive and process.pid != self._pid_before
        return _require(new, f"{process.id} is now pid {process.pid}", f"{process.id} has not started again")

    def heal(self) -> str:
        """Start again what was killed, let go on what was stopped."""
        if self._kind == "kill":
            self._process.restart()
            return f"started as pid {self._process.pid}"
        if self._kind == "stop":
            self._process.signal(SIGCONT)
        return f"{self._process.id} runs on"

    def confirm_healed(self) -> str:
        """It serves again."""
        stopped = self._kind == "stop" and _state(self._process.pid) == "T"
        ready = not stopped and self._process.alive and self._ready()
        return _require(ready, f"{self._process.id} is ready", f"{self._process.id} is not ready")


def _require(holds: bool, seen: str, instead: str) -> str:
    if not holds:
        raise NotYet(instead)
    return seen


def _state(pid: int | None) -> str:
    """State letter of a process; empty where there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[0]
