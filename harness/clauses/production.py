"""The production artefacts of a campaign, read once: what clauses promise about and the run binds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.artefacts.alertmanager_config import AlertmanagerConfig, read_alertmanager
from harness.artefacts.bind_prometheus import RESEND_DELAY_S, resend_delay_s
from harness.artefacts.bounds import AlertTiming
from harness.artefacts.chains import Chains, Recording
from harness.artefacts.clock import Clock
from harness.artefacts.dashboard import Dashboard, read_dashboard
from harness.artefacts.filebeat_config import FilebeatConfig, read_filebeat
from harness.artefacts.label_templates import ways_of
from harness.artefacts.leaving_out import LeftOut, left_out
from harness.artefacts.prometheus_config import PrometheusConfig, TargetGroup, read_prometheus, read_targets
from harness.artefacts.routing import Route
from harness.artefacts.rules import Rule, RuleFile, RuleGroup, read_rules, with_recorded_families
from harness.contract import Campaign
from harness.core.errors import ConfigError
from harness.core.json_source import load_json
from harness.core.source import Document, load_yaml, nearest

__all__ = ["AlertFacts", "Production", "clock_of", "read_pipeline", "read_production"]


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """One alert as production has it: its rule, where it goes, and its timing in production seconds."""

    rule: Rule
    group: RuleGroup
    timing: AlertTiming
    route: Route | None
    integrations: tuple[str, ...]
    """Names of the receiver's integrations, such as ``email`` and, of several, ``slack 2``."""
    resolved_to: tuple[str, ...]
    """Those of them that are told of recovery."""
    ways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where a template among its labels decides who is told: the receivers by its values."""
    recordings: tuple[Recording, ...] = ()
    """The recording rules without which its expression is empty, what is recorded first first."""

    @property
    def receiver(self) -> str:
        """Name of the receiver that the route tree chooses, or the empty string."""
        return self.route.receiver if self.route else ""


@dataclass(frozen=True)
class Production:
    """Documents and views of all artefacts that the contract names; planes that it does not name are ``None``."""

    prometheus_document: Document | None
    prometheus: PrometheusConfig | None
    rule_documents: Mapping[Path, Document]
    rules: tuple[RuleFile, ...]
    alertmanager_document: Document | None
    alertmanager: AlertmanagerConfig | None
    filebeat: FilebeatConfig | None
    files: Mapping[str, tuple[Path, ...]]
    """File patterns as the artefacts write them (rules, templates) → the files beside them."""
    scrape_s: float
    evaluation_s: float
    dashboards: tuple[Dashboard, ...] = ()
    discovered: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Patterns of discovery files → the files beside prometheus.yml; patterns that match none are left out."""
    scrape_files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Patterns of ``scrape_config_files`` → the files beside prometheus.yml."""
    scrape_documents: Mapping[Path, Document] = field(default_factory=dict)
    """Those files."""
    groups: Mapping[str, tuple[TargetGroup, ...]] = field(default_factory=dict)
    """The same patterns → the targets in those files."""

    @property
    def alert_names(self) -> tuple[str, ...]:
        """Names of all alerting rules, each once."""
        return tuple(dict.fromkeys(rule.name for file in self.rules for rule in file.alerts))

    def alert(self, name: str, delivery_s: float, receiver: str | None = None) -> AlertFacts | None:
        """Facts about the alert ``name``; ``delivery_s`` is the wall time that a delivery may take.

        Of several routes that it takes, those are about the one to ``receiver``, else about the first.
        """
        key = (name, delivery_s, receiver)
        if key not in self._known_facts:
            self._known_facts[key] = self._found_facts(*key)
        return self._known_facts[key]

    @cached_property
    def _known_facts(self) -> dict[tuple[str, float, str | None], AlertFacts | None]:
        return {}  # clauses ask for the same few a thousand times

    def _found_facts(self, name: str, delivery_s: float, receiver: str | None) -> AlertFacts | None:
        for file in self.rules:
            for group in file.groups:
                for rule in group.rules:
                    if rule.is_alert and rule.name == name:
                        return self._facts(group, rule, delivery_s, receiver)
        return None

    def resend_s(self, facts: AlertFacts) -> float:
        """Production seconds after which Prometheus tells Alertmanager again what it knows of the alert."""
        delay_s = resend_delay_s(self.prometheus) if self.prometheus else RESEND_DELAY_S
        return max(delay_s, facts.timing.evaluation_s)

    def _facts(self, group: RuleGroup, rule: Rule, delivery_s: float, receiver: str | None) -> AlertFacts:
        labels = {**self._external(), **group.labels, **rule.labels, "alertname": rule.name}
        route = self.alertmanager.route_to(receiver, labels) if self.alertmanager else None
        kinds: tuple[str, ...] = ()
        resolved: tuple[str, ...] = ()
        if self.alertmanager and route:
            named = self.alertmanager.receiver(route.receiver).named()
            kinds = tuple(named)
            resolved = tuple(name for name, item in named.items() if item.send_resolved)
        timing = AlertTiming(
            scrape_s=self.scrape_s,
            evaluation_s=group.interval_s or self.evaluation_s,
            range_s=self.chains.range_s(rule),
            for_s=rule.for_s,
            keep_firing_for_s=rule.keep_firing_for_s,
            group_wait_s=route.group_wait_s if route else 0.0,
            group_interval_s=route.group_interval_s if route else 0.0,
            delivery_s=delivery_s,
            recorded_s=self.chains.recorded_s(rule),
            offset_s=self.chains.offset_s(group),
        )
        ways = ways_of(self.alertmanager, labels) if self.alertmanager else {}
        return AlertFacts(rule, group, timing, route, kinds, resolved, ways, self.chains.needed_by(rule))

    @cached_property
    def chains(self) -> Chains:
        """The recording rules of all files."""
        return Chains(self.rules, self.evaluation_s, self.prometheus.rule_query_offset_s if self.prometheus else 0.0)

    def left_out(self, clock: Clock) -> tuple[LeftOut, ...]:
        """Rules that a cell with ``clock`` cannot run."""
        if clock not in self._left_out:
            self._left_out[clock] = left_out(self.rules, clock, self.prometheus)
        return self._left_out[clock]

    @cached_property
    def _left_out(self) -> dict[Clock, tuple[LeftOut, ...]]:
        return {}

    def _external(self) -> dict[str, str]:
        return dict(self.prometheus.external_labels) if self.prometheus else {}


def clock_of(campaign: Campaign, production: Production, speed: float) -> Clock:
    """The cell's clock, with the families that tick on the wall clock whatever the speed."""
    plane = campaign.contract.metrics
    wall = (
        {plane.prefix + name for name, family in plane.families.items() if family.clock == "wall"} if plane else set()
    )
    return with_recorded_families(Clock(speed, frozenset(wall)), production.rules)


def read_production(campaign: Campaign) -> Production:
    """Read and check every artefact that the contract names; raises ``ConfigError`` with its place."""
    prometheus_path = campaign.artefact("prometheus")
    alertmanager_path = campaign.artefact("alertmanager")
    document = _document(campaign, prometheus_path)
    scrape_files = _scrape_files(prometheus_path, document)
    included = _documents(campaign, scrape_files)
    owners = {prometheus_path: document} if prometheus_path and document else {}
    discovered = _discovered({**owners, **included})
    groups = _groups(campaign, discovered)
    prometheus = read_prometheus(document, groups, tuple(included.values())) if document else None
    rule_files = _named(prometheus_path, prometheus.rule_files) if prometheus and prometheus_path else {}
    rule_documents = _documents(campaign, rule_files)
    alertmanager_document = _document(campaign, alertmanager_path)
    alertmanager = read_alertmanager(alertmanager_document) if alertmanager_document else None
    templates = _named(alertmanager_path, alertmanager.templates) if alertmanager and alertmanager_path else {}
    return Production(
        prometheus_document=document,
        prometheus=prometheus,
        rule_documents=rule_documents,
        rules=tuple(read_rules(item) for item in rule_documents.values()),
        alertmanager_document=alertmanager_document,
        alertmanager=alertmanager,
        filebeat=read_pipeline(campaign),
        files={**rule_files, **templates},
        scrape_s=max((job.interval_s for job in prometheus.jobs), default=60.0) if prometheus else 60.0,
        evaluation_s=prometheus.evaluation_interval_s if prometheus else 60.0,
        discovered=discovered,
        scrape_files=scrape_files,
        scrape_documents=included,
        groups=groups,
        dashboards=tuple(
            read_dashboard(load_json(path, shown_as=campaign.shown(path))) for path in campaign.artefacts("dashboards")
        ),
    )


def read_pipeline(campaign: Campaign) -> FilebeatConfig | None:
    """The filebeat.yml that the contract names, and nothing else; raises ``ConfigError`` with its place."""
    document = _document(campaign, campaign.artefact("filebeat"))
    return read_filebeat(document) if document else None


def _document(campaign: Campaign, path: Path | None) -> Document | None:
    return load_yaml(path, shown_as=campaign.shown(path)) if path else None


def _named(owner: Path, patterns: tuple[str, ...]) -> dict[str, tuple[Path, ...]]:
    """Files that each of ``patterns`` in the artefact at ``owner`` matches, in order.

    Absolute patterns name places of the production host: the file of the same name beside the artefact,
    or in one of its sub-folders, stands for it.
    """
    return {pattern: tuple(path.resolve() for path in _matches(owner, pattern)) for pattern in patterns}


def _scrape_files(owner: Path | None, document: Document | None) -> dict[str, tuple[Path, ...]]:
    return _named(owner, read_prometheus(document).scrape_config_files) if owner and document else {}


def _documents(campaign: Campaign, files: Mapping[str, tuple[Path, ...]]) -> dict[Path, Document]:
    paths = dict.fromkeys(path for each in files.values() for path in each)
    return {path: load_yaml(path, shown_as=campaign.shown(path)) for path in paths}


def _discovered(owners: Mapping[Path, Document]) -> dict[str, tuple[Path, ...]]:
    """Patterns of discovery files with the files that lie beside the one that names them."""
    found: dict[str, tuple[Path, ...]] = {}
    for owner, document in owners.items():
        patterns = dict.fromkeys(name for job in read_prometheus(document).jobs for name in job.discovery.file_patterns)
        found |= {pattern: tuple(path.resolve() for path in _beside(owner, pattern)) for pattern in patterns}
    return {pattern: paths for pattern, paths in found.items() if paths}


def _groups(campaign: Campaign, files: Mapping[str, tuple[Path, ...]]) -> dict[str, tuple[TargetGroup, ...]]:
    read = {path: read_targets(_targets(campaign, path)) for path in {path for each in files.values() for path in each}}
    return {pattern: tuple(group for path in paths for group in read[path]) for pattern, paths in files.items()}


def _targets(campaign: Campaign, path: Path) -> Document:
    load = load_json if path.suffix == ".json" else load_yaml
    return load(path, shown_as=campaign.shown(path))


def _beside(owner: Path, pattern: str) -> list[Path]:
    absolute = Path(pattern).is_absolute()
    return sorted(owner.parent.rglob(Path(pattern).name) if absolute else owner.parent.glob(pattern))


def _matches(owner: Path, pattern: str) -> list[Path]:
    found = _beside(owner, pattern)
    if not found:
        there = [path.name for path in owner.parent.iterdir()]
        raise ConfigError(
            f"{owner.name} names {pattern}, but no such file lies beside it",
            remedy=nearest(Path(pattern).name, there) or f"put it into {owner.parent.name}/",
        )
    return found
