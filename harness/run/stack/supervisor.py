"""The campaign's handle on its components: start them under the warden, hear of deaths, leave nothing behind."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.core.errors import MachineError
from harness.run.stack import registry
from harness.run.stack.link import Message, WardenLink
from harness.run.stack.managed import ManagedProcess
from harness.run.stack.surface import (
    Exited,
    OrphanReaped,
    ProcessEvent,
    ProcessSpec,
    Started,
    WardenLost,
)

__all__ = ["Supervisor"]


class Supervisor:
    """Parent of every component of one run; a context manager that leaves nothing behind.

    ``run_dir`` must be absent or empty: it is made, marked as ours, and removed with everything in it at the end,
    whatever ends the run. ``on_event`` is called in one thread of its own, in order, with every start, death and
    orphan, and with ``WardenLost`` should the warden itself die; it may start, stop and wait. Should the campaign die,
    processes have ``crash_grace_s`` seconds between their stop signal and SIGKILL. Entering sweeps what earlier runs
    left (``swept`` says what). Every method may be called from any thread.
    """

    def __init__(
        self,
        run_dir: Path,
        on_event: Callable[[ProcessEvent], None] | None = None,
        *,
        state: Path | None = None,
        crash_grace_s: float = 1.0,
    ) -> None:
        self._run_dir, self._state = run_dir, state
        self._on_event = on_event or (lambda _event: None)
        self._crash_grace_s = crash_grace_s
        self._lock = threading.Lock()
        self._processes: dict[str, ManagedProcess] = {}
        self._events: queue.SimpleQueue[ProcessEvent | None] = queue.SimpleQueue()
        self._callback_error: BaseException | None = None
        self._closing = False
        self._cpu_s: dict[str, float] = defaultdict(float)
        self.swept: list[registry.Swept] = []

    def __enter__(self) -> Self:
        state = self._state or registry.state_folder()
        self.swept = registry.sweep(state)
        self._run = registry.Run.open(self._run_dir, state)
        try:
            self._link = WardenLink(self._run, self._crash_grace_s, self._note, self._note_end)
        except BaseException:
            self._run.discard()
            raise
        self._caller = threading.Thread(target=self._hand_out, name="process-events", daemon=True)
        self._caller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self, grace_s: float = 2.0) -> None:
        """End every process (SIGKILL after ``grace_s`` seconds), then remove the run's folder and record.

        Raises ``MachineError`` if something stayed, and whatever ``on_event`` raised.
        """
        with self._lock:
            if self._closing:
                return
            self._closing = True
        self._link.close(grace_s)
        self._events.put(None)
        if threading.current_thread() is not self._caller:
            self._caller.join()
        if problem := self._run.discard():
            raise MachineError(f"the run could not be cleaned up: {problem}", remedy="the next run will try again")
        if self._callback_error:
            raise self._callback_error

    @property
    def run_id(self) -> str:
        """Id of this run: every process under it carries it in its environment as ``HARNESS_RUN_ID``."""
        return self._run.id

    @property
    def warden_pid(self) -> int:
        """Pid of the warden."""
        return self._link.pid

    @property
    def processes(self) -> tuple[ManagedProcess, ...]:
        """Every process started or adopted so far, dead ones included."""
        with self._lock:
            return tuple(self._processes.values())

    @property
    def cpu_s(self) -> Mapping[str, float]:
        """CPU seconds of every process that has ended, by id, over all its lives, as the kernel told its parent.

        Complete once this is closed. A process that a component's own launcher forked counts as its launcher's.
        """
        return dict(self._cpu_s)

    def start(self, spec: ProcessSpec) -> ManagedProcess:
        """Start a component and return once its program runs (which does not mean that it is ready).

        Raises ``PortTakenError`` if one of its ports is held, ``StartFailedError`` naming the step that failed, and
        ``WardenDiedError``.
        """
        process = self._process(spec)
        process.begin(spec)
        return process

    def adopt(self, id: str, pid: int, *, log: Path) -> ManagedProcess:
        """Watch a process that a component's own launcher forked and reported; ``log`` is where it writes.

        Raises ``ProcessRefusedError`` unless ``pid`` is alive and descends from this run.
        """
        process = self._process(ProcessSpec(id, (), Path("/"), log))
        process.adopt(pid)
        return process

    def _process(self, spec: ProcessSpec) -> ManagedProcess:
        with self._lock:
            return self._processes.setdefault(spec.id, ManagedProcess(self._link, spec))

    # --- called by the thread that reads the warden

    def _note(self, message: Message) -> None:
        event: ProcessEvent
        match message["event"]:
            case "started":
                event = Started(message["id"], message["pid"], message["t"])
                self._processes[event.id].note_start(event)
            case "exited":
                self._cpu_s[message["id"]] += message["cpu_s"]
                event = Exited(message["id"], message["pid"], message["t"], message["code"], message["expected"])
                self._processes[event.id].note_exit(event)
            case "orphan":
                event = OrphanReaped(message["pid"], message["t"], message["code"])
            case _:
                return
        self._events.put(event)

    def _note_end(self, reason: str) -> None:
        if self._closing:
            return
        registry.end_processes(self._run.record)  # direct children died with the warden; this finds the others
        for process in self._processes.values():
            process.note_loss()
        self._events.put(WardenLost(time.time(), reason))

    def _hand_out(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._on_event(event)
            except BaseException as error:  # raised again by close: the events after it must still arrive
                self._callback_error = self._callback_error or error
