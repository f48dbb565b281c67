"""The table of mutants: each defect of each alert is noticed by a named clause, or is said to be none."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from harness.clauses.production import Production, read_production
from harness.contract import Campaign, load_campaign
from harness.provision import ensure
from harness.virtual.answers import FiredAlert
from harness.virtual.notice_words import rendered_cells
from harness.virtual.notices import notice_cells
from harness.virtual.routes import route_cells, routed
from harness.virtual.subjects import examined_alerts, rule_set
from harness.virtual.suite import Report, examine
from harness.virtual.told import as_fired
from harness.virtual.verdicts import Cell
from tests.integration.tiny.gates import ROOT
from tests.sabotage.mutants import KINDS, RULE_KINDS, alert_rules, mutated
from tests.sabotage.notice_mutants import NOTICE_KINDS, RENDERED, ROUTED

SUBJECT: Final = ROOT / "fixtures" / "llm_router"
TABLE: Final = ROOT / "docs" / "reference" / "alert-mutants.md"
CAMPAIGN: Final = "harness: campaign/1\nprofile: subject/profile.yaml\ncontract: subject/contract.yaml\n"
CONDITIONS: Final = {
    "boundary": ("designed trigger", "at threshold"),
    "summary": ("designed trigger",),
    "description": ("designed trigger",),
}
"""Defects that examples cannot see, and the conditions that do."""
TEXTS: Final = {"summary", "description"}
WRITTEN: Final = {"summary lost", "description lost", "runbook lost", "runbook of another"}
"""What notices lack whatever the values in them are."""
SAMPLE: Final = {"threshold lowered", "matcher lost"}
NO_DEFECT: Final = {
    ("aggregation", "NoModelsLoaded"): "counts add up to none exactly when the largest of them is none",
    ("aggregation", "ServiceDown"): "absent() gives one series at most, and a count has no other aggregation here",
    ("aggregation by the least", "ServiceDown"): "as above; how ServiceDown groups is a mutant of its own",
    ("aggregation", "RuleEvaluationFails"): "failures add up to none exactly when the most of them are none",
    ("aggregation", "MailDeliveryFails"): "as above; how many are refused, a message says and no clause",
    ("aggregation", "ChatDeliveryFails"): "as above",
    ("aggregation", "LogShipperDown"): "there is one exporter: the least of one is the most",
    ("aggregation", "ElasticsearchDown"): "as above",
    ("aggregation by the least", "MailDeliveryFails"): "there is one Alertmanager",
    ("aggregation by the least", "ChatDeliveryFails"): "as above",
    ("threshold lowered", "LogShipperDown"): "up is 0 or 1",
    ("threshold lowered", "ElasticsearchDown"): "as above",
    ("boundary", "CriticalErrorRate"): "a rate meets a number by accident of rounding only",
    ("boundary", "LowTokenGeneration"): "as above",
    ("boundary", "HighResponseTime"): "a quantile within a bucket meets a number by accident only",
    ("boundary", "CriticalResponseTime"): "as above",
}
"""Changes after which the rule does what it did."""
ALWAYS: Final = {"Watchdog"}
HAVE_NONE: Final = {
    "window": ALWAYS | {"HighMemoryUsage", "CriticalMemoryUsage", "NoModelsLoaded", "HighQueueSize",
                        "CriticalQueueSize", "LogShipperDown", "ElasticsearchDown"},
    **dict.fromkeys(("threshold", "comparison", "for", "matcher", "template", "field"), ALWAYS),
    "aggregation|grouping": ALWAYS | {"MailDeliveryFails", "ChatDeliveryFails", "LogShipperDown", "ElasticsearchDown"},
}  # fmt: skip
"""Alerts on what is now have no window to change; one that always fires compares nothing, and nobody reads it;
where there is one of its series, there is nothing to add up."""


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
    return [rule["alert"] for rule in alert_rules(SUBJECT / "production")]


def judged(
    campaign: Campaign, kind: str, tools: Mapping[str, Path], fired: Report, changed: Collection[str]
) -> list[Cell]:
    """What is said of the alerts of ``campaign`` where the defect ``kind`` could show."""
    if kind in {*ROUTED, "severity"}:
        return [*ways(campaign, tools["amtool"], fired), *told(campaign, fired)]
    if kind in {*RENDERED, *WRITTEN}:
        return read(campaign, tools["amtool"], fired)
    if kind in NOTICE_KINDS:
        return told(campaign, fired)
    conditions = CONDITIONS.get(kind, ())
    names, examples = list(changed), kind not in TEXTS
    report = examine(campaign, tools["promtool"], alerts=names, conditions=conditions, examples=examples)
    return list(report.cells)


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


def told(campaign: Campaign, fired: Report) -> list[Cell]:
    """How and when people are told of the alerts."""
    production = read_production(campaign)
    return list(notice_cells(campaign, production, as_they_fire(campaign, production, fired)))


def read(campaign: Campaign, amtool: Path, fired: Report) -> list[Cell]:
    """What people read of the alerts."""
    production = read_production(campaign)
    return list(rendered_cells(campaign, production, amtool, as_they_fire(campaign, production, fired)))


def as_they_fire(campaign: Campaign, production: Production, fired: Report) -> dict[str, tuple[FiredAlert, ...]]:
    """The alerts with the labels that they fired with, and annotations and labels as the rules have them now."""
    known = examined_alerts(campaign, production)
    now = as_fired(known, {}, rule_set(production).external_labels)
    return {
        name: tuple(replace(alert, labels={**one, **alert.labels}) for one in fired.fired.get(name, ({},)))
        for name, (alert,) in now.items()
    }


def row(kind: str, changed: Collection[str], noticed: Mapping[str, list[str]]) -> str:
    """One line of the kept table: a kind of defect, in how many alerts it is noticed, and by which clauses."""
    seen = [alert for alert in changed if alert in noticed]
    clauses = {"example" if each.startswith("example ") else each for alert in seen for each in noticed[alert]}
    none = f", no defect in {len(changed) - len(seen)}" if len(seen) < len(changed) else ""
    return f"| {kind} | {len(seen)}{none} | {', '.join(sorted(clauses))} |"


def violated(cells: list[Cell]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cell in cells:
        if cell.verdict == "violated":
            found.setdefault(cell.alert, []).append(cell.condition)
    return found


def test_the_rules_as_they_are_violate_nothing(original: Report, tools: Mapping[str, Path], tmp_path: Path) -> None:
    assert violated(list(original.cells)) == {}
    assert set(names()) <= set(original.fired)
    campaign = copied(tmp_path)
    cells = [*ways(campaign, tools["amtool"], original), *told(campaign, original)]
    cells += read(campaign, tools["amtool"], original)
    assert violated(cells) == {}
    assert {cell.condition for cell in cells} == {"reaches", "yields to", "notices", "renders"}


def dear(kind: str) -> bool:
    """Whether a mutant takes `promtool` through every alert; of those two are shown in every run."""
    return kind in {*RULE_KINDS} - {*WRITTEN, *SAMPLE, "severity"}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.nightly] if dear(kind) else []) for kind in KINDS]
)
def test_every_defect_is_noticed(kind: str, original: Report, tools: Mapping[str, Path], tmp_path: Path) -> None:
    campaign = copied(tmp_path)
    changed = mutated(SUBJECT / "production", tmp_path / "subject" / "production", kind)
    noticed = violated(judged(campaign, kind, tools, original, changed))
    unnoticed = {alert: change for alert, change in changed.items() if alert not in noticed}
    assert row(kind, changed, noticed) in TABLE.read_text().splitlines(), "the kept table tells otherwise"
    meant = {alert for (of_kind, alert) in NO_DEFECT if of_kind == kind}
    assert set(unnoticed) == meant & set(changed), unnoticed


WORDS = ["threshold", "comparison", "window", "for", "aggregation|grouping", "matcher", "severity", "route",
         "inhibition", "summary|description", "runbook", "template", "field", "group", "repeat_interval", "receiver",
         "send_resolved"]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_no_alert_is_left_out(word: str, tmp_path: Path) -> None:
    kinds = [kind for kind in KINDS if any(kind.startswith(each) for each in word.split("|"))]
    reached = {
        alert for kind in kinds for alert in mutated(SUBJECT / "production", tmp_path / kind, kind)
        if (kind, alert) not in NO_DEFECT
    }  # fmt: skip
    assert set(names()) - reached == HAVE_NONE.get(word, set())
