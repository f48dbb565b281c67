"""Defects that the files alone show: boards, runbooks, hops; exactly the clauses change that the kept table says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Judgement
from harness.contract import load_campaign
from harness.evidence.store import Evidence
from tests.sabotage.defects import Defect, matching, plant, sheets

ROOT = Path(__file__).parents[3]
DEFECTS = tuple(each for sheet in sheets() if sheet.by == "files" for each in sheet.defects)


def judged(folder: Path) -> dict[str, Judgement]:
    """Verdicts of the clauses that need nothing recorded."""
    campaign = load_campaign([folder / "scenarios"])
    nothing = Evidence([], planned=tuple(each.name for each in campaign.scenarios))
    return {clause.id: clause.judge(nothing) for clause in compile_campaign(campaign) if not clause.needs}


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / "fixtures" / "llm_router", folder / "fixtures" / "llm_router")
    shutil.copytree(ROOT / "scenarios", folder / "scenarios")
    return folder


@pytest.fixture(scope="module")
def as_they_are() -> dict[str, Judgement]:
    return judged(ROOT)


def test_the_files_as_they_are_violate_nothing(as_they_are: dict[str, Judgement]) -> None:
    assert {each.verdict for each in as_they_are.values()} == {"held"}


@pytest.mark.parametrize("defect", DEFECTS, ids=[each.name for each in DEFECTS])
def test_exactly_these_verdicts_change(tmp_path: Path, defect: Defect) -> None:
    plant(copied(tmp_path), defect)
    found = judged(tmp_path)
    changed = {clause for clause, each in found.items() if each.verdict == "violated"}
    assert changed == {clause for pattern in defect.violated for clause in matching(pattern, found)}
    for clause, words in defect.violated.items():
        assert words in "\n".join([found[clause].message, *found[clause].details])
