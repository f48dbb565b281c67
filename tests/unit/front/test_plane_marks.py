"""pytest knows a mark for every plane: with strict markers an unknown one would be an error of each of its clauses."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.contract import load_campaign
from harness.pytest_plugin import _PLANES

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["scenarios/nightly.yaml", "scenarios/campaign.yaml", "fixtures/tiny"])
def test_every_plane_has_a_mark(name: str) -> None:
    assert {clause.plane for clause in compile_campaign(load_campaign([ROOT / name]))} <= set(_PLANES)
