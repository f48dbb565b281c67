"""What production runs: read-only views on real configuration, and its binding to a test topology.

Pure code: no process, no network, no clock. May import ``harness.core`` only.
"""

from harness.artefacts.alertmanager_config import AlertmanagerConfig, Integration, Receiver, read_alertmanager
from harness.artefacts.bind_alertmanager import ALERTMANAGER_FLAGS, bind_alertmanager
from harness.artefacts.bind_filebeat import bind_filebeat
from harness.artefacts.bind_index_template import bind_index_template
from harness.artefacts.bind_prometheus import bind_prometheus, bind_scrape_configs, prometheus_flags
from harness.artefacts.bind_rules import bind_rules
from harness.artefacts.bounds import (
    AlertTiming,
    Bound,
    FaultTiming,
    Term,
    Window,
    crossing_s,
    fire_bounds,
    resolve_bounds,
)
from harness.artefacts.clock import Change, Clock, Scaled, ScrapeIntervals
from harness.artefacts.closing import close_off
from harness.artefacts.edits import ABSENT, BoundArtefact, Edit, undo
from harness.artefacts.filebeat_config import FilebeatConfig, FilebeatInput, Processor, read_filebeat
from harness.artefacts.index_template import IndexTemplate, read_index_template
from harness.artefacts.integrations import ANSWERS
from harness.artefacts.prometheus_config import Discovery, PrometheusConfig, ScrapeJob, read_prometheus
from harness.artefacts.promql import Aggregation, Comparison, Matcher, Query, Selector, parse
from harness.artefacts.routing import InhibitRule, Route
from harness.artefacts.rules import Rule, RuleFile, RuleGroup, read_rules, with_recorded_families
from harness.artefacts.topology import FilebeatPlace, JobBinding, Link, LogSource, Target, Topology
from harness.core.positions import inside

__all__ = [
    "ABSENT",
    "ALERTMANAGER_FLAGS",
    "ANSWERS",
    "Aggregation",
    "AlertTiming",
    "AlertmanagerConfig",
    "Bound",
    "BoundArtefact",
    "Change",
    "Clock",
    "Comparison",
    "Discovery",
    "Edit",
    "FaultTiming",
    "FilebeatConfig",
    "FilebeatInput",
    "FilebeatPlace",
    "IndexTemplate",
    "InhibitRule",
    "Integration",
    "JobBinding",
    "Link",
    "LogSource",
    "Matcher",
    "Processor",
    "PrometheusConfig",
    "Query",
    "Receiver",
    "Route",
    "Rule",
    "RuleFile",
    "RuleGroup",
    "Scaled",
    "ScrapeIntervals",
    "ScrapeJob",
    "Selector",
    "Target",
    "Term",
    "Topology",
    "Window",
    "bind_alertmanager",
    "bind_filebeat",
    "bind_index_template",
    "bind_prometheus",
    "bind_rules",
    "bind_scrape_configs",
    "close_off",
    "crossing_s",
    "fire_bounds",
    "inside",
    "parse",
    "prometheus_flags",
    "read_alertmanager",
    "read_filebeat",
    "read_index_template",
    "read_prometheus",
    "read_rules",
    "resolve_bounds",
    "undo",
    "with_recorded_families",
]
