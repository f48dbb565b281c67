"""What a backend needs before anything starts, and the parts that it then gives to a stack."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from harness.contract import Campaign
from harness.core.errors import ConfigError
from harness.provision import Settings, Tool, ensure
from harness.provision.engine import Engine, find_engine, require_local
from harness.provision.engine_check import require_package
from harness.provision.images import Image, choose_images, read_images
from harness.provision.search import find
from harness.provision.sets import select
from harness.run.features import refuse_lacking, refuse_unnamed
from harness.run.parts import NativeParts, Parts
from harness.run.stack.supervisor import Supervisor
from harness.run.stack.surface import ProcessEvent, ProcessSpec
from harness.run.stack.wait import eventually

__all__ = ["Ground", "container_images", "prepare"]

Note = Callable[[str], None]
JANITOR: Final = "campaign/janitor"
_JANITOR_S: Final = 20.0


class Ground(Protocol):
    """Everything that was found or fetched for one backend."""

    @property
    def tools(self) -> Mapping[str, Tool]:
        """Programs of this machine that come with the parts, such as those that check a configuration."""

    def parts(
        self, supervisor: Supervisor, on_event: Callable[[ProcessEvent], None], folder: Path, note: Note
    ) -> AbstractContextManager[Parts]:
        """The parts of one stack, which end with the context; ``folder`` is that of the run."""


def prepare(backend: str, parts: Collection[str], campaign: Campaign, note: Note) -> Ground:
    """Have what ``backend`` starts ``parts`` and the subject from; raises ``MachineError`` where this machine lacks it.

    Raises ``ConfigError`` for a subject that this backend cannot start, and for what its Elasticsearch lacks.
    """
    start, source = campaign.profile.start, campaign.profile_source
    where = source.document.locate(("start", "image"))
    if backend == "containers":
        _refuse_files_of_tls(campaign)
        engine, images = container_images(parts)
        if start.image and engine.image(start.image.name) is None:
            problem = f"the subject's image {start.image.name} is not there"
            raise ConfigError(problem, location=where, remedy=f"docker build or docker pull {start.image.name}")
        if "elasticsearch" in images and images["elasticsearch"].official:
            refuse_unnamed(campaign)
        elif "elasticsearch" in images:
            refuse_lacking(campaign, backend)
        return _Containers(engine, images, _found(parts))
    if start.image and not start.command:
        raise ConfigError("the subject is an image alone", location=where, remedy="--backend containers")
    if "elasticsearch" in parts:
        refuse_lacking(campaign, backend)
    return _Native(ensure(sorted(parts), progress=note))


def _refuse_files_of_tls(campaign: Campaign) -> None:
    """A Prometheus in a container has none of the machine's files but its own folder, where no key should lie."""
    for name, port in campaign.profile.tls.items():
        if port.authority or port.certificate:
            where = campaign.profile_source.document.locate(("tls", name))
            problem = "a Prometheus in a container cannot be handed these files"
            raise ConfigError(problem, location=where, remedy="--backend native, or any_certificate: true")


def _found(parts: Collection[str]) -> dict[str, Tool]:
    """What is there already of the programs that belong to ``parts``; nothing is made for a backend that has images."""
    settings = Settings.from_environment()
    found = {part.name: find(part, settings) for part in select(parts)}
    return {name: tool for name, tool in found.items() if tool}


def container_images(parts: Collection[str]) -> tuple[Engine, dict[str, Image]]:
    """The engine of this machine and the image of each of ``parts``; raises ``MachineError`` with what is missing."""
    require_package()
    engine = find_engine()
    require_local(engine.info())
    return engine, choose_images(parts, read_images(), lambda name: engine.image(name) is not None)


@dataclass(frozen=True, slots=True)
class _Native:
    tools: Mapping[str, Tool]

    @contextmanager
    def parts(
        self,
        supervisor: Supervisor,
        on_event: Callable[[ProcessEvent], None],  # noqa: ARG002 (the supervisor tells of processes)
        folder: Path,  # noqa: ARG002
        note: Note,  # noqa: ARG002
    ) -> Iterator[Parts]:
        yield NativeParts(self.tools, supervisor)


@dataclass(frozen=True, slots=True)
class _Containers:
    engine: Engine
    images: Mapping[str, Image]
    tools: Mapping[str, Tool]

    @contextmanager
    def parts(
        self, supervisor: Supervisor, on_event: Callable[[ProcessEvent], None], folder: Path, note: Note
    ) -> Iterator[Parts]:
        argv = (sys.executable, "-m", "harness.run.containers.janitor", self.engine.socket, supervisor.run_id)
        janitor = supervisor.start(ProcessSpec(JANITOR, argv, folder, folder / "janitor.log"))
        # half a second's worth of imports, which no other backend should pay for
        from harness.run.containers.fleet import Fleet
        from harness.run.containers.parts import ContainerParts

        with Fleet(self.engine, supervisor.run_id, on_event) as fleet:
            if fleet.swept:
                note(f"removed what a campaign that was killed had left: {', '.join(fleet.swept)}")
            # no container before there is somebody to take it along
            eventually(lambda: bool(janitor.tail(1)), what="the janitor", within_s=_JANITOR_S, alive=[janitor])
            yield ContainerParts(self.images, fleet, NativeParts({}, supervisor), folder)
