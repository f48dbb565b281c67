"""Where everything of one cell lives: ports, folders, and which production address each node stands for."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.artefacts.prometheus_config import ScrapeJob
from harness.artefacts.topology import JobBinding, Link, LogSource, Target, Topology
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.subject import StandsFor
from harness.core.errors import ConfigError, Location
from harness.core.source import nearest
from harness.core.tls import Tls
from harness.run.entering import client_of

__all__ = [
    "CellPlace",
    "InstancePlace",
    "asked_paths",
    "fill",
    "helper_values",
    "image_values",
    "log_path",
    "topology_of",
    "values_of",
]

_FIELD = re.compile(r"\{([a-z][\w.-]*)\}")


@dataclass(frozen=True, slots=True)
class InstancePlace:
    """One instance of the subject: its named ports on ``host``, which of them are entered by TLS, its folders."""

    name: str
    index: int
    ports: Mapping[str, int]
    logs: Path
    data: Path
    host: str = "127.0.0.1"
    tls: Mapping[str, Tls] = field(default_factory=dict)

    def address(self, port: str) -> str:
        """``host:port`` of one of its named ports."""
        return f"[{self.host}]:{self.ports[port]}" if ":" in self.host else f"{self.host}:{self.ports[port]}"

    def scheme(self, port: str) -> str:
        """How one of its named ports is spoken to."""
        return "https" if port in self.tls else "http"

    def url(self, port: str, path: str = "") -> str:
        """Address of ``path`` on one of its named ports."""
        return f"{self.scheme(port)}://{self.address(port)}{path}"


@dataclass(frozen=True, slots=True)
class CellPlace:
    """One cell: its folder, the ports of its stack, its instances, helpers and stand-ins."""

    cell: str
    folder: Path
    speed: float
    instances: tuple[InstancePlace, ...]
    helpers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    prometheus: int = 0
    alertmanager: int = 0
    elasticsearch: str = ""
    filebeat: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """Exposition file of the profile → address that serves it."""
    sinks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    proxied: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Way (a hop, and the address that it leads to) → the address of the proxy in front of it."""

    def way(self, hop: str, address: str) -> Link:
        """The way of ``hop`` to ``address``: through its proxy where the story disturbs it, else direct."""
        return Link(self.proxied.get((hop, address), address), address)

    def has(self, name: str) -> bool:
        """Whether this cell has a part of the stack."""
        return bool(getattr(self, name))

    def part(self, name: str) -> str:
        """``host:port`` of a part of the stack."""
        if name in {"elasticsearch", "filebeat"}:
            return str(getattr(self, name))
        return f"127.0.0.1:{getattr(self, name)}"


def fill(text: str, values: Mapping[str, str], where: Location) -> str:
    """``text`` with every ``{name}`` replaced; raises ``ConfigError`` for a name that has no value."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            remedy = nearest(name, values) or f"known: {', '.join(sorted(values))}"
            raise ConfigError(f"{{{name}}} has no value here", location=where, remedy=remedy)
        return values[name]

    return _FIELD.sub(value, text)


def values_of(place: CellPlace, instance: InstancePlace, build: Path, seed: int) -> dict[str, str]:
    """What the fields of a profile's command, environment and paths stand for."""
    own = {f"port.{name}": str(port) for name, port in instance.ports.items()} | {
        "logs": str(instance.logs),
        "data": str(instance.data),
        "instance": instance.name,
        "index": str(instance.index),
        "host": instance.host,
    }
    return own | _common_values(place, build, seed) | dict(_ways_to_helpers(place))


def _ways_to_helpers(place: CellPlace) -> Iterator[tuple[str, str]]:
    """Ports by which the subject reaches helpers, whose way a story may disturb."""
    for helper, ports in place.helpers.items():
        for port, number in ports.items():
            way = place.way(f"{helper}.{port}", f"127.0.0.1:{number}")
            yield f"helper.{helper}.{port}", way.peer.rpartition(":")[2]


def image_values(values: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    """``values`` as seen from inside a container whose named ports are ``ports`` (none: those of the machine)."""
    return {**values, **{f"port.{name}": str(port) for name, port in ports.items()}}


def helper_values(place: CellPlace, name: str, build: Path, seed: int) -> dict[str, str]:
    """What the fields of a helper's command and environment stand for."""
    own = {f"port.{port}": str(number) for port, number in place.helpers[name].items()}
    parts = {
        "part.filebeat": place.filebeat,
        "part.elasticsearch": place.way("elasticsearch", place.elasticsearch).peer,
    }
    return own | parts | _common_values(place, build, seed)


def _common_values(place: CellPlace, build: Path, seed: int) -> dict[str, str]:
    helpers = {f"helper.{name}.{port}": str(n) for name, ports in place.helpers.items() for port, n in ports.items()}
    return helpers | {
        "build": str(build),
        "speed": f"{place.speed:g}",
        "seed": str(seed),
        "python": sys.executable,
    }


def topology_of(campaign: Campaign, production: Production, place: CellPlace, build: Path) -> Topology:
    """Who stands for whom in the cell; raises ``ConfigError`` for a profile that cannot say."""
    jobs: dict[str, JobBinding] = {}
    addresses: dict[str, Link] = {}
    paths: dict[str, str] = {}
    schemes: dict[str, str] = {}
    clients: dict[str, Mapping[str, Any]] = {}
    logs: dict[str, tuple[LogSource, ...]] = {}
    # nothing judged here is read back from there, and nothing may leave the machine
    absent = {"remote_write", "remote_read"}
    for index, entry in enumerate(campaign.profile.stands_for):
        where = campaign.profile_source.document.locate(("stands_for", index))
        if entry.drop:
            absent.add(entry.address or entry.job or entry.logs or "")
        if entry.job:
            targets = () if entry.drop else tuple(_targets(campaign, entry, place, where))
            jobs[entry.job] = JobBinding(targets, client_of(entry.credentials, _tls(campaign, entry, place), where))
        elif entry.address and not entry.drop:
            nodes = _nodes(campaign, entry, place, where)
            if nodes:
                addresses[entry.address] = place.way("scrape", nodes[0])
                paths[entry.address] = _path(entry)
                schemes[entry.address] = _scheme(campaign, entry, place)
                clients[entry.address] = client_of(entry.credentials, _tls(campaign, entry, place), where)
            else:
                absent.add(entry.address)  # an instance that this story does not start
        elif entry.logs and not entry.drop:
            logs[entry.logs] = _sources(campaign, entry, place, build, where)
    if production.prometheus and not place.alertmanager:
        absent.add("alertmanagers")
    return Topology(
        jobs=jobs,
        addresses=addresses,
        paths=paths,
        schemes=schemes,
        clients=clients,
        alertmanager=place.way("alertmanager", place.part("alertmanager")) if place.alertmanager else None,
        elasticsearch=_http(place.way("elasticsearch", place.elasticsearch)) if place.elasticsearch else None,
        sinks=dict(place.sinks),
        logs=logs,
        asking=frozenset(_peers_of_helpers(place)),
        absent=frozenset(absent),
    )


def _peers_of_helpers(place: CellPlace) -> Iterator[str]:
    for ports in place.helpers.values():
        yield from (place.way("scrape", f"127.0.0.1:{number}").peer for number in ports.values())


def _http(way: Link) -> Link:
    return Link(f"http://{way.peer}", f"http://{way.harness}")


def asked_paths(campaign: Campaign, production: Production, exposition: str) -> frozenset[str]:
    """Where production's jobs ask the exporter for which the file ``exposition`` stands, and nowhere else.

    That is the path of the job, one that discovery tells in a label, or the one that the profile says instead.
    """
    jobs = production.prometheus.jobs if production.prometheus else ()
    found: set[str] = set()
    for entry in campaign.profile.stands_for:
        if entry.exposition == exposition and entry.path:
            found.add(entry.path)
        elif entry.exposition == exposition:
            found |= {value for value in entry.labels.values() if value.startswith("/")}
            found |= {job.metrics_path for job in jobs if _asks(job, entry)}
    return frozenset(path.partition("?")[0] for path in found) or frozenset({"/metrics"})


def _asks(job: ScrapeJob, entry: StandsFor) -> bool:
    addresses = {*job.discovery.static_targets, *job.discovery.fixed_addresses}
    return job.name == entry.job or entry.address in addresses


def _targets(campaign: Campaign, entry: StandsFor, place: CellPlace, where: Location) -> list[Target]:
    path, scheme = _path(entry), _scheme(campaign, entry, place)
    nodes = _nodes(campaign, entry, place, where)
    return [Target(place.way("scrape", node), labels=entry.labels, scheme=scheme, path=path) for node in nodes]


def _tls(campaign: Campaign, entry: StandsFor, place: CellPlace) -> Tls | None:
    """How the port of the subject that answers is entered; None by plain http, and for whoever else answers."""
    if entry.part or entry.helper or entry.exposition or entry.drop or entry.scheme == "http":
        return None
    return place.instances[0].tls.get(entry.port or campaign.profile.ports[0])


def _scheme(campaign: Campaign, entry: StandsFor, place: CellPlace) -> str:
    return entry.scheme or ("https" if _tls(campaign, entry, place) else "http")


def _path(entry: StandsFor) -> str:
    """Where it answers, if not where production's job asks: parts of the stack run without a prefix."""
    return entry.path or ("/metrics" if entry.part else "")


def _nodes(campaign: Campaign, entry: StandsFor, place: CellPlace, where: Location) -> list[str]:
    if entry.part:
        return [place.part(entry.part)] if place.has(entry.part) else []
    if entry.helper and entry.helper in place.helpers:
        return [f"127.0.0.1:{place.helpers[entry.helper][entry.port or next(iter(place.helpers[entry.helper]))]}"]
    if entry.exposition:
        return [place.stand_ins[entry.exposition]]
    if entry.helper:
        return []
    port = entry.port or campaign.profile.ports[0]
    if port not in campaign.profile.ports:
        remedy = nearest(port, campaign.profile.ports) or f"known: {', '.join(campaign.profile.ports)}"
        raise ConfigError(f"the subject has no port {port!r}", location=where, remedy=remedy)
    if entry.instance == "all":
        return [instance.address(port) for instance in place.instances]
    return [instance.address(port) for instance in place.instances if instance.index == entry.instance]


def _sources(
    campaign: Campaign, entry: StandsFor, place: CellPlace, build: Path, where: Location
) -> tuple[LogSource, ...]:
    streams = [entry.stream] if entry.stream else list(campaign.profile.logs)
    found: list[LogSource] = []
    for stream in streams:
        if stream not in campaign.profile.logs:
            remedy = nearest(stream, campaign.profile.logs)
            raise ConfigError(f"the profile has no log stream {stream!r}", location=where, remedy=remedy)
        for instance in place.instances:
            path = log_path(campaign, stream, place, instance, build)
            found.append(LogSource(str(path), place.cell, instance.name, stream))
    return tuple(found)


def log_path(campaign: Campaign, stream: str, place: CellPlace, instance: InstancePlace, build: Path) -> Path:
    """The file (or pattern) that an instance writes a stream to."""
    source = campaign.profile.logs[stream]
    if source.output:
        return instance.logs / f"{source.output}.log"
    where = campaign.profile_source.document.locate(("logs", stream))
    return Path(fill(source.path or "", values_of(place, instance, build, 0), where))
