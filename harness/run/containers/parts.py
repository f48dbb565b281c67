"""The stack as containers: the same bound artefacts, mounted at their own paths, on the network of this machine.

Every part listens on loopback, under the port that it would have as a process: what is bound is the same text,
whatever the backend. What has no image of its own (the sinks, the load generator, helpers, a subject that is given as a
command) runs as a process under the warden beside the containers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from harness.contract.subject import SubjectImage
from harness.provision.images import Image
from harness.run.containers.alertmanager import AlertmanagerContainer
from harness.run.containers.component import ComponentContainer
from harness.run.containers.elasticsearch import ElasticsearchContainer
from harness.run.containers.filebeat import FilebeatContainer
from harness.run.containers.fleet import Fleet
from harness.run.containers.prometheus import PrometheusContainer
from harness.run.containers.service import ServiceContainer
from harness.run.containers.spec import ContainerSpec
from harness.run.containers.toxiproxy import ToxiproxyContainer
from harness.run.parts import NativeParts, Part, Spec, Told
from harness.run.placement import InstancePlace
from harness.run.stack import procfs
from harness.run.stack.surface import ProcessSpec

__all__ = ["ContainerParts", "readable_roots"]

_GO: Final = {"GOMAXPROCS": "1", "GOGC": "400"}
"""As for processes: see ``harness.run.stack.native``."""
_HEAP: Final = "128m"
_FOR_ANY_USER: Final = 0o777
C = TypeVar("C", bound=ComponentContainer)


class ContainerParts:
    """Parts of the stack from ``images``, in ``fleet``; everything else as processes, by ``native``.

    ``folder`` is that of the run.
    """

    def __init__(self, images: Mapping[str, Image], fleet: Fleet, native: NativeParts, folder: Path) -> None:
        self._images, self.fleet, self._native, self._folder = images, fleet, native, folder

    @property
    def images(self) -> ContainerParts:
        """The subject's image is a container like the others."""
        return self

    def version(self, part: str) -> str:
        """Tag of the part's image."""
        return self._images[part].version if part in self._images else ""

    def prometheus(self, id: str, folder: Path, port: int, flags: tuple[str, ...], config: Path) -> Spec:
        """Prometheus, its data in its folder."""

        def make() -> ComponentContainer:
            made = self._own(PrometheusContainer(self._images["prometheus"].name, env=dict(_GO)), "prometheus", port)
            return made.with_folder(folder, config, folder / "data").with_flags("--log.level=warn", *flags)

        return ContainerSpec(id, make, (port,))

    def alertmanager(self, id: str, folder: Path, port: int, config: Path) -> Spec:
        """Alertmanager, its state in its folder."""

        def make() -> ComponentContainer:
            name = self._images["alertmanager"].name
            made = self._own(AlertmanagerContainer(name, env=dict(_GO)), "alertmanager", port)
            return made.with_folder(folder, config, folder / "data").with_flags("--log.level=warn")

        return ContainerSpec(id, make, (port,))

    def filebeat(self, id: str, folder: Path, port: int, config: Path, reads: Sequence[str]) -> Spec:
        """Filebeat, its registry in its folder; what it reads is mounted read-only."""

        def make() -> ComponentContainer:
            made = self._own(FilebeatContainer(self._images["filebeat"].name, env=dict(_GO)), "filebeat", port)
            for root in readable_roots(reads, self._folder):
                made.with_same_path(root)
            return made.with_folder(folder, config)

        return ContainerSpec(id, make, (port,))

    def elasticsearch(self, id: str, folder: Path, port: int, transport: int) -> Spec:  # noqa: ARG002 (its data stays in the container)
        """One node under the user of its image, which is never root; its data goes with the container."""
        image = self._images["elasticsearch"]

        def make() -> ComponentContainer:
            made = ElasticsearchContainer(image.name, heap=_HEAP).on_host_network(port).with_transport(transport)
            return made.with_limits(memory=image.memory, cpus=image.cpus)

        return ContainerSpec(id, make, (port, transport))

    def toxiproxy(self, id: str, folder: Path, port: int) -> Spec:  # noqa: ARG002 (it has no files)
        """Toxiproxy without a link."""
        return ContainerSpec(
            id,
            lambda: self._own(ToxiproxyContainer(self._images["toxiproxy"].name, env=dict(_GO)), "toxiproxy", port),
            (port,),
        )

    def subject(self, id: str, image: SubjectImage, place: InstancePlace, told: Told) -> Spec:
        """An instance under its image's own user, with its folders for logs and data at their own paths."""
        for folder in (place.logs, place.data):
            folder.chmod(_FOR_ANY_USER)  # the run's folder above is its owner's alone

        def make() -> ComponentContainer:
            port = next(iter(place.ports.values()))
            made = ServiceContainer(image.name, port).with_arguments(told.arguments).with_environment(told.environment)
            if image.ports:
                published = {image.ports[name]: number for name, number in place.ports.items()}
                made.with_published(published).with_settings(network=self.fleet.network(id.partition("/")[0]))
            else:
                made.on_host_network(port)
            made.with_limits(memory=image.memory, cpus=image.cpus)
            return made.with_same_path(place.logs, writable=True).with_same_path(place.data, writable=True)

        outputs = {name: place.logs / f"{name}.log" for name in ("stdout", "stderr")}
        return ContainerSpec(id, make, tuple(place.ports.values()), grace_s=told.grace_s, outputs=outputs)

    def _own(self, container: C, part: str, port: int) -> C:
        """What the parts have in common: loopback, limits, and the user whose files they read and write."""
        image = self._images[part]
        container.on_host_network(port).with_limits(memory=image.memory, cpus=image.cpus)
        return container.as_user(os.getuid(), os.getgid())

    def start(self, spec: Spec) -> Part:
        """Start a container, or a process under the warden."""
        return self._native.start(spec) if isinstance(spec, ProcessSpec) else self.fleet.start(spec)

    @property
    def all(self) -> tuple[Part, ...]:
        """Processes and containers."""
        return (*self._native.all, *self.fleet.containers)

    def pids(self) -> list[int]:
        """All that descends from the warden, and all processes in the containers."""
        inside = [pid for main in self.fleet.pids() for pid in (main, *procfs.descendants(main))]
        return [*self._native.pids(), *inside]

    @property
    def cpu_s(self) -> Mapping[str, float]:
        """Of processes as the kernel told, of containers as the engine told."""
        return {**self._native.cpu_s, **self.fleet.cpu_s}


def readable_roots(patterns: Iterable[str], folder: Path) -> list[Path]:
    """The folders to mount so that all ``patterns`` can be read: ``folder`` for all below it, else one per pattern."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        fixed = Path(*(part for part in _before_glob(Path(pattern))))
        found[folder if fixed.is_relative_to(folder) else fixed] = None
    return sorted(found)


def _before_glob(path: Path) -> Iterable[str]:
    for part in path.parts[:-1]:
        if any(sign in part for sign in "*?["):
            return
        yield part
