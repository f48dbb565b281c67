"""The stack's own conduct: counters that decide whether a run was fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from harness.clauses.model import Need
from harness.evidence.records import Reading, Record
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.filebeat import FilebeatClient
from harness.run.clients.prometheus import PrometheusClient, sum_families
from harness.run.observe.source import Clock, Moment

__all__ = ["CounterSource", "alertmanager_counters", "filebeat_counters", "prometheus_counters"]

PROMETHEUS_COUNTERS: Final = frozenset(
    {
        "prometheus_notifications_dropped_total",
        "prometheus_notifications_errors_total",
        "prometheus_rule_evaluation_failures_total",
        "prometheus_rule_group_iterations_missed_total",
        "prometheus_target_scrape_pool_exceeded_label_limits_total",
        "prometheus_target_scrape_pool_exceeded_target_limit_total",
        "prometheus_target_scrapes_exceeded_body_size_limit_total",
        "prometheus_target_scrapes_exceeded_sample_limit_total",
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "prometheus_target_scrapes_sample_out_of_bounds_total",
        "prometheus_target_scrapes_sample_out_of_order_total",
        "prometheus_target_sync_failed_total",
    }
)
ALERTMANAGER_COUNTERS: Final = frozenset(
    {
        "alertmanager_notification_requests_failed_total",
        "alertmanager_notifications_failed_total",
        "alertmanager_notifications_suppressed_total",
    }
)
_COUNTERS_EVERY_S: Final = 2.0


class CounterSource:
    """Counters of one component: all of them at first and at the end, those that moved in between."""

    needs: tuple[Need, ...] = ()
    every_s = _COUNTERS_EVERY_S

    def __init__(self, cell: str, component: str, counters: Callable[[], Mapping[str, float]], clock: Clock) -> None:
        self.cells, self.components = (cell,), frozenset({component})
        self._component, self._counters, self._clock = component, counters, clock
        self._seen: dict[str, float] = {}

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """What moved since the last read."""
        found, t = self._counters(), self._clock()
        news = {name: value for name, value in found.items() if moment == "finish" or self._seen.get(name) != value}
        self._seen |= found
        return [Reading(self.cells[0], t, self._component, name, value) for name, value in news.items()]


def prometheus_counters(client: PrometheusClient) -> Callable[[], Mapping[str, float]]:
    """Missed evaluations, failed rules, dropped notifications and refused samples, each summed over its labels."""
    return lambda: sum_families(client.own_metrics(), PROMETHEUS_COUNTERS)


def alertmanager_counters(client: AlertmanagerClient) -> Callable[[], Mapping[str, float]]:
    """Deliveries that failed, each summed over its labels."""
    return lambda: sum_families(client.own_metrics(), ALERTMANAGER_COUNTERS)


def filebeat_counters(client: FilebeatClient) -> Callable[[], Mapping[str, float]]:
    """What became of the events: acked, dropped (anywhere), duplicates, failed (and sent again), active, published."""

    def read() -> Mapping[str, float]:
        found = client.counters()
        counters = {f"filebeat_events_{name}": found[f"output_{name}"] for name in ("acked", "duplicates", "failed")}
        counters |= {f"filebeat_events_{name}": found[f"pipeline_{name}"] for name in ("active", "published")}
        return counters | {"filebeat_events_dropped": found["output_dropped"] + found["pipeline_dropped"]}

    return read
