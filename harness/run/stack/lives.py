"""What is known of the lives of one component, however it runs: as a process or in a container."""

from __future__ import annotations

import threading

from harness.run.stack.surface import Exited

__all__ = ["Lives"]


class Lives:
    """The latest pid and the latest death of the component ``id``; whoever watches it writes them down."""

    def __init__(self, id: str) -> None:
        self.id = id
        self._pid: int | None = None
        self._exit: Exited | None = None
        self._ended = threading.Event()
        self._ended.set()

    @property
    def pid(self) -> int | None:
        """Pid of the latest life, as this machine sees it; None before the first."""
        return self._pid

    @property
    def alive(self) -> bool:
        """Whether it runs, as the kernel or the engine told."""
        return not self._ended.is_set()

    @property
    def exit(self) -> Exited | None:
        """The latest death; None while alive."""
        return self._exit

    @property
    def exit_code(self) -> int | None:
        """Exit status of the latest death, ``-n`` after signal *n*; None while alive or if it is not known."""
        return self._exit.code if self._exit else None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; whether it has ended."""
        return self._ended.wait(timeout_s)
