"""prometheus.yml as data: what is scraped how often, which rules are loaded, and where alerts go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from harness.artefacts.clock import ScrapeIntervals
from harness.artefacts.promql import Selector
from harness.artefacts.reading import Node
from harness.core.errors import ConfigError, Location
from harness.core.source import Document, DocumentPath, nearest

__all__ = [
    "DEFAULT_INTERVAL_S",
    "Discovery",
    "PrometheusConfig",
    "ScrapeJob",
    "TargetGroup",
    "read_prometheus",
    "read_targets",
]

DEFAULT_INTERVAL_S = 60.0
DEFAULT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Targets (``host:port``) with the labels that they share, as static and file discovery write them."""

    targets: tuple[str, ...]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where targets come from: written targets, in the file or in discovery files, and the live discovery asked.

    ``file_patterns`` are discovery files as written; those that lie beside the file are read, and others are live.

    ``fixed_addresses`` are those that relabelling sets, as for probes; where it sets one for every
    target, ``is_relayed``, the written targets themselves are never dialled.
    """

    groups: tuple[TargetGroup, ...]
    file_patterns: tuple[str, ...]
    fixed_addresses: tuple[str, ...]
    is_relayed: bool
    live_kinds: tuple[str, ...]
    scheme: str
    path: DocumentPath
    location: Location

    @property
    def static_targets(self) -> tuple[str, ...]:
        """Every written target."""
        return tuple(target for group in self.groups for target in group.targets)

    @property
    def labels(self) -> dict[str, str]:
        """Labels of written targets; of one that several groups set, the last."""
        return {name: value for group in self.groups for name, value in group.labels.items()}


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


Discovered = Mapping[str, tuple[TargetGroup, ...]]


def read_prometheus(
    document: Document, discovered: Discovered | None = None, included: Sequence[Document] = ()
) -> PrometheusConfig:
    """View of a prometheus.yml; ``discovered`` holds what its discovery files say, by pattern as written.

    ``included`` are the files that ``scrape_config_files`` names: their jobs come after its own.
    Raises ``ConfigError`` for what Prometheus would not load.
    """
    found = discovered or {}
    root = Node.root(document)
    shared = root.get("global")
    _refuse_slips(root, _SECTIONS)
    _refuse_slips(shared, _TIMES)
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
        jobs=_jobs((root, *map(Node.root, included)), interval_s, timeout_s, found),
        alertmanagers=tuple(_discovery(node, found) for node in root.get("alerting").get("alertmanagers").items()),
        remote_write=_urls(root.get("remote_write")),
        remote_read=_urls(root.get("remote_read")),
    )


_SECTIONS: Final = ("global", "rule_files", "scrape_configs", "scrape_config_files", "alerting")
_TIMES: Final = ("scrape_interval", "scrape_timeout", "evaluation_interval", "metrics_path", "honor_labels")


def _refuse_slips(node: Node, read: Sequence[str]) -> None:
    """A key that is almost one of those read here would else count as not written; any other is Prometheus' to know."""
    for key in node.mapping():
        if key not in read and get_close_matches(key, read, 1, _ALMOST):
            problem = f"Prometheus has no key {key!r}"
            raise ConfigError(problem, location=node.get(key).location, remedy=nearest(key, read))


_ALMOST: Final = 0.88
"""How like a misspelt key is; no two of Prometheus' own are."""


def _urls(node: Node) -> tuple[str, ...]:
    return tuple(each.need("url").text() for each in node.items())


def read_targets(document: Document) -> tuple[TargetGroup, ...]:
    """Target groups of a discovery file; raises ``ConfigError`` for what Prometheus would not read."""
    root = Node(document, (), document.data)
    return tuple(_group(node) for node in root.items())


def _group(node: Node) -> TargetGroup:
    return TargetGroup(node.get("targets").texts(), node.get("labels").text_map())


def _jobs(roots: Iterable[Node], interval_s: float, timeout_s: float, discovered: Discovered) -> tuple[ScrapeJob, ...]:
    nodes = (node for root in roots for node in root.get("scrape_configs").items())
    jobs = tuple(_job(node, interval_s, timeout_s, discovered) for node in nodes)
    seen: set[str] = set()
    for job in jobs:
        if job.name in seen:
            raise ConfigError(f"the job {job.name!r} appears twice", location=job.location)
        seen.add(job.name)
    return jobs


def _job(node: Node, interval_s: float, timeout_s: float, discovered: Discovered) -> ScrapeJob:
    _refuse_slips(node, (*_TIMES, "job_name", "static_configs", "relabel_configs", "metric_relabel_configs"))
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
        discovery=_discovery(node, discovered),
        path=node.path,
        location=node.location,
    )


def _discovery(node: Node, discovered: Discovered) -> Discovery:
    patterns = tuple(name for each in node.get("file_sd_configs").items() for name in each.get("files").texts())
    kinds = [key.removesuffix("_configs") for key in node.mapping() if key.endswith("_sd_configs")]
    is_read = bool(patterns) and all(pattern in discovered for pattern in patterns)
    if is_read:
        kinds.remove("file_sd")
    fixed = [rule for rule in node.get("relabel_configs").items() if _sets_address(rule)]
    return Discovery(
        groups=(
            *(_group(each) for each in node.get("static_configs").items()),
            *(group for pattern in patterns if is_read for group in discovered[pattern]),
        ),
        file_patterns=patterns,
        fixed_addresses=tuple(rule.get("replacement").text() for rule in fixed),
        is_relayed=any(rule.get("source_labels").value is None for rule in fixed),
        live_kinds=tuple(kinds),
        scheme=node.get("scheme").text("http"),
        path=node.path,
        location=node.location,
    )


def _sets_address(rule: Node) -> bool:
    constant = "$" not in rule.get("replacement").text("$1")
    return constant and rule.get("target_label").text() == "__address__"
