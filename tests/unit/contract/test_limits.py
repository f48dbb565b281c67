"""Faults that leave a process few descriptors: what a profile and a story may say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from tests.integration.tiny.gates import Story


def limited(folder: Path, value: str) -> Story:
    story = Story(folder / "tiny")
    story.replace("profile.yaml", ("faults:\n", "faults:\n  few: {limit: descriptors}\n"))
    return story.replace("failing.yaml", ("fault: {failures: 100%}", f"fault: {{few: {value}}}"))


def test_a_number_of_descriptors(tmp_path: Path) -> None:
    compile_campaign(load_campaign([limited(tmp_path, "12").folder]))


@pytest.mark.parametrize("value", ["0", "-3", "50%", "tiny-0", "1.5"])
def test_what_is_no_number_of_descriptors_is_told_where_it_stands(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="is no number of descriptors") as caught:
        compile_campaign(load_campaign([limited(tmp_path, value).folder]))
    assert "failing.yaml:6:" in str(caught.value)
    assert "few: 12" in str(caught.value)
