"""The campaign's side of the driver process: orders through a FIFO, status from a file that grows.

Both are paths, so that whoever supervises processes can start the driver like any other component:
``argv``, with ``stdin`` and ``stdout``. When the campaign dies the kernel closes the FIFO's only
writing end, and the driver stops by itself.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import orjson

from harness.core.errors import ConfigError, HarnessError, MachineError
from harness.run.load.plan import DriverPlan, write_plan
from harness.run.load.schedule import LoadPhase

__all__ = ["Generator", "GeneratorEndedError", "GeneratorGoneError", "PhaseReport"]


class GeneratorGoneError(HarnessError):
    """The driver process no longer takes orders, or said that it broke."""


class GeneratorEndedError(GeneratorGoneError):
    """Nobody reads its orders any more: the process has ended."""


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """What the driver said of a phase that has drained: every row of it is in the ledger.

    Times are epoch seconds: between ``ended_t`` and ``drained_t`` what was in flight came to its end.
    ``intended = sent + dropped``; ``aborted`` and ``unexpected`` are among the
    sent. Lateness is how much later than intended requests were sent, None where none was. ``cpu_s`` is
    what the whole process used from the phase's start to its last row, all its cells together.
    """

    cell: str
    phase: str
    started_t: float
    ended_t: float
    drained_t: float
    intended: int
    sent: int
    dropped: int
    aborted: int
    unexpected: int
    lateness_p50_s: float | None
    lateness_p99_s: float | None
    lateness_max_s: float | None
    cpu_s: float


class Generator:
    """Gives orders to one driver process and keeps what it reports.

    ``folder`` receives the plan, the FIFO and the status file. Nothing here waits: call ``poll`` until
    ``ready`` or ``report`` has what is needed. Raises ``MachineError`` where the folder cannot be used.
    """

    def __init__(self, plan: DriverPlan, folder: Path) -> None:
        self.stdin, self.stdout = folder / "control", folder / "status.ndjson"
        self.argv = (
            sys.executable, "-P", "-m", "harness.run.load.driver", "--plan", str(folder / "plan.json"),
        )  # fmt: skip
        try:
            write_plan(plan, folder / "plan.json")
            os.mkfifo(self.stdin)
            # A reader of our own until the driver has opened its end: else both would wait for the other.
            self._reader: int | None = os.open(self.stdin, os.O_RDWR)
            self._control = os.open(self.stdin, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            raise MachineError(f"load generator cannot be set up in {folder}: {error}") from error
        self.ready = False
        self.stopped = False
        self.told: list[str] = []
        """What was told of workers that are gone, and of ceilings that were reached."""
        self._offset = 0
        self._started: dict[tuple[str, str], float] = {}
        self._reports: dict[tuple[str, str], PhaseReport] = {}

    def poll(self) -> None:
        """Take in what the driver reported since the last call.

        Raises ``ConfigError`` for an order that it refused and ``GeneratorGoneError`` if it broke.
        """
        try:
            with self.stdout.open("rb") as source:
                source.seek(self._offset)
                grown = source.read()
        except FileNotFoundError:
            return
        for line in grown[: grown.rfind(b"\n") + 1].splitlines(keepends=True):
            self._offset += len(line)
            self._take(orjson.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "ready":
                self.ready = True
                self._let_go_of_reader()
            case "phase_started":
                self._started[event["cell"], event["phase"]] = event["at"]
            case "phase_drained":
                values = {column.name: event[column.name] for column in fields(PhaseReport)}
                self._reports[event["cell"], event["phase"]] = PhaseReport(**values)
            case "worker_lost" | "ceiling_reached":
                self.told.append(event["message"])
            case "stopped":
                self.stopped = True
            case "error" if event["fatal"]:
                raise GeneratorGoneError(f"load generator: {event['message']}")
            case "error":
                raise ConfigError(f"load generator: {event['message']}")

    def started_t(self, cell: str, phase: str) -> float | None:
        """When a phase began (epoch seconds), None while it has not."""
        return self._started.get((cell, phase))

    def report(self, cell: str, phase: str) -> PhaseReport | None:
        """The report of a phase that has drained, None before."""
        return self._reports.get((cell, phase))

    def start_phase(self, cell: str, load: LoadPhase, at: float | None = None) -> None:
        """Begin ``load`` in ``cell`` at ``at`` (epoch seconds, None is at once), ending the phase before it there."""
        self._order({"op": "phase", "cell": cell, "load": load.to_json(), "at": at})

    def stop_phase(self, cell: str, phase: str, at: float | None = None) -> None:
        """End a phase at ``at`` (epoch seconds, None is at once); what is in flight goes on to its end."""
        self._order({"op": "stop_phase", "cell": cell, "phase": phase, "at": at})

    def drain(self, cell: str) -> None:
        """Intend nothing more in ``cell``; its phases report when nothing is in flight."""
        self._order({"op": "drain", "cell": cell})

    def quit(self) -> None:
        """Drain every cell and end the process."""
        self._order({"op": "quit"})

    def close(self) -> None:
        """End the driver's standard input, on which it stops at once."""
        self._let_go_of_reader()
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    def _order(self, order: dict[str, Any]) -> None:
        line = orjson.dumps(order, option=orjson.OPT_APPEND_NEWLINE)
        try:
            written = os.write(self._control, line)
        except OSError as error:
            raise GeneratorEndedError(f"load generator takes no orders: {error}") from error
        if written < len(line):
            raise GeneratorGoneError("load generator reads no orders: half of one is stuck")

    def _let_go_of_reader(self) -> None:
        if self._reader is not None:
            os.close(self._reader)
            self._reader = None
