"""All containers of one campaign: started with its labels, watched by the engine's events, removed at its end."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self

import docker
from docker.errors import DockerException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import Reaper
from testcontainers.core.exceptions import ContainerConnectException, ContainerStartException

from harness.core.errors import MachineError
from harness.provision.engine import Engine
from harness.run.containers.managed import ManagedContainer
from harness.run.containers.owner import COMPONENT, RUN, Owner
from harness.run.containers.spec import ContainerSpec
from harness.run.containers.sweeping import remove_run, sweep
from harness.run.stack.surface import ProcessEvent

__all__ = ["Fleet"]

_PATIENCE_S: Final = 10.0


class Fleet:
    """Containers of the run ``run_id``; a context manager that leaves none behind.

    ``on_event`` is told of every start and death, as of those of processes. Entering sweeps what dead campaigns left
    (``swept`` says what). Clean-up is the harness's own, so the reaper of testcontainers, which needs an image and the
    engine's socket, stays off unless ``TESTCONTAINERS_RYUK_DISABLED=false`` asks for it.
    """

    def __init__(self, engine: Engine, run_id: str, on_event: Callable[[ProcessEvent], None]) -> None:
        self.engine, self.run_id = engine, run_id
        self._on_event = on_event
        self._owner = Owner.this_process()
        self._containers: dict[str, ManagedContainer] = {}
        self._lock = threading.Lock()
        self._networks: set[str] = set()
        self._closing = False
        self.swept: list[str] = []

    def __enter__(self) -> Self:
        os.environ["DOCKER_HOST"] = self.engine.host
        if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
            testcontainers_config.ryuk_disabled = True
        self.swept = sweep(self.engine, self._owner)
        if not testcontainers_config.ryuk_disabled:
            _start_reaper()
        self._client = docker.DockerClient(base_url=self.engine.host)
        label = f"{RUN}={self.run_id}"
        self._events: Any = self._client.events(
            decode=True, since=int(time.time()), filters={"label": label, "event": "die", "type": "container"}
        )
        self._watcher = threading.Thread(target=self._watch, name="containers", daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of every container, by id, as far as the engine was asked before it ended."""
        return {container.id: round(container.cpu_s, 3) for container in self.containers if container.cpu_s}

    def pids(self) -> list[int]:
        """Main processes that run now. Asking notes what they have cost: what ends by itself can be asked no more."""
        for container in self.containers:
            container.sample()
        return [container.pid for container in self.containers if container.alive and container.pid]

    @property
    def containers(self) -> tuple[ManagedContainer, ...]:
        """Every container started so far, dead ones included."""
        with self._lock:
            return tuple(self._containers.values())

    def start(self, spec: ContainerSpec) -> ManagedContainer:
        """Start a component and return once its program runs (which does not mean that it is ready).

        Raises ``PortTakenError`` or ``StartFailedError``.
        """
        labels = self._owner.labels(self.run_id, spec.id)
        with self._lock:
            managed = self._containers[spec.id] = ManagedContainer(spec, labels, self._on_event)
        managed.begin()
        return managed

    def network(self, cell: str) -> str:
        """Name of the network of a cell's own, made when it is first asked for."""
        name = f"harness-{self.run_id[:12]}-{cell}"
        with self._lock:
            if name not in self._networks:
                self._client.networks.create(name, labels=self._owner.labels(self.run_id, f"{cell}/network"))
                self._networks.add(name)
        return name

    def close(self) -> None:
        """Remove every container with its files; raises ``MachineError`` if one stayed."""
        if self._closing:
            return
        self._closing = True
        for container in self.containers:
            container.discard()
        ends = time.monotonic() + _PATIENCE_S
        while (left := remove_run(self.engine, self.run_id)) and time.monotonic() < ends:
            pass
        self._stop_watching()
        if left:
            raise MachineError(f"containers that cannot be removed: {', '.join(left)}", remedy="docker rm --force them")

    def _stop_watching(self) -> None:
        with contextlib.suppress(Exception):  # closing a stream that is being read tells of it in many ways
            self._events.close()
        self._watcher.join(_PATIENCE_S)
        self._client.close()

    # --- the engine's events

    def _watch(self) -> None:
        with contextlib.suppress(DockerException, OSError, ValueError):
            for event in self._told():
                self._note(event)
        if not self._closing:
            for container in self.containers:
                if lost := container.note_loss():
                    self._on_event(lost)

    def _told(self) -> Iterator[dict[str, Any]]:
        yield from self._events

    def _note(self, event: dict[str, Any]) -> None:
        attributes = event["Actor"]["Attributes"]
        with self._lock:
            container = self._containers.get(attributes.get(COMPONENT, ""))
        if container and container.alive:
            self._on_event(container.note_exit(int(attributes["exitCode"]), event["timeNano"] / 1e9))


def _start_reaper() -> None:
    """Once, before anything else: containers that start side by side would each start one. It ends with us."""
    try:
        Reaper.get_instance()
    except (DockerException, ContainerStartException, ContainerConnectException, OSError, TimeoutError) as error:
        raise MachineError(
            f"the reaper of testcontainers, {testcontainers_config.ryuk_image}, cannot be started: {error}",
            remedy="have its image, or leave TESTCONTAINERS_RYUK_DISABLED unset: clean-up does without it",
        ) from None
