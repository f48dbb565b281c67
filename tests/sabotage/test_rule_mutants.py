"""The table of mutants: each defect of each alert is noticed by a named clause, or is said to be none."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from harness.clauses.production import read_production
from harness.contract import Campaign, load_campaign
from harness.provision import ensure
from harness.virtual.routes import route_cells, routed
from harness.virtual.subjects import examined_alerts, rule_set
from harness.virtual.suite import Report, examine
from harness.virtual.verdicts import Cell
from tests.integration.tiny.gates import ROOT
from tests.sabotage.mutants import FILE, KINDS, mutated

SUBJECT: Final = ROOT / "fixtures" / "llm_router"
CAMPAIGN: Final = "harness: campaign/1\nprofile: subject/profile.yaml\ncontract: subject/contract.yaml\n"
CONDITIONS: Final = {
    "boundary": ("designed trigger", "at threshold"),
    "summary": ("designed trigger",),
    "description": ("designed trigger",),
}
"""Defects that examples cannot see, and the conditions that do."""
TEXTS: Final = {"summary", "description"}
ROUTED: Final = {"severity", "route", "inhibition lost", "inhibition too broad"}
NO_DEFECT: Final = {
    ("aggregation", "NoModelsLoaded"): "counts add up to none exactly when the largest of them is none",
    ("aggregation", "ServiceDown"): "absent() gives one series at most, and a count has no other aggregation here",
    ("aggregation by the least", "ServiceDown"): "as above; how ServiceDown groups is a mutant of its own",
    ("boundary", "CriticalErrorRate"): "a rate meets a number by accident of rounding only",
    ("boundary", "LowTokenGeneration"): "as above",
    ("boundary", "HighResponseTime"): "a quantile within a bucket meets a number by accident only",
    ("boundary", "CriticalResponseTime"): "as above",
}
"""Changes after which the rule does what it did."""
HAVE_NONE: Final = {
    "window": {"HighMemoryUsage", "CriticalMemoryUsage", "NoModelsLoaded", "HighQueueSize", "CriticalQueueSize"},
}
"""Alerts on what is now have no window to change."""


@pytest.fixture(scope="module")
def tools() -> Mapping[str, Path]:
    found = ensure(["prometheus", "alertmanager"])
    return {"promtool": found["prometheus"].extra["promtool"], "amtool": found["alertmanager"].extra["amtool"]}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, tools: Mapping[str, Path]) -> Report:
    campaign = copied(tmp_path_factory.mktemp("original"))
    return examine(campaign, tools["promtool"], conditions=("designed trigger", "at threshold"))


def copied(folder: Path) -> Campaign:
    shutil.copytree(SUBJECT, folder / "subject")
    (folder / "campaign.yaml").write_text(CAMPAIGN)
    return load_campaign([folder])


def names() -> list[str]:
    groups = yaml.safe_load((SUBJECT / "production" / FILE).read_text())["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"]]


def judged(campaign: Campaign, kind: str, tools: Mapping[str, Path], fired: Report) -> list[Cell]:
    """What is said of the alerts of ``campaign`` where the defect ``kind`` could show."""
    if kind in ROUTED:
        return ways(campaign, tools["amtool"], fired)
    conditions = CONDITIONS.get(kind, ())
    return list(examine(campaign, tools["promtool"], conditions=conditions, examples=kind not in TEXTS).cells)


def ways(campaign: Campaign, amtool: Path, fired: Report) -> list[Cell]:
    """Where pages of the alerts go, with the labels that they fired with and those of the rules as they are."""
    production = read_production(campaign)
    assert production.alertmanager is not None
    labels = {
        each.name: [{**one, **each.static_labels} for one in fired.fired.get(each.name, ({},))]
        for each in examined_alerts(campaign, production)
    }
    found = routed(campaign, production.alertmanager, amtool, labels, rule_set(production).external_labels)
    return list(route_cells(campaign, found))


def violated(cells: list[Cell]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cell in cells:
        if cell.verdict == "violated":
            found.setdefault(cell.alert, []).append(cell.condition)
    return found


def test_the_rules_as_they_are_violate_nothing(original: Report, tools: Mapping[str, Path], tmp_path: Path) -> None:
    assert violated(list(original.cells)) == {}
    assert set(names()) <= set(original.fired)
    assert violated(ways(copied(tmp_path), tools["amtool"], original)) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_defect_is_noticed(
    kind: str, original: Report, tools: Mapping[str, Path], tmp_path: Path, record_property
) -> None:
    campaign = copied(tmp_path)
    changed = mutated(SUBJECT / "production", tmp_path / "subject" / "production", kind)
    noticed = violated(judged(campaign, kind, tools, original))
    for alert, change in changed.items():
        record_property(f"{kind} of {alert}: {change}", ", ".join(noticed.get(alert, ())))
    unnoticed = {alert: change for alert, change in changed.items() if alert not in noticed}
    meant = {alert for (of_kind, alert) in NO_DEFECT if of_kind == kind}
    assert set(unnoticed) == meant & set(changed), unnoticed


WORDS = ["threshold", "comparison", "window", "for", "aggregation|grouping", "matcher", "severity", "route",
         "inhibition", "summary|description"]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_no_alert_is_left_out(word: str, tmp_path: Path) -> None:
    kinds = [kind for kind in KINDS if any(kind.startswith(each) for each in word.split("|"))]
    reached = {
        alert for kind in kinds for alert in mutated(SUBJECT / "production", tmp_path / kind, kind)
        if (kind, alert) not in NO_DEFECT
    }  # fmt: skip
    assert set(names()) - reached == HAVE_NONE.get(word, set())
