"""A container as the campaign holds it in its hand: the same surface as a process under the warden."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Any, Final

from docker.errors import APIError, DockerException, NotFound
from testcontainers.core.exceptions import ContainerStartException

from harness.run.containers.component import ComponentContainer
from harness.run.containers.spec import ContainerSpec
from harness.run.stack import procfs
from harness.run.stack.lives import Lives
from harness.run.stack.ports import require_free
from harness.run.stack.surface import Exited, ProcessRefusedError, Started, StartFailedError

__all__ = ["ManagedContainer"]

_PATIENCE_S: Final = 10.0
_TAIL_LINES: Final = 12
_SIGNAL_BASE: Final = 128
_SIGNALS: Final = 64


class ManagedContainer(Lives):
    """One component through all its lives: ``restart`` starts the same container again, with the files that it has.

    ``note`` is told of every start. Deaths come from the engine's own events, by ``note_exit``.
    """

    def __init__(self, spec: ContainerSpec, labels: Mapping[str, str], note: Callable[[Started], None]) -> None:
        super().__init__(spec.id)
        self.spec = spec
        self._labels, self._note = labels, note
        self._container: ComponentContainer | None = None
        self._asked = False
        self._kept_tail = ""
        self._past_s = self._life_s = 0.0

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all its lives, as far as anybody asked before each of them ended."""
        return self._past_s + self._life_s

    def describe_death(self) -> str:
        """Why it does not run: exit code or signal, and the tail of its logs."""
        first = str(self._exit) if self._exit else f"{self.id} {'runs' if self.alive else 'was never started'}"
        tail = self.tail(_TAIL_LINES)
        text = f"{first}\n" + ("its last lines:\n" + tail if tail else "it wrote nothing")
        return "\n  ".join(text.splitlines())

    def begin(self) -> None:
        """Create and start it; raises ``PortTakenError`` or ``StartFailedError``."""
        for port in self.spec.ports:
            require_free(port, self.id)
        made = self.spec.make().without_waiting().with_labels(self._labels)
        made.with_settings(stop_signal=self.spec.stop_signal.name)
        self._container = made
        self._run(made.start)

    def _run(self, start: Callable[[], object]) -> None:
        since = time.time()
        self._past_s, self._life_s = self.cpu_s, 0.0
        self._asked, self._exit = False, None
        self._ended.clear()
        try:
            start()
            self._pid = int(self._engines("reload").attrs["State"]["Pid"]) or None
        except (DockerException, ContainerStartException, OSError) as error:
            self._ended.set()
            raise StartFailedError(f"{self.id} could not be started: {_told(error)}") from None
        self._follow(since)
        self._note(Started(self.id, self._pid or 0, time.time()))

    def _follow(self, since: float) -> None:
        for stream, path in self.spec.outputs.items():
            target = (stream, path, since)
            threading.Thread(target=self._copy, args=target, name=f"{self.id} {stream}", daemon=True).start()

    def _copy(self, stream: str, path: Path, since: float) -> None:
        """Append one of its outputs to a file, until its life ends."""
        assert self._container is not None
        wanted = {name: name == stream for name in ("stdout", "stderr")}
        with contextlib.suppress(DockerException, OSError), path.open("ab") as file:
            for chunk in self._container.get_wrapped_container().logs(stream=True, follow=True, since=since, **wanted):
                file.write(chunk)
                file.flush()

    def signal(self, number: Signals, *, group: bool = False, ends: bool = False) -> None:  # noqa: ARG002 (a container is its own group)
        """Deliver a signal to its main process; ``ends`` says that a death that follows is asked for."""
        if not self.alive:
            raise ProcessRefusedError(f"{self.id} does not run")
        self._asked = self._asked or ends
        try:
            self._engines("kill", signal=number.name)
        except DockerException as error:
            raise ProcessRefusedError(f"{self.id} could not be sent {number.name}: {_told(error)}") from None

    def stop(self, grace_s: float | None = None) -> None:
        """Ask it to end, insist with SIGKILL after ``grace_s`` seconds, return when it is gone."""
        grace_s = self.spec.grace_s if grace_s is None else grace_s
        self._end(lambda: self._engines("stop", timeout=math.ceil(grace_s)), grace_s)

    def kill(self) -> None:
        """SIGKILL everything in it and return when it is gone."""
        self._end(lambda: self._engines("kill", signal=SIGKILL.name), 0.0)

    def _end(self, order: Callable[[], object], grace_s: float) -> None:
        if not self.alive:
            return
        self._account()
        self._asked = True
        try:
            order()
        except DockerException as error:
            if not self._ended.wait(1.0):  # one that ended meanwhile refuses, and needs no more
                raise ProcessRefusedError(f"{self.id} could not be ended: {_told(error)}") from None
        self._ended.wait(grace_s + _PATIENCE_S)

    def restart(self) -> None:
        """Stop it if it runs and start the same container again."""
        self.stop()
        self._run(lambda: self._engines("start"))

    def tail(self, lines: int) -> str:
        """Last lines of its standard output and error."""
        if self._container is None or lines <= 0:
            return ""
        try:
            text = self._container.get_wrapped_container().logs(tail=lines).decode("utf-8", "replace")
        except (DockerException, ContainerStartException):
            return "\n".join(self._kept_tail.splitlines()[-lines:])
        return "\n".join(text.splitlines()[-lines:])

    def discard(self) -> None:
        """Let go of it before it is removed: its last lines are kept."""
        self._account()
        self._asked = True
        self._kept_tail = self.tail(_TAIL_LINES)

    def sample(self) -> None:
        """Note what this life has cost so far: of one that ends by itself nobody can ask when it is over."""
        if self.alive and self._pid:
            self._life_s = max(self._life_s, procfs.cpu_s(self._pid))

    def note_exit(self, code: int, t: float) -> Exited:
        """A life ended."""
        if _SIGNAL_BASE < code <= _SIGNAL_BASE + _SIGNALS:
            code = _SIGNAL_BASE - code
        event = Exited(self.id, self._pid or 0, t, code, self._asked)
        self._exit = event
        self._ended.set()
        return event

    def note_loss(self) -> Exited | None:
        """The engine is gone, and whatever became of this container is not known; None where it was over before."""
        if not self.alive:
            return None
        self._exit = Exited(self.id, self._pid or 0, time.time(), None, expected=False)
        self._ended.set()
        return self._exit

    def _account(self) -> None:
        """Ask the engine what this life has cost so far: once it is over nobody knows."""
        if not self.alive or self._container is None:
            return
        with contextlib.suppress(DockerException, ContainerStartException, KeyError, TypeError):
            told: Any = self._container.get_wrapped_container().stats(stream=False, one_shot=True)
            self._life_s = told["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9

    def _engines(self, verb: str, **options: Any) -> Any:
        """One of the engine's verbs on the container; its handle."""
        assert self._container is not None
        handle = self._container.get_wrapped_container()
        getattr(handle, verb)(**options)
        return handle


def _told(error: Exception) -> str:
    if isinstance(error, NotFound | APIError):
        return str(error.explanation or error)
    return str(error)
