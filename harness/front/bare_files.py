"""Rule files, alertmanager.yml and prometheus.yml as they are, without a campaign that names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.artefacts.alertmanager_config import AlertmanagerConfig, read_alertmanager
from harness.artefacts.dimensions import Quantity, quantity_of
from harness.artefacts.prometheus_config import PrometheusConfig, read_prometheus
from harness.artefacts.rules import RuleFile, read_rules
from harness.core.errors import ConfigError
from harness.core.source import Document, load_yaml
from harness.lint.model import Files

__all__ = ["read_bare", "split_bare"]


def split_bare(paths: Sequence[Path]) -> tuple[tuple[Document, ...], tuple[Path, ...]]:
    """The files among ``paths`` that are production's own, read, and the paths that name campaigns."""
    bare: list[Document] = []
    others: list[Path] = []
    for path in paths:
        document = load_yaml(path) if path.is_file() else None
        if document is not None and isinstance(document.data, dict) and "harness" not in document.data:
            bare.append(document)
        else:
            others.append(path)
    return tuple(bare), tuple(others)


def read_bare(documents: Sequence[Document]) -> tuple[Files, dict[str, str]]:
    """What the documents are, and their texts by name; raises ``ConfigError`` for one that is nothing of these."""
    rules: list[RuleFile] = []
    prometheus: PrometheusConfig | None = None
    alertmanager: AlertmanagerConfig | None = None
    for document in documents:
        match _kind(document.data):
            case "rules":
                rules.append(read_rules(document))
            case "alertmanager":
                alertmanager = read_alertmanager(document)
            case "prometheus":
                prometheus = read_prometheus(document)
            case _:
                raise ConfigError(
                    "this is neither a file of the harness nor rules, alertmanager.yml or prometheus.yml",
                    location=document.locate(()),
                    remedy="name a campaign, or files with groups:, route: or scrape_configs:",
                )
    units: dict[str, Quantity | None] = {}
    for rule in (rule for file in rules for rule in file.recordings):
        units[rule.name] = quantity_of(rule.query, units)
    texts = {document.file: document.text for document in documents}
    return Files(tuple(rules), prometheus, alertmanager, units=units), texts


def _kind(data: dict[str, Any]) -> str:
    if "groups" in data or data.get("kind") == "PrometheusRule":
        return "rules"
    if "route" in data:
        return "alertmanager"
    return "prometheus" if {"scrape_configs", "global", "rule_files"} & data.keys() else ""
