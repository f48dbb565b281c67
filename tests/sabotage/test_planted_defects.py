"""Defects in the reference router: exactly the verdicts change that the kept table of defects says.

Defects that have nothing to do with each other are planted together: each violates its own clauses, and every other
clause is held, so that one gate shows what a gate for each would show.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sabotage.defects import Sheet, sheets
from tests.sabotage.planting import differences, played

GATES = [
    pytest.param(sheet, gate, id=f"{sheet.name} {gate}", marks=[pytest.mark.nightly] if sheet.nightly else [])
    for sheet in sheets()
    if sheet.story
    for gate in sheet.gates
]


@pytest.mark.parametrize(("sheet", "gate"), GATES)
def test_exactly_these_verdicts_change(tmp_path: Path, sheet: Sheet, gate: int) -> None:
    defects = sheet.gates[gate]
    ended = played(tmp_path, sheet, defects)
    assert ended.code == 1, ended.out + ended.err
    found = differences(sheet, defects, ended)
    assert not found, "\n".join(found)
