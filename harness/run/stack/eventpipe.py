"""The warden's way of telling events: it never blocks on a campaign that does not read, and notices one that is gone.

Standard library only: the warden stands on it.
"""

from __future__ import annotations

import json
import os
import select
import selectors
import time
from typing import Any

__all__ = ["EventPipe"]

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class EventPipe:
    """Newline-delimited JSON into ``fd``, in order; ``broken`` once nobody can read it any more."""

    def __init__(self, fd: int, selector: selectors.BaseSelector) -> None:
        self.broken = False
        self._fd, self._selector = fd, selector
        self._waiting = b""
        self._interest = _READ  # a write end that becomes "readable" has lost its reader
        os.set_blocking(fd, False)
        selector.register(fd, _READ, self._on_ready)

    def emit(self, event: str, **fields: Any) -> None:
        """Tell one event, now or as soon as there is room; ``t`` is now, in seconds since the epoch."""
        line = json.dumps({"event": event, "t": time.time(), **fields})
        self._waiting += line.encode() + b"\n"
        self._flush()

    def _flush(self) -> None:
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._fd, self._waiting) :]
        except BlockingIOError:
            pass
        except OSError:
            self._waiting, self.broken = b"", True
        self._wait_for(_READ | (_WRITE if self._waiting else 0))

    def _wait_for(self, interest: int) -> None:
        if interest != self._interest and self._fd in self._selector.get_map():
            self._interest = interest
            self._selector.modify(self._fd, interest, self._on_ready)

    def _on_ready(self, mask: int) -> None:
        if mask & _READ:
            self.broken = True
        else:
            self._flush()

    def drain(self, patience_s: float) -> None:
        """Write what still waits, for at most that long."""
        ends = time.monotonic() + patience_s
        while self._waiting and select.select([], [self._fd], [], max(0.0, ends - time.monotonic()))[1]:
            self._flush()
