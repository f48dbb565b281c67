"""Defects in rules and relabelling that no story shows: ``harness test`` notices exactly them.

Every alert has its own defect and its own verdict, and so has every example of discovery: they are planted together.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.integration.tiny.gates import ROOT, Gate, Home
from tests.sabotage.defects import plant, sheets

NOTICES = ("reaches", "yields to", "notices", "renders")
"""Verdicts on one alert that stand beside those on what its rule does."""
DEFECTS = tuple(each for sheet in sheets() if sheet.by == "virtual time" for each in sheet.defects)


def test_exactly_these_alerts_and_examples_turn_red(tmp_path: Path) -> None:
    for name in ("fixtures/llm_router", "scenarios"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for defect in DEFECTS:
        plant(tmp_path, defect)
    violated = _tested(tmp_path)
    expected = {clause: words for defect in DEFECTS for clause, words in defect.violated.items()}
    assert violated.keys() == expected.keys()
    assert {clause: told for clause, told in violated.items() if expected[clause] not in told} == {}


def _tested(folder: Path) -> dict[str, str]:
    """Conditions that are violated, by alert or example."""
    home = Home(folder / "home", measured=False)
    with Gate(home, ("harness.cli", "test", str(folder / "scenarios"), "--json"), home.bundles) as test:
        ended = test.end(within_s=60)
    assert ended.code == 1, ended.err
    found: dict[str, str] = {}
    for cell in json.loads(ended.out)["cells"]:
        if cell["verdict"] == "violated":
            own = cell["alert"].startswith("job ") or cell["condition"] in NOTICES
            named = cell["condition"] if own else "standard conditions"
            clause = f"virtual::{cell['alert']}::{named}"
            found[clause] = f"{found.get(clause, '')} {cell['condition']}".strip()
    return found
