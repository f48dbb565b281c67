"""What a bundle keeps of the files is enough to load the campaign again."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.contract import load_campaign
from harness.run.inputs import copy_inputs

INPUTS = Path(__file__).parent / "data" / "tiny" / "inputs"


def test_a_listed_story_that_was_not_asked_for_does_not_hinder_the_replay(tmp_path: Path) -> None:
    folder = shutil.copytree(INPUTS, tmp_path / "shop")
    (folder / "more").mkdir()
    shutil.copyfile(folder / "failing.yaml", folder / "more" / "other.yaml")
    with (folder / "campaign.yaml").open("a", encoding="utf-8") as file:
        file.write("scenarios: [failing.yaml, more/other.yaml]\n")
    asked = load_campaign([folder / "failing.yaml"])
    paths = copy_inputs(asked, tmp_path / "bundle")
    shutil.rmtree(folder)
    again = load_campaign([tmp_path / "bundle" / "inputs" / path for path in paths])
    assert [scenario.name for scenario in again.scenarios] == ["failing"]
    assert again.contract == asked.contract
    assert [str(item.source) for item in again.scenarios[0].expectations] == [
        str(item.source) for item in asked.scenarios[0].expectations
    ]
