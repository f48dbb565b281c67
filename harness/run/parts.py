"""How the parts of the stack are started: as processes of this machine, or as containers. One surface for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.contract.subject import SubjectImage
from harness.provision import Tool
from harness.run.containers.spec import ContainerSpec
from harness.run.placement import InstancePlace
from harness.run.stack import native, procfs
from harness.run.stack.supervisor import Supervisor
from harness.run.stack.surface import Exited, Process, ProcessSpec

__all__ = ["NativeParts", "Part", "Parts", "Spec", "SubjectImages", "Told"]

Spec = ProcessSpec | ContainerSpec


@dataclass(frozen=True, slots=True)
class Told:
    """What an instance of the subject is started with, every field replaced."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    grace_s: float


class Part(Process, Protocol):
    """A part that this run started: it also tells how it ended."""

    @property
    def exit(self) -> Exited | None:
        """The latest death; None while alive."""


class SubjectImages(Protocol):
    """What a backend that runs images makes of the subject's."""

    def subject(self, id: str, image: SubjectImage, place: InstancePlace, told: Told) -> Spec:
        """An instance of the subject from its image."""


class Parts(Protocol):
    """What a cell asks of its backend. ``folder`` of a part is its own, and may be written to."""

    @property
    def images(self) -> SubjectImages | None:
        """How a subject that has an image is started from it; None where it is started by its command."""

    def version(self, part: str) -> str:
        """Version of a part, or the empty string."""

    def prometheus(self, id: str, folder: Path, port: int, flags: tuple[str, ...], config: Path) -> Spec:
        """Prometheus with its data below ``folder``; ``flags`` carry the clock."""

    def alertmanager(self, id: str, folder: Path, port: int, config: Path) -> Spec:
        """Alertmanager alone, without a cluster."""

    def filebeat(self, id: str, folder: Path, port: int, config: Path, reads: Sequence[str]) -> Spec:
        """Filebeat with its registry below ``folder``; ``reads`` are the paths and patterns of its inputs."""

    def elasticsearch(self, id: str, folder: Path, port: int, transport: int) -> Spec:
        """One Elasticsearch node."""

    def toxiproxy(self, id: str, folder: Path, port: int) -> Spec:
        """Toxiproxy without a link."""

    def start(self, spec: Spec) -> Part:
        """Start what ``spec`` describes and return once its program runs."""

    @property
    def all(self) -> tuple[Part, ...]:
        """Everything started so far, dead ones included."""

    def pids(self) -> list[int]:
        """Every process that belongs to this run now."""

    @property
    def cpu_s(self) -> Mapping[str, float]:
        """CPU seconds of what has ended, by id."""


class NativeParts:
    """Processes under the warden, from provisioned ``tools``."""

    images = None

    def __init__(self, tools: Mapping[str, Tool], supervisor: Supervisor) -> None:
        self._tools, self._supervisor = tools, supervisor

    def version(self, part: str) -> str:
        """Version of a provisioned tool."""
        return self._tools[part].version if part in self._tools else ""

    def prometheus(self, id: str, folder: Path, port: int, flags: tuple[str, ...], config: Path) -> Spec:
        """See ``native.prometheus_spec``."""
        return native.prometheus_spec(self._tools["prometheus"], id, folder, port, flags, config)

    def alertmanager(self, id: str, folder: Path, port: int, config: Path) -> Spec:
        """See ``native.alertmanager_spec``."""
        return native.alertmanager_spec(self._tools["alertmanager"], id, folder, port, config)

    def filebeat(self, id: str, folder: Path, port: int, config: Path, reads: Sequence[str]) -> Spec:  # noqa: ARG002 (it reads where it may)
        """See ``native.filebeat_spec``."""
        return native.filebeat_spec(self._tools["filebeat"], id, folder, port, config)

    def elasticsearch(self, id: str, folder: Path, port: int, transport: int) -> Spec:
        """See ``native.elasticsearch_spec``."""
        return native.elasticsearch_spec(self._tools["elasticsearch"], id, folder, port, transport)

    def toxiproxy(self, id: str, folder: Path, port: int) -> Spec:
        """See ``native.toxiproxy_spec``."""
        return native.toxiproxy_spec(self._tools["toxiproxy"], id, folder, port)

    def start(self, spec: Spec) -> Part:
        """Start a process under the warden."""
        assert isinstance(spec, ProcessSpec)
        return self._supervisor.start(spec)

    @property
    def all(self) -> tuple[Part, ...]:
        """Every process."""
        return self._supervisor.processes

    def pids(self) -> list[int]:
        """All that descends from the warden."""
        return list(procfs.descendants(self._supervisor.warden_pid))

    @property
    def cpu_s(self) -> Mapping[str, float]:
        """As the kernel told their parent."""
        return self._supervisor.cpu_s
