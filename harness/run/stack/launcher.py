"""A subject's own launcher: a warm process that forks an instance for every order on its standard input.

An order is one JSON line: ``instance``, ``arguments``, ``environment`` (added to the launcher's own), ``stdout`` and
``stderr`` (files to append to). The launcher answers on its standard output with a line that holds ``instance`` and
``pid``; other lines are its own affair. An instance leads a process group of its own, and is best left an orphan: the
warden, which adopts it, then learns its exit code and what it cost.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import orjson

from harness.core.errors import MachineError
from harness.run.stack.surface import Process, ProcessSpec, StartFailedError
from harness.run.stack.wait import ComponentDiedError, WaitTimeoutError, eventually

__all__ = ["Launcher"]

_ANSWER_S = 30.0
_EVERY_S = 0.005


class Launcher:
    """Gives orders to one launcher, one at a time, from any thread. ``process`` is set once it was started."""

    def __init__(self, folder: Path) -> None:
        self.stdin, self.stdout = folder / "orders", folder / "output.log"
        self.process: Process | None = None
        self._lock = threading.Lock()
        self._offset = 0
        try:
            os.mkfifo(self.stdin)
            self._orders = os.open(self.stdin, os.O_RDWR)  # for reading, too: a launcher that is late loses no order
        except OSError as error:
            raise MachineError(f"the launcher cannot be set up in {folder}: {error}") from error

    def fork(self, spec: ProcessSpec) -> int:
        """Have ``spec`` forked; its pid. Raises ``StartFailedError`` where no answer came."""
        inherited = os.environ
        added = {name: value for name, value in (spec.env or {}).items() if inherited.get(name) != value}
        order = {
            "instance": spec.id,
            "arguments": list(spec.argv),
            "environment": added,
            "stdout": str(spec.stdout),
            "stderr": str(spec.stderr or spec.stdout),
        }
        with self._lock:
            os.write(self._orders, orjson.dumps(order, option=orjson.OPT_APPEND_NEWLINE))
            return self._answer(spec.id)

    def _answer(self, id: str) -> int:
        assert self.process is not None
        try:
            return eventually(
                lambda: self._pid_of(id),
                what=f"the launcher to fork {id}",
                within_s=_ANSWER_S,
                every_s=_EVERY_S,
                alive=[self.process],
            )
        except (ComponentDiedError, WaitTimeoutError) as failure:
            raise StartFailedError(f"{id} could not be started: {failure.problem}") from None

    def _pid_of(self, id: str) -> int | None:
        with self.stdout.open("rb") as source:
            source.seek(self._offset)
            grown = source.read()
        for line in grown[: grown.rfind(b"\n") + 1].splitlines(keepends=True):
            self._offset += len(line)
            said = _object(line)
            if said.get("instance") == id and isinstance(said.get("pid"), int):
                return int(said["pid"])
        return None

    def close(self) -> None:
        """End the launcher's standard input, on which it ends."""
        with self._lock:
            if self._orders >= 0:
                os.close(self._orders)
                self._orders = -1


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
