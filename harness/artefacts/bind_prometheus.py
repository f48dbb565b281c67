"""prometheus.yml bound to one cell: intervals by the clock, every way out of the machine by the topology."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.artefacts.bind_common import default_duration, files, references, scale_duration
from harness.artefacts.bind_targets import bind_targets, client_of
from harness.artefacts.clock import Clock
from harness.artefacts.edits import BoundArtefact, Editor
from harness.artefacts.prometheus_config import DEFAULT_INTERVAL_S, PrometheusConfig, ScrapeJob, read_prometheus
from harness.artefacts.scan import refuse_unbound
from harness.artefacts.topology import Link, Topology
from harness.artefacts.transport import strip_client
from harness.core.source import Document, DocumentPath
from harness.core.units import format_duration

__all__ = ["bind_prometheus", "bind_scrape_configs", "prometheus_flags", "resend_delay_s"]

# Values for people, and what relabelling (guarded at its end) decides before anything is dialled.
_CONTENT = frozenset(
    {
        "external_labels",
        "labels",
        "relabel_configs",
        "metric_relabel_configs",
        "alert_relabel_configs",
        "write_relabel_configs",
        "params",
        "job_name",
        "static_configs",
    }
)
_REMEDY = (
    "say in stands_for: of the profile what answers for it, as {job: NAME, port: PORT} or {address: HOST, port: PORT}; "
    "{job: NAME, drop: true} leaves it out"
)
LOOKBACK_S = 300.0
RESEND_DELAY_S = 60.0
GRACE_S = 600.0


def bind_prometheus(document: Document, topology: Topology, clock: Clock) -> BoundArtefact:
    """The configuration as it runs here; raises ``ConfigError`` with everything that nothing binds."""
    config = read_prometheus(document, topology.discovered)
    editor = Editor(document)
    _global(editor, clock, config)
    for job in config.jobs:
        _job(editor, topology, clock, job)
    references(editor, editor.get(("global", "external_labels")), ("global", "external_labels"), topology.environment)
    files(editor, topology, ("rule_files",), "rule file")
    files(editor, topology, ("scrape_config_files",), "scrape config file")
    _alertmanagers(editor, topology)
    _remote(editor, topology, "remote_write", topology.remote_write)
    _remote(editor, topology, "remote_read", None)
    editor.remove(("tracing",), "addresses: traces of Prometheus itself are not sent")
    refuse_unbound(editor, topology, _CONTENT)
    return editor.finish(_REMEDY)


def bind_scrape_configs(
    document: Document, topology: Topology, clock: Clock, config: PrometheusConfig
) -> BoundArtefact:
    """A file that ``scrape_config_files`` of ``config`` names, bound as the jobs of a prometheus.yml are."""
    editor = Editor(document)
    for job in read_prometheus(document, topology.discovered).jobs:
        # an interval that the job does not write is that of the file which includes it
        _job(editor, topology, clock, replace(job, interval_s=config.job(job.name).interval_s))
    refuse_unbound(editor, topology, _CONTENT)
    return editor.finish(_REMEDY)


def prometheus_flags(
    clock: Clock,
    config: PrometheusConfig,
    *,
    lookback_s: float = LOOKBACK_S,
    for_grace_period_s: float = GRACE_S,
) -> tuple[str, ...]:
    """Command-line flags that carry the clock; the arguments are production's own values in seconds.

    Lookback covers at least five scrapes of the slowest job and the resend delay two evaluations (``resend_delay_s``).
    Without the last flag Prometheus waits five seconds of wall time before its first scrape.
    """
    slowest_s = max((job.interval_s for job in config.jobs), default=config.scrape_interval_s)
    lookback = max(lookback_s, 5 * slowest_s)
    return (
        f"--query.lookback-delta={format_duration(clock.seconds(lookback))}",
        f"--rules.alert.resend-delay={format_duration(clock.seconds(resend_delay_s(config)))}",
        f"--rules.alert.for-grace-period={format_duration(clock.seconds(for_grace_period_s))}",
        "--scrape.discovery-reload-interval=100ms",
    )


def resend_delay_s(config: PrometheusConfig) -> float:
    """Production seconds after which Prometheus tells Alertmanager again of an alert that goes on firing."""
    return max(RESEND_DELAY_S, 2 * config.evaluation_interval_s)


def _global(editor: Editor, clock: Clock, config: PrometheusConfig) -> None:
    if clock.speed != 1 and not isinstance(editor.get(("global",)), dict):
        editor.set(("global",), {}, "clock: defaults that the file does not write")
    default_duration(editor, clock, ("global", "scrape_interval"), DEFAULT_INTERVAL_S)
    default_duration(editor, clock, ("global", "evaluation_interval"), DEFAULT_INTERVAL_S)
    scale_duration(editor, clock, ("global", "rule_query_offset"))
    _timeout(editor, clock, ("global",), config.scrape_interval_s)
    for name in ("query_log_file", "scrape_failure_log_file"):
        editor.remove(("global", name), "paths: a file of the production machine")


def _timeout(editor: Editor, clock: Clock, path: DocumentPath, interval_s: float) -> None:
    if clock.speed != 1:
        scaled = format_duration(clock.seconds(interval_s))
        editor.set(
            (*path, "scrape_timeout"), scaled, "clock: scrapes take wall time, so they may use the whole interval"
        )


def _job(editor: Editor, topology: Topology, clock: Clock, job: ScrapeJob) -> None:
    scale_duration(editor, clock, (*job.path, "scrape_interval"))
    if any(editor.get((*job.path, name)) is not None for name in ("scrape_interval", "scrape_timeout")):
        _timeout(editor, clock, job.path, job.interval_s)
    editor.remove((*job.path, "scrape_failure_log_file"), "paths: a file of the production machine")
    _plain(editor, clock, job.path)
    strip_client(editor, job.path)
    for key, value in client_of(editor, topology, job).items():
        editor.set((*job.path, key), value, "credentials and transport security: those of the local node")
    _refuse_relabelled_intervals(editor, clock, job)
    bind_targets(editor, topology, job)


def _plain(editor: Editor, clock: Clock, path: DocumentPath) -> None:
    """A fifth of what a Prometheus at speed 60 costs goes into compressing what never leaves the machine."""
    if clock.speed != 1 and editor.get((*path, "enable_compression")) is not False:
        editor.set(
            (*path, "enable_compression"), False, "clock: scrapes are frequent, and compression saves nothing here"
        )


def _refuse_relabelled_intervals(editor: Editor, clock: Clock, job: ScrapeJob) -> None:
    for index, rule in enumerate(editor.get((*job.path, "relabel_configs")) or []):
        label = rule.get("target_label")
        if clock.speed != 1 and label in ("__scrape_interval__", "__scrape_timeout__"):
            where = (*job.path, "relabel_configs", index)
            editor.problem(where, f"the job {job.name!r} sets {label} by relabelling, which cannot be scaled")


def _alertmanagers(editor: Editor, topology: Topology) -> None:
    above: DocumentPath = ("alerting", "alertmanagers")
    for index in reversed(range(len(editor.get(above) or []))):
        path = (*above, index)
        unwanted = {"alertmanagers", f"alertmanagers[{index}]"} & topology.absent
        if unwanted:
            editor.remove(path, "addresses: left out on purpose")
        elif index or topology.alertmanager is None:
            editor.problem(path, f"nothing stands for alertmanagers[{index}]")
        else:
            _alertmanager(editor, path, topology.alertmanager)


def _alertmanager(editor: Editor, path: DocumentPath, link: Link) -> None:
    for key in list(editor.get(path)):
        if key.endswith("_sd_configs"):
            editor.remove((*path, key), "discovery: not asked; the local Alertmanager is written out")
    for key in ("relabel_configs", "path_prefix"):
        editor.remove((*path, key), "addresses: they shape the address that is replaced")
    strip_client(editor, path)
    if editor.get((*path, "scheme")) is not None:
        editor.set((*path, "scheme"), "http", "credentials and transport security: the local node speaks plain HTTP")
    editor.set((*path, "static_configs"), [{"targets": [link.peer]}], "addresses: the local Alertmanager")


def _remote(editor: Editor, topology: Topology, name: str, link: Link | None) -> None:
    entries: list[Any] = editor.get((name,)) or []
    if name in topology.absent:
        editor.remove((name,), "addresses: left out on purpose")
        return
    for index in range(len(entries)):
        path = (name, index)
        if link is None:
            editor.problem(path, f"nothing stands for {name}[{index}]")
            continue
        strip_client(editor, path)
        editor.remove((*path, "headers"), "credentials and transport security: headers may carry them")
        editor.set((*path, "url"), link.peer, f"addresses: the local end of {name}")
