"""What a bundle keeps of the files is enough to load the campaign again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import orjson

from harness.clauses.replay import replay
from harness.contract import load_campaign
from harness.core.events import ClauseJudged
from harness.run.inputs import copy_inputs

DATA = Path(__file__).parent / "data" / "tiny"
INPUTS = DATA / "inputs"


def test_a_story_is_replayed_without_its_siblings_from_other_folders(tmp_path: Path) -> None:
    """Neither another name of the campaign file nor stories that were not asked for hinder the replay."""
    inputs = shutil.copytree(INPUTS, tmp_path / "shop")
    (inputs / "stories").mkdir()
    shutil.copyfile(inputs / "failing.yaml", inputs / "stories" / "other.yaml")
    (inputs / "failing.yaml").rename(inputs / "stories" / "failing.yaml")
    (inputs / "campaign.yaml").rename(inputs / "nightly.yaml")
    with (inputs / "nightly.yaml").open("a", encoding="utf-8") as file:
        file.write("scenarios: [stories/failing.yaml, stories/other.yaml]\n")
    loaded = load_campaign([inputs / "nightly.yaml"])
    asked = replace(loaded, scenarios=loaded.scenarios[:1])
    folder = shutil.copytree(DATA, tmp_path / "bundle", ignore=shutil.ignore_patterns("inputs"))
    paths = copy_inputs(asked, folder)
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    manifest |= {"file": asked.shown(asked.file), "paths": list(paths)}
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))
    shutil.rmtree(inputs)
    judged = [event for event in replay(folder) if isinstance(event, ClauseJudged)]
    assert [event.clause for event in judged] == manifest["clauses"]
    assert {event.verdict for event in judged} == {"held"}
    assert {event.source.split(":")[0] for event in judged} == {"stories/failing.yaml", "contract.yaml", "profile.yaml"}
