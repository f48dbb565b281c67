"""What a cell's observer looks at, from the places of the cell and the contract; queries go out in the cell's time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import orjson

from harness.clauses.log_shipping import shipping_of
from harness.clauses.model import Need, recorded_as
from harness.contract.line_formats import parse_json
from harness.contract.subject import Scrape
from harness.evidence.records import Record, Series, Unmet
from harness.run.bound import scaled_query
from harness.run.cell import Cell
from harness.run.clients.http import Http, basic_auth, bearer_auth
from harness.run.entering import metrics_tls, opened, secret
from harness.run.observe.cell import CellObserver
from harness.run.observe.targets import (
    CellTargets,
    DocumentTarget,
    EndpointTarget,
    ExpositionTarget,
    LogTarget,
    ProcessTarget,
)
from harness.run.placement import log_path
from harness.run.shared import SharedParts
from harness.run.stack.surface import Process

__all__ = ["exposition_targets", "observer_of"]

_SPARSE_S = 2.0
"""Wall seconds between two probes of an endpoint of which the story itself expects nothing."""


def observer_of(cell: Cell, shared: SharedParts, sink: Callable[[Record], None]) -> CellObserver:
    """An observer that meets the needs of the cell's plan.

    Queries are asked as the bound rules ask them and recorded under the words of the contract.
    """
    production = cell.context.production
    scaled = {
        need: Need(need.kind, scaled_query(need.detail, cell.bound.clock, production))
        for need in cell.plan.needs
        if need.kind in {"query", "snapshot"}
    }
    # two expressions may be the same in the time of the cell: what is seen is seen of both
    needed: dict[str, list[Need]] = defaultdict(list)
    for need, asked in scaled.items():
        needed[str(asked)].append(need)

    def renamed(record: Record) -> None:
        for told in _renamed(record, needed):
            sink(told)

    needs = frozenset(scaled.get(need, need) for need in cell.plan.needs)
    return CellObserver(_targets(cell, shared), needs, renamed)


def _renamed(record: Record, needed: Mapping[str, Sequence[Need]]) -> Sequence[Record]:
    """The record under the words of the contract, once for each need that it meets."""
    if isinstance(record, Series):
        named = needed.get(record.query, needed.get(f"query {record.query}", ()))
        return [replace(record, query=recorded_as(need)) for need in named] or [record]
    if isinstance(record, Unmet):
        return [replace(record, need=str(need)) for need in needed.get(record.need, ())] or [record]
    return [record]


def _targets(cell: Cell, shared: SharedParts) -> CellTargets:
    production, place = cell.context.production, cell.place
    parts = cell.plan.parts
    return CellTargets(
        cell=cell.name,
        scrape_s=production.scrape_s / cell.speed,
        evaluation_s=production.evaluation_s / cell.speed,
        prometheus=Http(f"http://{place.part('prometheus')}") if "prometheus" in parts else None,
        alertmanager=Http(f"http://{place.part('alertmanager')}") if "alertmanager" in parts else None,
        filebeat=Http(f"http://{place.filebeat}") if "filebeat" in parts else None,
        documents=_documents(cell, shared) if "elasticsearch" in parts else None,
        endpoints=tuple(_endpoints(cell)),
        expositions=tuple(exposition_targets(cell)),
        logs=tuple(_logs(cell)),
        processes=tuple(_processes(cell)),
    )


def _documents(cell: Cell, shared: SharedParts) -> DocumentTarget:
    return DocumentTarget(
        elasticsearch=shared.elasticsearch_http,
        index=shared.index,
        cell_at="harness.cell",
        cells={cell.name: cell.name},
        stream_at="harness.stream",
        query={"match": {"harness.cell": cell.name}},
        every_s=0.2,
    )


def _endpoints(cell: Cell) -> list[EndpointTarget]:
    found: list[EndpointTarget] = []
    plane = cell.context.campaign.contract.metrics
    told_at = plane.told_at if plane else ()
    for name, endpoint in cell.context.campaign.contract.endpoints.items():
        body = None if endpoint.body is None else orjson.dumps(endpoint.body)
        where = cell.context.campaign.contract_source.document.locate(("endpoints", name, "headers"))
        headers = opened(endpoint.headers, where)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        found += [
            EndpointTarget(
                instance=instance.name,
                name=name,
                url=instance.url(endpoint.port, endpoint.path),
                method=endpoint.method,
                headers=headers,
                body=body,
                every_s=endpoint.every if Need("answers", name) in cell.plan.own else max(endpoint.every, _SPARSE_S),
                timeout_s=max(2.0, 2 * endpoint.within),
                tls=instance.tls.get(endpoint.port),
                whole=name in told_at,
            )
            for instance in cell.place.instances
        ]
    return found


def exposition_targets(cell: Cell) -> list[ExpositionTarget]:
    """Where the text of each instance's metrics is read beside Prometheus; nowhere if the profile does not say."""
    scrape = cell.context.campaign.profile.metrics
    if scrape is None:
        return []
    headers = {**scrape.headers, **_entering(cell, scrape)}
    campaign, first = cell.context.campaign, cell.place.instances[0]
    tls = metrics_tls(campaign, None if scrape.helper else first.tls.get(scrape.port))
    if scrape.helper is None:
        addresses = {place.name: place.address(scrape.port) for place in cell.place.instances}
    else:  # one text for all of them; a helper that does not run in this cell shows nothing
        ports = cell.place.helpers.get(scrape.helper, {})
        addresses = {first.name: f"127.0.0.1:{ports[scrape.port]}"} if ports else {}
    scheme = "https" if tls else "http"
    urls = {name: f"{scheme}://{address}{scrape.path}" for name, address in addresses.items()}
    return [ExpositionTarget(name, url, headers, tls) for name, url in urls.items()]


def _entering(cell: Cell, scrape: Scrape) -> dict[str, str]:
    """The header that opens the metrics endpoint, where it is closed."""
    entry = scrape.credentials
    where = cell.context.campaign.profile_source.document.locate(("metrics", "credentials"))
    if entry and entry.username and entry.password_from:
        return basic_auth(entry.username, secret(entry.password_from, where))
    return bearer_auth(secret(entry.bearer_from, where)) if entry and entry.bearer_from else {}


def _processes(cell: Cell) -> list[ProcessTarget]:
    def pid_of(process: Process) -> Callable[[], int | None]:
        return lambda: process.pid if process.alive else None

    own = [place.name for place in cell.place.instances if place.name in cell.processes]
    return [ProcessTarget(name, pid_of(cell.processes[name])) for name in own]


def _logs(cell: Cell) -> list[LogTarget]:
    campaign, build = cell.context.campaign, cell.context.build
    declared = campaign.contract.logs.streams if campaign.contract.logs else {}
    shipped = "filebeat" in cell.plan.parts  # which reads every file from its beginning
    ways = {stream: shipping_of(campaign, cell.context.production.filebeat, stream) for stream in campaign.profile.logs}
    return [
        LogTarget(
            stream,
            place.name,
            str(log_path(campaign, stream, cell.place, place, build)),
            from_end=source.is_fixed and not shipped,
            parse=declared[stream].parse if stream in declared else parse_json,
            begins=declared[stream].begins if stream in declared else None,
            is_due=ways[stream].is_due if shipped else None,
            keeps_text=shipped and ways[stream].reads_text,
        )
        for stream, source in campaign.profile.logs.items()
        for place in cell.place.instances
    ]
