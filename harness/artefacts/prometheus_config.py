"""prometheus.yml as data: what is scraped how often, which rules are loaded, and where alerts go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.artefacts.clock import ScrapeIntervals
from harness.artefacts.promql import Selector
from harness.artefacts.reading import Node
from harness.core.errors import ConfigError, Location
from harness.core.source import Document, DocumentPath

__all__ = ["DEFAULT_INTERVAL_S", "Discovery", "PrometheusConfig", "ScrapeJob", "read_prometheus"]

DEFAULT_INTERVAL_S = 60.0
DEFAULT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where targets come from: written targets (``host:port``), and the kinds of live discovery asked.

    ``fixed_addresses`` are those that relabelling sets, as for probes; where it sets one for every
    target, ``is_relayed``, the written targets themselves are never dialled.
    """

    static_targets: tuple[str, ...]
    fixed_addresses: tuple[str, ...]
    is_relayed: bool
    live_kinds: tuple[str, ...]
    scheme: str
    path: DocumentPath
    location: Location


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """One scrape job with its effective interval and timeout in production seconds."""

    name: str
    interval_s: float
    timeout_s: float
    metrics_path: str
    honor_labels: bool
    discovery: Discovery
    path: DocumentPath
    location: Location


@dataclass(frozen=True, slots=True)
class PrometheusConfig:
    """One prometheus.yml; file patterns are as written, relative to that file."""

    file: str
    scrape_interval_s: float
    evaluation_interval_s: float
    rule_query_offset_s: float
    external_labels: dict[str, str]
    rule_files: tuple[str, ...]
    scrape_config_files: tuple[str, ...]
    jobs: tuple[ScrapeJob, ...]
    alertmanagers: tuple[Discovery, ...]
    remote_write: tuple[str, ...]
    remote_read: tuple[str, ...]

    def job(self, name: str) -> ScrapeJob:
        """The job of this name; raises ``KeyError`` where there is none."""
        return {job.name: job for job in self.jobs}[name]

    def scrapes_of(self, selectors: Iterable[Selector]) -> ScrapeIntervals | None:
        """Intervals of the jobs that may feed ``selectors`` (by their ``job`` matchers); ``None`` without jobs."""
        intervals = [
            job.interval_s
            for selector in selectors
            for job in self.jobs
            if all(each.accepts(job.name) for each in selector.matchers if each.name == "job")
        ] or [job.interval_s for job in self.jobs]
        return ScrapeIntervals(min(intervals), max(intervals)) if intervals else None


def read_prometheus(document: Document) -> PrometheusConfig:
    """View of a prometheus.yml; raises ``ConfigError`` for what Prometheus would not load."""
    root = Node.root(document)
    shared = root.get("global")
    interval_s = shared.get("scrape_interval").seconds(0) or DEFAULT_INTERVAL_S
    timeout_s = shared.get("scrape_timeout").seconds(0) or min(DEFAULT_TIMEOUT_S, interval_s)
    return PrometheusConfig(
        file=document.file,
        scrape_interval_s=interval_s,
        evaluation_interval_s=shared.get("evaluation_interval").seconds(0) or DEFAULT_INTERVAL_S,
        rule_query_offset_s=shared.get("rule_query_offset").seconds(0),
        external_labels=shared.get("external_labels").text_map(),
        rule_files=root.get("rule_files").texts(),
        scrape_config_files=root.get("scrape_config_files").texts(),
        jobs=_jobs(root, interval_s, timeout_s),
        alertmanagers=tuple(_discovery(node) for node in root.get("alerting").get("alertmanagers").items()),
        remote_write=_urls(root.get("remote_write")),
        remote_read=_urls(root.get("remote_read")),
    )


def _urls(node: Node) -> tuple[str, ...]:
    return tuple(each.need("url").text() for each in node.items())


def _jobs(root: Node, interval_s: float, timeout_s: float) -> tuple[ScrapeJob, ...]:
    jobs = tuple(_job(node, interval_s, timeout_s) for node in root.get("scrape_configs").items())
    seen: set[str] = set()
    for job in jobs:
        if job.name in seen:
            raise ConfigError(f"the job {job.name!r} appears twice", location=job.location)
        seen.add(job.name)
    return jobs


def _job(node: Node, interval_s: float, timeout_s: float) -> ScrapeJob:
    own_s = node.get("scrape_interval").seconds(0) or interval_s
    written_timeout_s = node.get("scrape_timeout").seconds(0)
    if written_timeout_s > own_s:
        problem = f"the scrape timeout {written_timeout_s:g}s is longer than the interval {own_s:g}s"
        raise ConfigError(problem, location=node.get("scrape_timeout").location)
    return ScrapeJob(
        name=node.need("job_name").text(),
        interval_s=own_s,
        timeout_s=written_timeout_s or min(timeout_s, own_s),
        metrics_path=node.get("metrics_path").text("/metrics"),
        honor_labels=node.get("honor_labels").flag(False),
        discovery=_discovery(node),
        path=node.path,
        location=node.location,
    )


def _discovery(node: Node) -> Discovery:
    targets = (each.get("targets").texts() for each in node.get("static_configs").items())
    fixed = [rule for rule in node.get("relabel_configs").items() if _sets_address(rule)]
    return Discovery(
        static_targets=tuple(target for group in targets for target in group),
        fixed_addresses=tuple(rule.get("replacement").text() for rule in fixed),
        is_relayed=any(rule.get("source_labels").value is None for rule in fixed),
        live_kinds=tuple(key.removesuffix("_configs") for key in node.mapping() if key.endswith("_sd_configs")),
        scheme=node.get("scheme").text("http"),
        path=node.path,
        location=node.location,
    )


def _sets_address(rule: Node) -> bool:
    constant = "$" not in rule.get("replacement").text("$1")
    return constant and rule.get("target_label").text() == "__address__"
