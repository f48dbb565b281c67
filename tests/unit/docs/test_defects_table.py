"""The kept table of defects: every row of the specification has one, each can be planted, none hides another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.sabotage.defects import HERE, Defect, Sheet, matching, plant, sheets, unplanted
from tests.sabotage.test_hop_sabotage import RECOVERY
from tests.sabotage.test_tiny_sabotage import SABOTAGES
from tests.unit.docs.test_clause_reference import entry_of
from tests.unit.docs.test_specification_table import table

ROOT = Path(__file__).parents[3]
DEFECTS = [(sheet, defect) for sheet in sheets() for defect in sheet.defects]
GATES = [(sheet, gate) for sheet in sheets() for gate in sheet.gates]
IDS = [f"{sheet.name} {gate}" for sheet, gate in GATES]


def proofs() -> dict[tuple[int, str], list[str]]:
    """Rows of the specification with the clauses that prove them."""
    return {(section, each["row"]): each["by"] for section, rows in table().proofs().items() for each in rows}


def proves(by: list[str], defect: Defect) -> bool:
    """Whether the defect turns a clause red that proves the row."""
    return any(
        matching(pattern, [violated]) or matching(violated, table().matching(pattern))
        for violated in defect.violated
        for pattern in by
    )


def test_every_row_with_clauses_has_a_defect_that_turns_one_of_them_red_or_says_why_not() -> None:
    planted = {row for row, by in proofs().items() if any(row in one.rows and proves(by, one) for _, one in DEFECTS)}
    excused = {
        (section, each["row"]) for section, rows in table().proofs().items() for each in rows if "unplanted" in each
    }
    assert {row for row, by in proofs().items() if by} - planted == excused


def test_every_row_that_a_defect_breaks_is_one_and_its_clauses_prove_it() -> None:
    known = proofs()
    assert [row for _, defect in DEFECTS for row in defect.rows if row not in known] == []
    unproved = [(defect.name, row) for _, defect in DEFECTS for row in defect.rows if not proves(known[row], defect)]
    assert unproved == []


def test_every_clause_that_turns_red_exists() -> None:
    """Those of a story of the tests alone are known once it is played."""
    own = {Path(sheet.story).stem for sheet in sheets() if sheet.story.startswith("data/")}
    clauses = [(defect.name, clause) for _, defect in DEFECTS for clause in defect.violated]
    named = [each for each in clauses if each[1].partition("::")[0] not in own | {"campaign"}]
    assert [each for each in named if not matching(each[1], table().known_ids())] == []


def test_names_are_told_apart() -> None:
    names = [defect.name for _, defect in DEFECTS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("sheet", "gate"), GATES, ids=IDS)
def test_each_defect_of_a_gate_has_a_clause_of_its_own(sheet: Sheet, gate: int) -> None:
    together = sheet.gates[gate]
    for defect in together:
        others = {clause for other in together if other is not defect for clause in other.violated}
        assert set(defect.violated) - others, defect.name


@pytest.mark.parametrize(("sheet", "gate"), GATES, ids=IDS)
def test_all_defects_of_a_gate_can_be_planted_in_the_files_as_they_are(tmp_path: Path, sheet: Sheet, gate: int) -> None:
    for name in {change.file for defect in sheet.gates[gate] for change in defect.changes}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for defect in sheet.gates[gate]:
        plant(tmp_path, defect)


def test_every_sheet_says_how_its_defects_are_shown() -> None:
    for sheet in sheets():
        assert bool(sheet.story) != bool(sheet.by)
        assert sheet.by in {"", "files", "virtual time"}
        assert not sheet.story or (HERE / sheet.story).is_file() or (ROOT / sheet.story).is_file()


def test_what_real_gateways_had_is_planted() -> None:
    assert {defect.gateways for _, defect in DEFECTS} - {""} == {
        "a literal placeholder label on the failure path",
        "labels filled on success only",
        "failure blamed on the fallback target",
        "an added label that breaks every series",
        "an abort counted as success",
        "client faults counted as upstream faults",
        "secrets in logs",
        "requests in flight that stay when their client leaves",
        "names that clients make up become series",
        "milliseconds in a metric of seconds",
        "the usage of answers that is never recorded",
    }


def test_every_promise_of_the_campaign_is_violated_by_a_defect_or_says_why_not() -> None:
    router = {clause for _, defect in DEFECTS for each in defect.violated for clause in matches(each)}
    tiny = {clause for sabotage in SABOTAGES.values() for clause in sabotage.violated} | {RECOVERY}
    assert promises({*table().known_ids()}) - promises(router | tiny) == set(unplanted())


def matches(pattern: str) -> set[str]:
    """The clauses that a pattern means; one of a story of the tests alone is itself."""
    return matching(pattern, table().known_ids()) or {pattern}


def promises(clauses: set[str]) -> set[str]:
    """``PLANE PROMISE`` of each clause, as the reference calls them."""
    parts = [clause.split("::") for clause in clauses if not clause.startswith("virtual::")]
    return {" ".join(name) for part in parts for name in entry_of(part[1], part[-1])}
