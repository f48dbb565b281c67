"""What all components of an observability stack have in common as containers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import WaitStrategy

__all__ = ["ComponentContainer"]

_LOOPBACK: Final = "127.0.0.1"


class ComponentContainer(DockerContainer):
    """A service with one main port, published on loopback and never on every interface of the machine.

    Two networks are possible. By default the container has its own, and its port is published under a free one. With
    :meth:`on_host_network` it listens on a loopback port of the machine that the caller chose: peers inside and outside
    of containers then use one address, which is what a configuration needs that is to be the same everywhere.

    Args:
        image: Name of the image.
        port: The port that it listens on inside its own network.
        ready: How readiness is waited for; None starts without waiting.
        kwargs: Passed on to :class:`testcontainers.core.container.DockerContainer`.
    """

    def __init__(self, image: str, port: int, ready: WaitStrategy | None = None, **kwargs: Any) -> None:
        super().__init__(image, **kwargs)
        self.port = port
        self._host_port = 0
        self.ports[str(port)] = (_LOOPBACK, None)  # type: ignore[assignment]  # docker takes the pair
        if ready:
            self.waiting_for(ready)

    @property
    def address(self) -> str:
        """``host:port`` as the machine reaches it."""
        return f"{self.get_container_host_ip()}:{self.get_exposed_port(self.port)}"

    @property
    def url(self) -> str:
        """Address of its HTTP interface as the machine reaches it."""
        return f"http://{self.address}"

    @property
    def listens_on(self) -> str:
        """``host:port`` that the program is told to listen on."""
        return f"{_LOOPBACK}:{self._host_port}" if self._host_port else f"0.0.0.0:{self.port}"

    def on_host_network(self, port: int) -> Self:
        """Share the network of the machine and listen on ``port`` of its loopback alone."""
        self._host_port = port
        self.ports.clear()
        return self.with_settings(network="host")

    def with_limits(self, *, memory: str | None = None, cpus: float | None = None) -> Self:
        """Limit memory (such as ``512m``; swap does not extend it) and processors.

        More processors than the machine has are as many as it has: engines refuse such a limit.
        """
        if memory:
            self.with_settings(mem_limit=memory, memswap_limit=memory)
        return self.with_settings(nano_cpus=int(min(cpus, os.cpu_count() or 1) * 1e9)) if cpus else self

    def with_settings(self, **settings: Any) -> Self:
        """Add settings as the engine's client names them; ``with_kwargs`` would replace the others."""
        self._kwargs.update(settings)
        return self

    def with_labels(self, labels: Mapping[str, str]) -> Self:
        """Add labels, by which whoever cleans up finds it."""
        return self.with_settings(labels={**self._kwargs.get("labels", {}), **labels})

    def as_user(self, uid: int, gid: int) -> Self:
        """Run as this user of the machine, so that mounted folders are read and written as by them."""
        return self.with_settings(user=f"{uid}:{gid}")

    def with_same_path(self, folder: Path, *, writable: bool = False) -> Self:
        """Mount ``folder`` under its own path: what refers to files of it is right inside and outside."""
        return self.with_volume_mapping(folder, str(folder), "rw" if writable else "ro")

    def without_waiting(self) -> Self:
        """Let ``start`` return once the program runs."""
        self._wait_strategy = None
        return self

    def get_container_host_ip(self) -> str:
        """Loopback: nothing of it is published elsewhere."""
        return _LOOPBACK

    def get_exposed_port(self, port: int) -> int:
        """The port of the machine that leads to ``port`` of the container."""
        return self._host_port or self._get_exposed_port(port)

    def start(self) -> Self:
        """Start the container and wait until it is ready; raises what the wait raises, with the end of its logs."""
        self.with_command(self._arguments())
        return super().start()

    def _arguments(self) -> list[str]:
        """The command line after the entry point of the image."""
        return list(self._command or [])
