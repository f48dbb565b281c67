"""One Filebeat: of the campaign, reading the logs of many cells, or of a cell whose story cuts the log pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.artefacts.edits import BoundArtefact
from harness.artefacts.topology import FilebeatPlace, Link, Topology
from harness.run.bound import bind_pipeline
from harness.run.context import Context
from harness.run.parts import Spec

__all__ = ["filebeat_for", "registry_of"]


def registry_of(folder: Path) -> Path:
    """Where a Filebeat that lives in ``folder`` keeps what it sent of each file."""
    return folder / "data" / "registry"


def filebeat_for(
    context: Context, id: str, folder: Path, address: str, topologies: Sequence[Topology]
) -> tuple[Spec, BoundArtefact]:
    """How the Filebeat ``id`` is started: it reads what ``topologies`` name, and tells of itself at ``address``.

    The first of them says where its output is.
    """
    place = FilebeatPlace(
        data_path=str(folder / "data"),
        logs_path=str(folder / "logs"),
        http=Link.direct(address),
        settings={"seccomp.enabled": False},
        parses=not context.parts.version("filebeat").startswith("7.12."),
    )
    patterns = {pattern for topology in topologies for pattern in topology.logs}
    logs = {
        pattern: tuple(source for topology in topologies for source in topology.logs.get(pattern, ()))
        for pattern in patterns
    }
    path, bound = bind_pipeline(context.campaign, replace(topologies[0], logs=logs, filebeat=place), folder)
    port = int(address.rpartition(":")[2])
    reads = [source.path for sources in logs.values() for source in sources]
    return context.parts.filebeat(id, folder, port, path, reads), bound
