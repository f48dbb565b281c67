"""What a campaign recorded at speed 60, run again at speed 1 in virtual time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.virtual.replayed import virtual_timeline

RECORDED = Path(__file__).parents[2] / "unit" / "replay" / "data" / "tiny"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RECORDED, tmp_path / "bundle"))


def test_compressed_and_virtual_time_give_the_same_instants(promtool: Path) -> None:
    (told,) = virtual_timeline(RECORDED, promtool)
    assert (told.cell, told.alert) == ("failing", "TinyFailing")
    assert told.tolerance_s == 20.0, "a scrape and an evaluation"
    assert len(told.differences_s) == 3
    assert told.agrees, told


@pytest.mark.parametrize(("before", "after"), [("for: 20s", "for: 60s"), ("[40s]", "[4m]"), ("> 0.1", "> 0.9")])
def test_a_rule_that_is_not_the_one_that_ran_does_not_agree(
    bundle: Path, promtool: Path, before: str, after: str
) -> None:
    rules = bundle / "inputs" / "production" / "rules.yml"
    rules.write_text(rules.read_text().replace(before, after))
    (told,) = virtual_timeline(bundle, promtool)
    assert not told.agrees, told


def test_a_story_that_ties_no_counter_to_requests_cannot_be_retold(bundle: Path, promtool: Path) -> None:
    story = bundle / "inputs" / "failing.yaml"
    kept = [line for line in story.read_text().splitlines() if "tiny_failures_total" not in line]
    story.write_text("\n".join(kept) + "\n")
    with pytest.raises(HarnessError, match="no alert of this bundle can be retold"):
        virtual_timeline(bundle, promtool)


def test_a_bundle_without_its_campaign_is_an_error(bundle: Path, promtool: Path) -> None:
    (bundle / "inputs" / "campaign.yaml").unlink()
    with pytest.raises(HarnessError, match="holds no campaign file"):
        virtual_timeline(bundle, promtool)
