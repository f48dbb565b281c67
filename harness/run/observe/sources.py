"""Which sources the needs of a cell call for, and those that every cell has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.clauses.model import Need, NeedKind
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.filebeat import FilebeatClient
from harness.run.clients.prometheus import PrometheusClient
from harness.run.observe.alerts import AlertSource
from harness.run.observe.documents import DocumentSource
from harness.run.observe.endpoints import AnswerSource, ExpositionSource
from harness.run.observe.lines import LineSource
from harness.run.observe.mapping import MappingSource
from harness.run.observe.processors import ProcessorSource
from harness.run.observe.readings import (
    CounterSource,
    alertmanager_counters,
    filebeat_counters,
    prometheus_counters,
)
from harness.run.observe.rules import RuleSource
from harness.run.observe.scrapes import ScrapeSource
from harness.run.observe.series import QuerySource, SampleSource
from harness.run.observe.snapshots import SnapshotSource
from harness.run.observe.source import Clock, Source
from harness.run.observe.targets import CellTargets

__all__ = ["OBSERVED", "build_sources"]

OBSERVED: Final[frozenset[NeedKind]] = frozenset(
    {"query", "snapshot", "series", "rules", "alerts", "documents", "mapping", "lines", "answers", "expositions"}
)
"""Needs that an observer meets; the others are met where they arise (sinks, generator, conductor)."""
_WRITING_S: Final = 0.1
_STANDING: Final = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})
_ALERT_SERIES: Final = '{__name__=~"ALERTS|ALERTS_FOR_STATE"}'


def build_sources(targets: CellTargets, needs: frozenset[Need], clock: Clock) -> list[Source]:
    """Sources of a cell: what is needed and can be asked for, and the conduct of every part that is there."""
    return [
        *_of_prometheus(targets, needs, clock),
        *_of_alertmanager(targets, needs, clock),
        *_of_subject(targets, needs, clock),
        *_of_pipeline(targets, needs, clock),
    ]


def _of_prometheus(targets: CellTargets, needs: frozenset[Need], clock: Clock) -> Iterator[Source]:
    if targets.prometheus is None:
        return
    cell, client = targets.cell, PrometheusClient(targets.prometheus)
    # A scrape that times out is written a whole interval after its own time, and a busy machine adds to that.
    lag_s = 2 * targets.scrape_s + _WRITING_S
    wants_alerts = {need for need in needs if need.kind == "series" and need.detail.startswith("ALERTS")} & {
        Need("series", "ALERTS"),
        Need("series", "ALERTS_FOR_STATE"),
    }
    up = Need("series", "up")
    yield ScrapeSource(cell, client, clock, scrape_s=targets.scrape_s, lag_s=lag_s, needs=(up,) if up in needs else ())
    yield CounterSource(cell, "prometheus", prometheus_counters(client), clock)
    if Need("rules") in needs:
        yield RuleSource(cell, client, clock, evaluation_s=targets.evaluation_s)
    if Need("rules") in needs or wants_alerts:
        wanted = tuple(sorted(wants_alerts)) or (Need("rules"),)
        yield SampleSource(cell, client, _ALERT_SERIES, clock, lag_s=targets.evaluation_s + _WRITING_S, needs=wanted)
    snapshots = tuple(sorted(need for need in needs if need.kind == "snapshot"))
    if snapshots:
        yield SnapshotSource(cell, client, snapshots, clock)
    began = clock()
    for need in sorted(needs):
        if need.kind == "query":
            yield QuerySource(cell, client, need, clock, step_s=targets.evaluation_s, lag_s=lag_s, began=began)
        elif need.kind == "series" and need.detail not in _STANDING:
            yield SampleSource(cell, client, need.detail, clock, lag_s=lag_s, needs=(need,), query=need.detail)


def _of_alertmanager(targets: CellTargets, needs: frozenset[Need], clock: Clock) -> Iterator[Source]:
    if targets.alertmanager is None:
        return
    client = AlertmanagerClient(targets.alertmanager)
    yield CounterSource(targets.cell, "alertmanager", alertmanager_counters(client), clock)
    if Need("alerts") in needs:
        yield AlertSource(targets.cell, client, clock, evaluation_s=targets.evaluation_s)


def _of_subject(targets: CellTargets, needs: frozenset[Need], clock: Clock) -> Iterator[Source]:
    for process in targets.processes:
        yield ProcessorSource(targets.cell, process, clock)
    for endpoint in targets.endpoints:
        if Need("answers", endpoint.name) in needs:
            yield AnswerSource(targets.cell, endpoint, clock)
    if Need("expositions") in needs:
        for exposition in targets.expositions:
            yield ExpositionSource(targets.cell, exposition, clock)
    for log in targets.logs:
        if Need("lines", log.stream) in needs:
            yield LineSource(targets.cell, log, clock)


def _of_pipeline(targets: CellTargets, needs: frozenset[Need], clock: Clock) -> Iterator[Source]:
    if targets.filebeat is not None:
        yield CounterSource(targets.cell, "filebeat", filebeat_counters(FilebeatClient(targets.filebeat)), clock)
    wanted = tuple(sorted(need for need in needs if need.kind == "documents"))
    if targets.documents is not None and wanted:
        yield DocumentSource(targets.documents, wanted, clock)
    if targets.documents is not None and Need("mapping") in needs:
        yield MappingSource(targets.cell, targets.documents, clock)
