"""The two streams of a load process: orders from standard input, status to standard output. Only it uses this."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import gevent
import orjson
from gevent.event import Event
from gevent.fileobject import FileObject, FileObjectThread
from gevent.queue import Queue

from harness.core.errors import HarnessError

__all__ = ["Control", "Line", "complaint"]

_LAST_WORDS_S = 0.3

Line = dict[str, Any]


class Control:
    """Reads orders, one JSON object a line, and writes status lines, without ever holding up a request.

    ``obey`` takes each order; ``ended`` is called once nobody orders or listens any more, ``broke`` for what
    must end the process. With ``threaded`` a thread of its own waits for orders: next to gevent's watcher of
    standard input the sockets of Locust's master and workers would never wake up again (measured).
    """

    def __init__(
        self,
        obey: Callable[[Line], None],
        ended: Callable[[], None],
        broke: Callable[[BaseException], None],
        *,
        threaded: bool = False,
    ) -> None:
        self._reader = FileObjectThread if threaded else FileObject
        self._obey, self._ended, self._broke = obey, ended, broke
        self._lines: Queue[Line | None] = Queue()
        self._written = Event()

    def start(self) -> None:
        """Begin to read and write."""
        for work in (self._write, self._read):
            gevent.spawn(work).link_exception(lambda dead: self._broke(dead.exception))

    def say(self, line: Line) -> None:
        """Write a status line, soon."""
        self._lines.put(line)

    def close(self) -> None:
        """Say what waits, for as long as somebody listens."""
        self._lines.put(None)
        self._written.wait(_LAST_WORDS_S)

    def _write(self) -> None:
        # Cooperative writes: a reader that falls behind must not delay a single request.
        out = FileObject(sys.stdout.fileno(), "wb", closefd=False)
        try:
            while (line := self._lines.get()) is not None:
                out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                out.flush()
        except BrokenPipeError:
            self._ended()  # nobody listens any more, which is as good as the end of standard input
        finally:
            self._written.set()

    def _read(self) -> None:
        for line in self._reader(sys.stdin.fileno(), "rb", closefd=False):
            try:
                order = orjson.loads(line)
            except ValueError as error:
                self._refuse(error, line.decode())
                continue
            self.obey(order)
        self._ended()

    def obey(self, order: Any) -> None:
        """Have ``order`` carried out; one that cannot be is answered, and survived."""
        try:
            self._obey(order)
        except (HarnessError, ValueError, LookupError, TypeError) as error:
            self._refuse(error, repr(order))

    def _refuse(self, error: BaseException, order: str) -> None:
        self.say({"event": "error", "fatal": False, "message": complaint(error), "line": order})


def complaint(error: BaseException) -> str:
    """What is told of an error: a person's words where it has them."""
    return str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
