"""Only what the selected clauses need is played, recorded and started."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import CAMPAIGN
from harness.run.selection import Selection, select

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign([ROOT / "scenarios" / "campaign.yaml"])


@pytest.fixture(scope="module")
def clauses(campaign: Campaign) -> tuple[Clause, ...]:
    return compile_campaign(campaign)


def _select(campaign: Campaign, clauses: tuple[Clause, ...], part: str) -> Selection:
    return select(campaign, clauses, [clause.id for clause in clauses if part in clause.id])


def test_one_story_is_played_for_its_clauses(campaign: Campaign, clauses: tuple[Clause, ...]) -> None:
    chosen = _select(campaign, clauses, "idle_service::health")
    assert [cell.name for cell in chosen.cells] == ["idle_service"]
    assert not chosen.parts & {"alertmanager", "filebeat", "elasticsearch"}


def test_a_clause_over_all_stories_is_shown_by_the_shortest(campaign: Campaign, clauses: tuple[Clause, ...]) -> None:
    chosen = _select(campaign, clauses, "campaign::endpoints::health")
    assert len(chosen.cells) == 1


def test_logs_are_judged_and_shipped_where_a_story_expects_something_of_them(
    campaign: Campaign, clauses: tuple[Clause, ...]
) -> None:
    logs = {s.name: [item.rule for item in s.expectations if item.subject == "log"] for s in campaign.scenarios}
    telling = {name for name, rules in logs.items() if rules}
    shipping = {name for name, rules in logs.items() if any(getattr(rule, "at", "") != "lines" for rule in rules)}
    assert shipping
    for cell in select(campaign, clauses, ()).cells:
        documents = any(need.kind == "documents" for need in cell.needs)
        assert documents == (cell.name in shipping), cell.name
        assert "elasticsearch" not in cell.parts or documents or any(p.cut for p in cell.scenario.phases), cell.name
    for clause in clauses:
        if clause.scope == CAMPAIGN and clause.plane == "logs":
            assert set(clause.cells) == telling


def test_a_log_clause_over_all_stories_selects_those_that_read_logs(
    campaign: Campaign, clauses: tuple[Clause, ...]
) -> None:
    chosen = _select(campaign, clauses, "campaign::logs::access::envelope")
    assert 0 < len(chosen.cells) < len(campaign.scenarios)
    assert all(any(need.kind == "lines" for need in cell.needs) for cell in chosen.cells)


def test_the_needs_of_a_story_are_known_from_those_of_all(campaign: Campaign, clauses: tuple[Clause, ...]) -> None:
    cells = {cell.name: cell for cell in select(campaign, clauses, ()).cells}
    asked = {need.detail for need in cells["idle_service"].own if need.kind == "answers"}
    assert "health" in asked
    assert asked < {need.detail for need in cells["idle_service"].needs if need.kind == "answers"}


def test_an_unknown_clause_is_named(campaign: Campaign, clauses: tuple[Clause, ...]) -> None:
    with pytest.raises(ConfigError, match="there is no clause 'nothing::here'"):
        select(campaign, clauses, ["nothing::here"])
