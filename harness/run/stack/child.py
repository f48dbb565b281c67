"""One process under the warden: how it is forked, how signals reach it and its group.

Standard library only: the warden stands on it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import sys
from collections.abc import Container
from typing import Any, NoReturn

__all__ = ["Child", "become_subreaper", "signal_process", "spawn"]

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_prctl: Any = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
# An interpreter ignores some signals, a shell's background job or nohup others: components start with none ignored.
_DEFAULTED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGPIPE", "SIGXFSZ", "SIGCHLD", "SIGUSR1", "SIGUSR2")


def become_subreaper() -> None:
    """Make this process the new parent of every orphan below it (Linux; elsewhere orphans escape to init)."""
    if _prctl:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """A process that the warden started, or one that it adopted (``pidfd`` is then a descriptor of it)."""

    __slots__ = ("asked", "ended", "gone", "group", "kill_at", "name", "pid", "pidfd", "stop_signal", "waiters")

    def __init__(self, name: str, pid: int, *, stop_signal: int, pidfd: int = -1) -> None:
        self.name, self.pid, self.pidfd = name, pid, pidfd
        self.stop_signal = stop_signal
        self.group = pidfd < 0 or os.getpgid(pid) == pid
        self.asked = self.ended = self.gone = False
        self.kill_at = float("inf")
        self.waiters: list[int] = []

    def send(self, number: int, *, group: bool = True) -> bool:
        """Signal the whole group, or the process alone; False where nobody is left to receive it."""
        if self.gone or (self.ended and not (group and self.group)):
            return False
        try:
            if group and self.group:
                os.killpg(self.pid, number)
            elif self.pidfd >= 0:
                signal.pidfd_send_signal(self.pidfd, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # macOS answers so for a group that only holds zombies
            return not self.ended
        return True

    def is_empty(self) -> bool:
        """Whether the process ended and nobody of its group is left; once true it is never signalled again."""
        if self.ended and not self.gone:
            self.gone = not self.send(0)
        return self.gone


def signal_process(pid: int, number: int, unless_group: Container[int] = ()) -> None:
    """Signal ``pid`` unless it is in one of those groups or out of reach."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) not in unless_group:
            os.kill(pid, number)


def spawn(command: dict[str, Any]) -> int:
    """Fork and execute ``command``; return the pid, or raise ``OSError`` that says which step failed and why."""
    read_end, write_end = os.pipe()  # both close on exec: end of file means that the component runs
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _become(command, parent)
        except BaseException as error:
            os.write(write_end, str(getattr(error, "strerror", None) or error).encode("utf-8", "replace"))
        finally:
            os._exit(127)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        problem = pipe.read().decode("utf-8", "replace")
    if problem:
        os.waitpid(pid, 0)
        raise OSError(errno.ENOEXEC, problem)
    return pid


def _become(command: dict[str, Any], parent: int) -> NoReturn:
    step = "cannot begin a session of its own"
    try:
        os.setsid()
        _die_with(parent)
        for name in _DEFAULTED:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        step = f"cannot take niceness {command['niceness']}"
        os.nice(command["niceness"])
        step = f"cannot read its standard input {command['stdin']}"
        os.dup2(os.open(command["stdin"], os.O_RDONLY), 0)
        for number, path in ((1, command["stdout"]), (2, command["stderr"])):
            step = f"cannot write its log {path}"
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
        step = f"cannot enter its working folder {command['cwd']}"
        os.chdir(command["cwd"])
        step = f"cannot run {command['argv'][0]}"
        os.execvpe(command["argv"][0], command["argv"], command["env"])  # noqa: S606
    except OSError as error:
        raise OSError(error.errno, f"{step}: {os.strerror(error.errno or 0)}") from None


def _die_with(parent: int) -> None:
    if _prctl:
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above
            os._exit(127)
