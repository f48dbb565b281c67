"""What a load does to the telemetry itself: scrapes, evaluations, and the way of log lines into the index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.clauses.log_lag import lags
from harness.clauses.log_shipping import shipping_of
from harness.clauses.production import read_pipeline
from harness.clauses.signals import event_time_at
from harness.contract import Campaign
from harness.evidence.figures import percentile
from harness.evidence.records import Document, LogLine, Reading, Series
from harness.evidence.store import Evidence

__all__ = ["SCRAPE_DURATION", "telemetry"]

SCRAPE_DURATION: Final = "scrape_duration_seconds"
_MISSED: Final = "prometheus_rule_group_iterations_missed_total"


def telemetry(campaign: Campaign, evidence: Evidence, cell: str) -> dict[str, float]:
    """Wall seconds and counts, by name; what was not observed is left out.

    ``scrape_p50_s`` and ``scrape_max_s`` are how long scrapes took, ``scrapes_failed`` how many came to nothing,
    ``evaluations_missed`` how many rule evaluations were left out. ``log_lag_p50_s``, ``log_lag_p99_s`` and
    ``log_lag_max_s`` go from the event to the moment at which it was found. ``lines``, ``documents`` and
    ``documents_lost`` count the streams that are shipped, without the lines that are left out on purpose.
    """
    return {name: value for part in (_scrapes, _evaluations) for name, value in part(evidence, cell)} | dict(
        _logs(campaign, evidence, cell)
    )


def _values(evidence: Evidence, cell: str, query: str) -> list[float]:
    """Those of the step alone: its first instant repeats what was last seen before it."""
    start = evidence.started(cell)
    since = start.t if start else 0.0
    return [v for series in evidence.of(Series, cell) if series.query == query for t, v in series.points if t > since]


def _scrapes(evidence: Evidence, cell: str) -> Iterator[tuple[str, float]]:
    lasted = sorted(_values(evidence, cell, SCRAPE_DURATION))
    if lasted:
        yield "scrape_p50_s", percentile(lasted, 0.5)
        yield "scrape_max_s", lasted[-1]
    up = _values(evidence, cell, "up")
    if up:
        yield "scrapes_failed", float(up.count(0.0))


def _evaluations(evidence: Evidence, cell: str) -> Iterator[tuple[str, float]]:
    values = [item.value for item in evidence.of(Reading, cell) if item.name == _MISSED]
    if values:
        yield "evaluations_missed", max(values) - values[0]


def _logs(campaign: Campaign, evidence: Evidence, cell: str) -> Iterator[tuple[str, float]]:
    documents = evidence.of(Document, cell)
    if not documents:
        return
    streams = {document.stream for document in documents}
    filebeat = read_pipeline(campaign)
    ways = {stream: shipping_of(campaign, filebeat, stream) for stream in streams}
    lines = sum(line.stream in ways and ways[line.stream].is_due(line) for line in evidence.of(LogLine, cell))
    found = [lag for stream in sorted(streams) for lag in _lags(campaign, evidence, cell, stream)]
    if found:
        ordered = sorted(found)
        yield "log_lag_p50_s", percentile(ordered, 0.5)
        yield "log_lag_p99_s", percentile(ordered, 0.99)
        yield "log_lag_max_s", ordered[-1]
    yield "lines", float(lines)
    yield "documents", float(len(documents))
    yield "documents_lost", float(max(0, lines - len(documents)))


def _lags(campaign: Campaign, evidence: Evidence, cell: str, stream: str) -> Iterator[float]:
    path = event_time_at(campaign, stream)
    if path is not None:
        yield from (lag for _, lag, _ in lags(evidence, cell, stream, path))
