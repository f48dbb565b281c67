"""The log pipeline dies, live: a Filebeat and a way to Elasticsearch of the story's own, so that nobody else is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.tiny.gates import Ended, Home
from tests.integration.tiny.hops import shipping

HOPS = ("filebeat_killed::monitoring::filebeat", "elasticsearch_unreachable::monitoring::elasticsearch")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One gate over both stories, and one that ships its logs undisturbed beside them."""
    folder = tmp_path_factory.mktemp("pipeline")
    home, story = Home(folder / "home"), shipping(folder / "tiny")
    text = story.path("filebeat_killed.yaml").read_text()
    calm = text.replace("until: noticed, cut: {filebeat: forgotten}", "lasts: 4m").replace(
        "until: recovered", "lasts: 10s"
    )
    story.write("neighbour.yaml", calm)
    found = home.gate(story.folder, "-v")
    home.assert_clean(sorted(found.ports), within_s=0.5)
    return found


@pytest.mark.parametrize("hop", HOPS)
def test_the_death_of_the_pipeline_is_noticed_and_so_is_its_return(ended: Ended, hop: str) -> None:
    assert ended.verdicts[f"{hop}::noticed"] == "held", ended.out
    assert "chat was told by slack" in ended.words(f"{hop}::noticed")
    assert ended.verdicts[f"{hop}::recovers"] == "held", ended.out


@pytest.mark.parametrize("cell", ["filebeat_killed", "elasticsearch_unreachable", "neighbour"])
def test_every_line_arrives_once_in_the_end(ended: Ended, cell: str) -> None:
    assert ended.verdicts[f"{cell}::logs::requests::arrives"] == "held", ended.out


def test_what_was_sent_again_is_told_and_stored_once(ended: Ended) -> None:
    assert "events were sent again and found there" in ended.words("filebeat_killed::logs::requests::arrives")


def test_the_neighbour_ships_by_the_filebeat_of_the_campaign_and_is_told_of_nothing(ended: Ended) -> None:
    assert ended.verdicts["neighbour::alerts::others::do_not_page"] == "held"
    ready = {(e["cell"], e["component"]) for e in ended.events if e["event"] == "component_ready"}
    assert {cell for cell, part in ready if part == "filebeat"} == {
        "campaign", "filebeat_killed", "elasticsearch_unreachable",
    }  # fmt: skip


def test_an_exporter_runs_only_beside_what_it_reads(tmp_path: Path) -> None:
    """A story without logs starts neither the pipeline nor its exporter: there is nothing to tell of."""
    home, story = Home(tmp_path / "home"), shipping(tmp_path / "tiny", "none")
    story.write("calm.yaml", "harness: scenario/1\nstory: Nothing.\nphases:\n  - {name: idle, lasts: 10s}\n")
    found = home.gate(story.folder, "--clause", "calm::alerts::others::do_not_page")
    assert found.verdicts == {"calm::alerts::others::do_not_page": "held"}, found.out
    parts = {e["component"] for e in found.events if e["event"] == "component_ready"}
    assert parts == {"tiny-0", "prometheus", "alertmanager"}
    home.assert_clean(sorted(found.ports), within_s=0.5)
