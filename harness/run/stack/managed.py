"""A process under the warden, as the campaign holds it in its hand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Any

from harness.run.stack.link import WardenLink
from harness.run.stack.lives import Lives
from harness.run.stack.ports import require_free, who_listens
from harness.run.stack.surface import Exited, ProcessRefusedError, ProcessSpec, Started, StartFailedError, tail_of

__all__ = ["ManagedProcess"]

_PATIENCE_S = 10.0
_TAIL_LINES = 12
_FULL_BELOW_BYTES = 4096


class ManagedProcess(Lives):
    """One component through all its lives: ``restart`` gives it a new pid, never a new handle."""

    def __init__(self, link: WardenLink, spec: ProcessSpec) -> None:
        super().__init__(spec.id)
        self._link, self.spec = link, spec
        self._lost = False

    def describe_death(self) -> str:
        """Why it does not run: exit code or signal, who holds its ports, and the tail of its log."""
        lines = [str(self._exit) if self._exit else f"{self.id} (pid {self._pid}) " + self._without_exit()]
        holders = [who_listens(port) for port in self.spec.ports]
        lines += [f"port {holder.port}, which it needs, is held by {holder}" for holder in holders if holder]
        if _is_full(self.spec.stdout):
            lines.append(f"no space is left on the file system of its log {self.spec.stdout}")
        tail = self.tail(_TAIL_LINES)
        lines.append("its last lines:\n" + tail if tail else "it wrote nothing")
        return "\n  ".join("\n".join(lines).splitlines())

    def _without_exit(self) -> str:
        return "ended with the warden" if self._lost else "runs" if self.alive else "was never started"

    def begin(self, spec: ProcessSpec) -> None:
        """Start it as ``spec`` says; raises ``PortTakenError``, ``StartFailedError`` or ``WardenDiedError``."""
        if self.alive:
            raise StartFailedError(f"{self.id} already runs as pid {self._pid}")
        for port in spec.ports:
            require_free(port, self.id)
        self.spec = spec
        try:
            if spec.fork:
                self.adopt(spec.fork(spec))
            else:
                self._link.request("start", **_as_order(spec))
        except ProcessRefusedError as refusal:
            raise StartFailedError(f"{refusal.problem}", remedy=_remedy(refusal.problem)) from None

    def adopt(self, pid: int) -> None:
        """Watch ``pid`` from now on as this process; raises ``ProcessRefusedError`` if it is not of this run."""
        self._link.request("watch", id=self.id, pid=pid, stop_signal=int(self.spec.stop_signal))

    def signal(self, number: Signals, *, group: bool = False, ends: bool = False) -> None:
        """Deliver a signal to it (or its whole group); ``ends`` says that a death that follows is asked for.

        Raises ``ProcessRefusedError`` if it does not run.
        """
        self._link.request("signal", id=self.id, signal=int(number), group=group, ending=ends)

    def stop(self, grace_s: float | None = None) -> None:
        """Ask it to end, insist with SIGKILL after ``grace_s`` seconds, return when its whole group is gone."""
        self._end(self.spec.stop_signal, self.spec.grace_s if grace_s is None else grace_s)

    def kill(self) -> None:
        """SIGKILL its whole group and return when it is gone."""
        self._end(SIGKILL, 0.0)

    def _end(self, number: Signals, grace_s: float) -> None:
        if self._pid is not None:
            self._link.request("stop", grace_s + _PATIENCE_S, id=self.id, signal=int(number), grace_s=grace_s)

    def restart(self) -> None:
        """Stop it if it runs, end what it left of its group, and start it again in the same way."""
        if not self.spec.argv:
            raise ProcessRefusedError(f"{self.id} was started by another component", remedy="restart that component")
        self.stop()
        self.begin(self.spec)

    def tail(self, lines: int) -> str:
        """Last lines of its standard output, and of its standard error where that has a file of its own."""
        parts = [tail_of(path, lines) for path in dict.fromkeys((self.spec.stdout, self.spec.stderr)) if path]
        return "\n".join(part for part in parts if part)

    # --- called by the thread that reads the warden

    def note_start(self, event: Started) -> None:
        """A life begins."""
        self._pid, self._exit = event.pid, None
        self._ended.clear()

    def note_exit(self, event: Exited) -> None:
        """A life ends."""
        self._exit = event
        self._ended.set()

    def note_loss(self) -> None:
        """The warden is gone, and this process with it."""
        self._lost = self._lost or self.alive
        self._ended.set()


def _as_order(spec: ProcessSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "argv": list(spec.argv),
        "cwd": str(spec.cwd),
        "env": dict(os.environ if spec.env is None else spec.env),
        "stdin": str(spec.stdin),
        "stdout": str(spec.stdout),
        "stderr": str(spec.stderr or spec.stdout),
        "niceness": spec.niceness,
        "stop_signal": int(spec.stop_signal),
    }


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _FULL_BELOW_BYTES
    except OSError:
        return False


def _remedy(problem: str) -> str:
    if "No space left" in problem:
        return "free space there, or set TMPDIR to a larger file system"
    return "run `harness doctor` to see which components are usable" if "cannot run" in problem else ""
