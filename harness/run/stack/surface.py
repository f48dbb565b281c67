"""What the rest of a run sees of a process: the words that started and already running components share.

A component that the warden started and one that ran before the campaign came (``AlreadyRunning``) have the same
surface, so that a scenario cannot tell them apart until it asks for something that only ours can do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Protocol

from harness.core.errors import HarnessError, MachineError

__all__ = [
    "AlreadyRunning",
    "Exited",
    "NotOursError",
    "OrphanReaped",
    "Process",
    "ProcessEvent",
    "ProcessRefusedError",
    "ProcessSpec",
    "StartFailedError",
    "Started",
    "WardenDiedError",
    "WardenLost",
    "tail_of",
]

_TAIL_BYTES = 65536


class StartFailedError(MachineError):
    """A component could not be started: its program, folder, log or port is not there to be used."""


class ProcessRefusedError(HarnessError):
    """A process could not be signalled, stopped or adopted: it is gone, or not of this run."""


class WardenDiedError(HarnessError):
    """The warden is gone: every process of the run died with it, and nothing can be started any more."""


class NotOursError(HarnessError):
    """A process was asked for something that only its owner can do."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How one component is started.

    ``env`` is its whole environment (None: the campaign's own). Logs are appended to; ``stderr`` defaults to
    ``stdout``. ``stop_signal`` asks it to end and SIGKILL follows after ``grace_s``. ``ports`` are those that it will
    listen on: they are checked before it starts and looked up when it dies.
    """

    id: str
    argv: tuple[str, ...]
    cwd: Path
    stdout: Path
    stderr: Path | None = None
    env: Mapping[str, str] | None = None
    stdin: Path = Path(os.devnull)
    stop_signal: Signals = SIGTERM
    grace_s: float = 5.0
    niceness: int = 0
    ports: tuple[int, ...] = ()
    fork: Callable[[ProcessSpec], int] | None = None
    """Has another process fork it, and answers its pid; None: the warden runs ``argv``."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process runs; ``t`` is wall-clock time in seconds since the epoch."""

    id: str
    pid: int
    t: float


@dataclass(frozen=True, slots=True)
class Exited:
    """A process ended: ``code`` is its exit status, ``-n`` after signal *n*, None where only its parent knows."""

    id: str
    pid: int
    t: float
    code: int | None
    expected: bool

    def __str__(self) -> str:
        if self.code is None:
            how = "ended"
        elif self.code < 0:
            how = f"was ended by {_signal_name(-self.code)}"
        else:
            how = f"exited with code {self.code}"
        return f"{self.id} (pid {self.pid}) {how}"


@dataclass(frozen=True, slots=True)
class OrphanReaped:
    """A process that some component had forked and left behind ended."""

    pid: int
    t: float
    code: int


@dataclass(frozen=True, slots=True)
class WardenLost:
    """The warden died unasked, and every process with it; ``reason`` is what it last wrote on standard error."""

    t: float
    reason: str


ProcessEvent = Started | Exited | OrphanReaped | WardenLost


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def tail_of(path: Path, lines: int) -> str:
    """Last ``lines`` lines of a log of any size; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:]) if lines > 0 else ""


class Process(Protocol):
    """The surface of one component, whoever started it."""

    @property
    def id(self) -> str:
        """Name within the run."""

    @property
    def pid(self) -> int | None:
        """Process id; None for a component of which only an address is known."""

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as anybody knows."""

    @property
    def exit_code(self) -> int | None:
        """Exit status of the last death, ``-n`` after signal *n*; None while alive or where nobody knows."""

    def describe_death(self) -> str:
        """Why it does not run, with the tail of its log; for error messages."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; whether it has ended."""

    def signal(self, number: Signals, *, group: bool = False, ends: bool = False) -> None:
        """Deliver a signal; ``ends`` says that a death that follows is asked for."""

    def stop(self, grace_s: float | None = None) -> None:
        """Ask it to end, insist after ``grace_s`` seconds, return when its whole group is gone."""

    def kill(self) -> None:
        """End its whole group at once and return when it is gone."""

    def restart(self) -> None:
        """Stop it if it runs and start it again in the same way."""

    def tail(self, lines: int) -> str:
        """Last lines of its standard output and error."""


class AlreadyRunning:
    """A component that ran before the campaign came: ``probe`` says whether it still does; it is never touched."""

    def __init__(self, id: str, probe: Callable[[], bool]) -> None:
        self.id = id
        self.pid: int | None = None
        self.exit_code: int | None = None
        self._probe = probe

    @property
    def alive(self) -> bool:
        """What the probe says now."""
        return self._probe()

    def describe_death(self) -> str:
        """A sentence for error messages; its logs are out of reach."""
        return f"{self.id} does not answer (it was not started by this run, so its logs are not here)"

    def wait(self, timeout_s: float | None = None) -> bool:  # noqa: ARG002
        """Refused: its end is not ours to wait for."""
        raise self._refusal("waited for")

    def signal(self, number: Signals, *, group: bool = False, ends: bool = False) -> None:  # noqa: ARG002
        """Refused."""
        raise self._refusal(f"sent {_signal_name(number)}")

    def stop(self, grace_s: float | None = None) -> None:  # noqa: ARG002
        """Refused."""
        raise self._refusal("stopped")

    def kill(self) -> None:
        """Refused."""
        raise self._refusal("killed")

    def restart(self) -> None:
        """Refused."""
        raise self._refusal("restarted")

    def tail(self, lines: int) -> str:  # noqa: ARG002
        """Nothing: its logs are out of reach."""
        return ""

    def _refusal(self, what: str) -> NotOursError:
        return NotOursError(
            f"{self.id} was not started by this run and cannot be {what}",
            remedy="leave scenarios that need this out, or let the harness start it",
        )
