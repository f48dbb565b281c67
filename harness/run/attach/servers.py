"""The servers of an attach file, opened, and which needs they can meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.clauses.attached import TYPES, Reach
from harness.contract import Campaign
from harness.contract.attach import AttachedElasticsearch, AttachedPrometheus, AttachFile, load_attach
from harness.contract.window import Window
from harness.core.errors import ConfigError
from harness.core.source import Document, nearest
from harness.run.attach.access import DiscreetHttp, Keys
from harness.run.attach.exposed import Types
from harness.run.clients.http import HttpFault
from harness.run.clients.prometheus import PrometheusClient

__all__ = ["Servers", "open_servers", "reach_of", "types_of"]

_PAST: Final = "a window in the past is judged, and this can only be asked of the present"


@dataclass(frozen=True, slots=True)
class Servers:
    """Everything that can be asked; what the attach file does not name is ``None`` or empty."""

    file: AttachFile
    prometheus: DiscreetHttp | None = None
    alertmanager: DiscreetHttp | None = None
    elasticsearch: DiscreetHttp | None = None
    subject: Mapping[tuple[str, str], DiscreetHttp] = field(default_factory=dict)
    """Instance and port → the server there."""

    @property
    def named(self) -> dict[str, DiscreetHttp]:
        """Every server by the name that people give it."""
        stack = {"Prometheus": self.prometheus, "Alertmanager": self.alertmanager, "Elasticsearch": self.elasticsearch}
        found = {name: http for name, http in stack.items() if http is not None}
        return found | {f"{instance} {port}": http for (instance, port), http in self.subject.items()}

    @property
    def of_prometheus(self) -> AttachedPrometheus:
        """What the file says of Prometheus."""
        assert self.file.prometheus is not None
        return self.file.prometheus

    @property
    def of_elasticsearch(self) -> AttachedElasticsearch:
        """What the file says of Elasticsearch."""
        assert self.file.elasticsearch is not None
        return self.file.elasticsearch

    @property
    def instances(self) -> tuple[str, ...]:
        """The instances that the file names."""
        return tuple(self.file.subject.instances) if self.file.subject else ()


def open_servers(campaign: Campaign, path: Path) -> Servers:
    """The servers that the attach file at ``path`` names; raises ``ConfigError`` for what does not add up."""
    file, document = load_attach(path)
    keys = Keys(document, path.resolve().parent)
    _check_names(campaign, file, document)
    opened = {
        name: keys.open(server, server.url, (name,))
        for name in ("prometheus", "alertmanager", "elasticsearch")
        if (server := getattr(file, name)) is not None
    }
    subject = {
        (instance, port): keys.open(file.subject, url, ("subject",), follow=_is_metrics(campaign, port))
        for instance, ports in (file.subject.instances.items() if file.subject else ())
        for port, url in ports.items()
        if file.subject is not None
    }
    return Servers(file, subject=subject, **opened)


def _is_metrics(campaign: Campaign, port: str) -> bool:
    """Prometheus follows redirects; a port that endpoints are asked at as well must answer for itself."""
    scrape = campaign.profile.metrics
    asked = {endpoint.port for endpoint in campaign.contract.endpoints.values()}
    return scrape is not None and scrape.port == port and port not in asked


def _check_names(campaign: Campaign, file: AttachFile, document: Document) -> None:
    for instance, ports in (file.subject.instances if file.subject else {}).items():
        for port in ports:
            if port not in campaign.profile.ports:
                remedy = nearest(port, campaign.profile.ports) or f"known: {', '.join(campaign.profile.ports)}"
                where = document.locate(("subject", "instances", instance, port), key=True)
                raise ConfigError(f"the profile has no port {port!r}", location=where, remedy=remedy)
    streams = campaign.contract.logs.streams if campaign.contract.logs else {}
    for stream in file.elasticsearch.streams if file.elasticsearch else {}:
        if stream not in streams:
            where = document.locate(("elasticsearch", "streams", stream), key=True)
            remedy = nearest(stream, streams) or f"known: {', '.join(streams) or 'none'}"
            raise ConfigError(f"the contract has no log stream {stream!r}", location=where, remedy=remedy)


def reach_of(campaign: Campaign, servers: Servers, window: Window, types: Types, required: tuple[str, ...]) -> Reach:
    """Which needs can be met, and why others cannot."""
    direct = window.live and _reads_texts(campaign, servers)
    lacking: dict[str, str] = dict(_of_monitoring(servers, window))
    lacking |= dict(_of_endpoints(campaign, servers, window))
    if not direct and servers.prometheus is None:
        lacking["expositions"] = "neither the port with the subject's metrics nor Prometheus is named"
    if not direct and not types:
        lacking[TYPES] = _PAST if not window.live else "Prometheus keeps no types and help texts of metrics"
    return Reach(lacking, direct, required)


def _reads_texts(campaign: Campaign, servers: Servers) -> bool:
    scrape = campaign.profile.metrics
    return bool(scrape and servers.instances) and all(
        scrape is not None and (instance, scrape.port) in servers.subject for instance in servers.instances
    )


def _of_monitoring(servers: Servers, window: Window) -> Iterator[tuple[str, str]]:
    for kinds, name, server in (
        (("rules", "loaded", "series"), "Prometheus", servers.prometheus),
        (("alerts", "routing"), "Alertmanager", servers.alertmanager),
    ):
        if server is None:
            yield from ((kind, f"no {name} is named") for kind in kinds)
        elif not window.live:
            yield from ((kind, _PAST) for kind in kinds)
    if servers.elasticsearch is None:
        yield from ((kind, "no Elasticsearch is named") for kind in ("lines", "documents"))


def _of_endpoints(campaign: Campaign, servers: Servers, window: Window) -> Iterator[tuple[str, str]]:
    for name, endpoint in campaign.contract.endpoints.items():
        lacks = [instance for instance in servers.instances if (instance, endpoint.port) not in servers.subject]
        if not servers.instances:
            yield f"answers {name}", "no address of the subject is named"
        elif lacks:
            yield f"answers {name}", f"the port {endpoint.port} of {lacks[0]} is not named"
        elif not window.live:
            yield f"answers {name}", _PAST


def types_of(campaign: Campaign, servers: Servers, window: Window) -> Types:
    """Types and help texts of the subject's metrics as Prometheus tells them; empty where it does not."""
    plane = campaign.contract.metrics
    if servers.prometheus is None or plane is None or not window.live:
        return {}
    try:
        told = PrometheusClient(servers.prometheus).metadata()
    except HttpFault:
        return {}
    declared = {plane.prefix + name for name in plane.families}
    ours = {name for name in told if (plane.prefix and name.startswith(plane.prefix)) or name in declared}
    return {name: (told[name][0]["type"], told[name][0].get("help", "")) for name in sorted(ours) if told[name]}
