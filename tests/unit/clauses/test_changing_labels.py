"""Labels that follow the value are told: with every change of one another alert begins."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.clauses.changing_labels import changing_labels
from harness.clauses.production import read_production
from harness.contract import load_campaign

TINY = Path(__file__).parents[3] / "fixtures" / "tiny"
LINE = (
    "production/rules.yml:4:9: the label severity of TinyFailing follows the value: when it changes, "
    "this alert is resolved, and another one begins its 20s of pending"
)


@pytest.mark.parametrize(
    ("severity", "lines"),
    [
        ("critical", ()),
        ('"{{ $labels.level }}"', ()),
        ('"{{ if gt $value 0.9 }}critical{{ else }}warning{{ end }}"', (LINE,)),
        ('"{{ .Value | printf `%.0f` }}"', (LINE,)),
    ],
)
def test_only_labels_that_follow_the_value_are_told(tmp_path: Path, severity: str, lines: tuple[str, ...]) -> None:
    folder = shutil.copytree(TINY, tmp_path / "tiny")
    rules = folder / "production" / "rules.yml"
    rules.write_text(rules.read_text().replace("severity: critical", f"severity: {severity}"))
    assert changing_labels(read_production(load_campaign([folder]))) == lines
