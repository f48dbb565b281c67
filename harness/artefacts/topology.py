"""Who stands for whom: production addresses and the local nodes that answer for them in one cell.

Plain data, filled in by the plan. Every address that a bound artefact may dial is in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.artefacts.prometheus_config import TargetGroup

__all__ = ["FilebeatPlace", "JobBinding", "Link", "LogSource", "Target", "Topology"]


@dataclass(frozen=True, slots=True)
class Link:
    """One way to a node: ``peer`` is its address as other components dial it, ``harness`` as the harness does.

    The two differ where a proxy for faults lies in between, and in containers. Addresses are
    ``host:port``; those of HTTP interfaces may be whole URLs.
    """

    peer: str
    harness: str

    @classmethod
    def direct(cls, address: str) -> Link:
        """A link that both sides dial alike."""
        return cls(address, address)


@dataclass(frozen=True, slots=True)
class Target:
    """One scraped node: the production address that it stands for, and what discovery would say of it.

    ``production`` is the address that production's relabelling ends with; empty: the next target that
    the job writes, else the node's own address. ``discovered`` is the address that discovery starts
    with, where relabelling changes it. ``labels`` are those of discovery and may hold ``__meta_…``
    labels, so that production relabelling runs as it is; a target that the job writes has its own.
    ``path`` empty: the job's own.
    """

    link: Link
    production: str = ""
    discovered: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "http"
    path: str = ""


@dataclass(frozen=True, slots=True)
class JobBinding:
    """The targets of one scrape job here; none is an answer too. ``client`` replaces its credentials and TLS."""

    targets: tuple[Target, ...] = ()
    client: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogSource:
    """One file (or pattern) that stands for a production log path, and whose lines these are."""

    path: str
    cell: str
    instance: str
    stream: str


@dataclass(frozen=True, slots=True)
class FilebeatPlace:
    """Where Filebeat keeps its data, where it serves its statistics, and settings that this build of it needs."""

    data_path: str
    logs_path: str
    http: Link | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    parses: bool = True
    """Whether its filestream heeds ``parsers``; that of 7.12 passes over them."""


@dataclass(frozen=True, slots=True)
class Topology:
    """All nodes and links of one cell (for Filebeat: of the campaign).

    - ``jobs``: scrape job name → its targets; wins over ``addresses``, which maps single production addresses.
      ``paths``: where such an address answers scrapes, if not where the job asks; ``schemes``: how it is spoken to, if
      not by http; ``clients``: what a client of it needs, as a scrape job writes it.
    - ``sinks``: (receiver, integration such as ``slack-0``) → URL, or ``host:port`` for mail.
    - ``outputs``: Filebeat outputs other than Elasticsearch → their hosts.
    - ``logs``: log path as the artefact writes it → local files. ``files``: other file patterns → local files.
    - ``discovered``: discovery file pattern → what production's own files there say; ``files`` holds the local copies.
    - ``environment``: values of ``${NAME}`` references.
    - ``absent``: what is deliberately left out: an address, ``remote_write``, ``remote_read``, ``alertmanagers``,
      ``alertmanagers[1]``, ``output.kafka``, or a path pattern.
    """

    jobs: Mapping[str, JobBinding] = field(default_factory=dict)
    addresses: Mapping[str, Link] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    schemes: Mapping[str, str] = field(default_factory=dict)
    clients: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    alertmanager: Link | None = None
    remote_write: Link | None = None
    elasticsearch: Link | None = None
    outputs: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)
    sinks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    logs: Mapping[str, tuple[LogSource, ...]] = field(default_factory=dict)
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    discovered: Mapping[str, tuple[TargetGroup, ...]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    filebeat: FilebeatPlace | None = None
    asking: frozenset[str] = frozenset()
    """Addresses, as peers dial them, of programs that ask whomever a scrape names, such as an exporter of probes."""
    absent: frozenset[str] = frozenset()

    @property
    def client_files(self) -> frozenset[str]:
        """Files by which local nodes are entered: whom to trust, and who the client is."""
        clients = [*self.clients.values(), *(job.client for job in self.jobs.values())]
        return frozenset(str(value) for client in clients for value in client.get("tls_config", {}).values())

    @property
    def allowed(self) -> frozenset[str]:
        """Every address that may be dialled, as peers see it."""
        single = (self.alertmanager, self.remote_write, self.elasticsearch)
        links = [link for link in (*single, *self.addresses.values()) if link]
        links += [link for hosts in self.outputs.values() for link in hosts]
        links += [target.link for job in self.jobs.values() for target in job.targets]
        if self.filebeat and self.filebeat.http:
            links.append(self.filebeat.http)
        return frozenset(link.peer for link in links) | frozenset(self.sinks.values())
