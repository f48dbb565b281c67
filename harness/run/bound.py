"""Bind the artefacts of one cell, write what the components will really run, and keep the edits as evidence."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from harness.artefacts.bind_alertmanager import bind_alertmanager
from harness.artefacts.bind_filebeat import bind_filebeat
from harness.artefacts.bind_index_template import bind_index_template
from harness.artefacts.bind_prometheus import bind_prometheus, bind_scrape_configs, prometheus_flags
from harness.artefacts.bind_rules import bind_rules
from harness.artefacts.clock import Clock
from harness.artefacts.edits import BoundArtefact
from harness.artefacts.promql import parse
from harness.artefacts.topology import Topology
from harness.clauses.production import Production, clock_of
from harness.contract import Campaign
from harness.core.errors import Location
from harness.core.source import load_yaml

__all__ = ["BoundCell", "bind_cell", "bind_pipeline", "bound_template", "scaled_query", "write_edits"]


@dataclass(frozen=True, slots=True)
class BoundCell:
    """What one cell runs: files written, flags that carry the clock, and every artefact with its edits."""

    prometheus: Path | None
    alertmanager: Path | None
    flags: tuple[str, ...]
    artefacts: tuple[BoundArtefact, ...]
    clock: Clock


def bind_cell(
    campaign: Campaign, production: Production, topology: Topology, speed: float, parts: frozenset[str], folder: Path
) -> BoundCell:
    """Write the bound configuration below ``folder``; raises ``ConfigError`` for what cannot be bound."""
    clock = clock_of(campaign, production, speed)
    done: list[BoundArtefact] = []

    def write(bound: BoundArtefact, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(bound.text, encoding="utf-8")
        done.append(bound)
        return path

    files = _write_rules(production, clock, folder, write) | _copy_templates(production, folder)
    files |= _copy_discovered(production, folder)
    topology = replace(topology, files={**topology.files, **files}, discovered=production.groups)
    prometheus = alertmanager = None
    flags: tuple[str, ...] = ()
    if "prometheus" in parts and production.prometheus_document and production.prometheus:
        topology = replace(
            topology, files={**topology.files, **_write_scrapes(production, topology, clock, folder, write)}
        )
        bound = bind_prometheus(production.prometheus_document, topology, clock)
        prometheus = write(bound, folder / "prometheus" / "prometheus.yml")
        flags = prometheus_flags(clock, production.prometheus)
    if "alertmanager" in parts and production.alertmanager_document:
        bound = bind_alertmanager(production.alertmanager_document, topology, clock)
        alertmanager = write(bound, folder / "alertmanager" / "alertmanager.yml")
    return BoundCell(prometheus, alertmanager, flags, tuple(done), clock)


def bind_pipeline(campaign: Campaign, topology: Topology, folder: Path) -> tuple[Path, BoundArtefact]:
    """Write the bound filebeat.yml of the campaign below ``folder``."""
    path = campaign.artefact("filebeat")
    assert path is not None
    bound = bind_filebeat(load_yaml(path, shown_as=campaign.shown(path)), topology)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "filebeat.yml"
    target.write_text(bound.text, encoding="utf-8")
    return target, bound


def bound_template(campaign: Campaign) -> BoundArtefact | None:
    """The index template with room for the fields that say whose line a document is."""
    path = campaign.artefact("index_template")
    return bind_index_template(load_yaml(path, shown_as=campaign.shown(path))) if path else None


def _write_rules(production: Production, clock: Clock, folder: Path, write: object) -> dict[str, tuple[str, ...]]:
    assert callable(write)
    written: dict[Path, str] = {}
    without = production.left_out(clock)
    for index, (path, document) in enumerate(production.rule_documents.items()):
        bound = bind_rules(document, clock, production.prometheus, without)
        written[path] = str(write(bound, folder / "prometheus" / f"rules-{index}-{path.name}"))
    return {
        pattern: tuple(written[path] for path in paths)
        for pattern, paths in production.files.items()
        if all(path in written for path in paths)
    }


def _write_scrapes(
    production: Production, topology: Topology, clock: Clock, folder: Path, write: Callable[[BoundArtefact, Path], Path]
) -> dict[str, tuple[str, ...]]:
    assert production.prometheus is not None
    written: dict[Path, str] = {}
    for index, (path, document) in enumerate(production.scrape_documents.items()):
        bound = bind_scrape_configs(document, topology, clock, production.prometheus)
        written[path] = str(write(bound, folder / "prometheus" / f"scrapes-{index}-{path.name}"))
    return {pattern: tuple(written[path] for path in paths) for pattern, paths in production.scrape_files.items()}


def _copy_templates(production: Production, folder: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for pattern, paths in production.files.items():
        if any(path in production.rule_documents for path in paths):
            continue
        copies = []
        for path in paths:
            copy = folder / "alertmanager" / "templates" / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            copies.append(str(copy))
        found[pattern] = tuple(copies)
    return found


def _copy_discovered(production: Production, folder: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for index, (pattern, paths) in enumerate(production.discovered.items()):
        place = folder / "prometheus" / f"targets-{index}"
        place.mkdir(parents=True, exist_ok=True)
        found[pattern] = tuple(str(shutil.copyfile(path, place / path.name)) for path in paths)
    return found


def scaled_query(text: str, clock: Clock, production: Production) -> str:
    """A query of a contract or story in the cell's time."""
    query = parse(text, Location("query"))
    scrapes = production.prometheus.scrapes_of(query.selectors) if production.prometheus else None
    return clock.expression(query, scrapes).text


def write_edits(bundle: Path, cell: str, artefacts: tuple[BoundArtefact, ...], secrets: Collection[str] = ()) -> None:
    """Keep bound files and their edits in the bundle, without ``secrets``: ``bound/<cell>/``."""
    folder = bundle / "bound" / cell
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[bytes] = []
    for bound in artefacts:
        (folder / Path(bound.file).name).write_text(_without(secrets, bound.text), encoding="utf-8")
        lines += [
            orjson.dumps(item.as_data(), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS, default=str)
            for item in bound.edits
        ]
    (folder / "edits.ndjson").write_text(_without(secrets, b"".join(lines).decode()), encoding="utf-8")


def _without(secrets: Collection[str], text: str) -> str:
    for value in secrets:
        text = text.replace(value, "<secret>")
    return text
