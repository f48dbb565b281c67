"""Defects that only long or rare stories show: exactly the verdicts change that the kept table of defects says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sabotage.defects import Sheet, sheets
from tests.sabotage.planting import differences, played

GATES = [(sheet, gate) for sheet in sheets() if sheet.nightly for gate in sheet.gates]


@pytest.mark.parametrize(("sheet", "gate"), GATES, ids=[f"{sheet.name} {gate}" for sheet, gate in GATES])
def test_exactly_these_verdicts_change(tmp_path: Path, sheet: Sheet, gate: int) -> None:
    defects = sheet.gates[gate]
    ended = played(tmp_path, sheet, defects)
    assert ended.code == 1, ended.out + ended.err
    found = differences(sheet, defects, ended)
    assert not found, "\n".join(found)
