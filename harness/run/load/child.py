"""A worker process on this machine, started without a fork of its master, whose sockets and threads stay its own."""

from __future__ import annotations

import os
import sys

__all__ = ["Child"]


class Child:
    """``argv`` as a process of its own, whose standard input stays open for as long as this object's process lives."""

    def __init__(self, argv: list[str]) -> None:
        ours, self._held = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, ours, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        ]
        self.pid = os.posix_spawn(sys.executable, argv, os.environ, file_actions=actions)
        os.close(ours)
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit status, as negative number of a signal where one ended it; None while it lives."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def let_go(self) -> None:
        """End its standard input, on which it stops."""
        os.close(self._held)
