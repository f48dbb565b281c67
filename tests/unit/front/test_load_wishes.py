"""What a command line asks of ``harness load`` as a story: what is taken from another, and what does not add up."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.front.offering import LoadWish, offered_story, search_of


@pytest.fixture(scope="module")
def tiny() -> Campaign:
    return load_campaign([Path("fixtures/tiny")])


def written(campaign: Campaign, **wish: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(offered_story(campaign, LoadWish(**wish)))
    return document


def test_a_rate_and_a_mix_make_a_story(tiny: Campaign) -> None:
    document = written(tiny, rate="2/s", mix={"work": 1.0}, lasts="3m")
    assert document["phases"] == [{"name": "load", "lasts": "3m", "load": {"rate": "2/s", "mix": {"work": 1.0}}}]
    assert document["thresholds"] == ["failed < 1%"]
    assert document["expect"] == [
        {"log requests": {}},
        {"metric sum(tiny_requests_total)": {"counts": "one per work"}},
        {"metric sum(tiny_request_seconds_count)": {"counts": "one per request"}},
    ]


def test_a_search_takes_load_and_limits_of_a_story(tiny: Campaign) -> None:
    document = written(tiny, story="failing", find_limit=True, steps=3, thresholds=["failed < 5%"])
    assert [phase["name"] for phase in document["phases"]] == ["step 1", "step 2", "step 3"]
    assert document["phases"][0]["load"] == {"rate": "0.5/s", "mix": {"work": 1}}
    assert document["thresholds"] == [
        "failed < 5%",
        "response p95 of work < 500ms wall",
        "goodput > 95% of requests",
    ]
    search = search_of(tiny, LoadWish(story="failing", find_limit=True, steps=3, at_most="30/m"))
    assert search == {"first_per_s": 0.5, "steps": 3, "most_per_s": 0.5}
    assert search_of(tiny, LoadWish(story="failing")) is None


def test_speed_and_instances_of_the_story_stay(tiny: Campaign) -> None:
    story = tiny.scenarios[0]
    spec = story.spec.model_copy(update={"speed": 20.0, "instances": 2})
    other = replace(tiny, scenarios=(replace(story, spec=spec),))
    document = written(other, story="failing", rate="1/s")
    assert (document["speed"], document["instances"]) == (20.0, 2)


@pytest.mark.parametrize(
    ("wish", "problem", "remedy"),
    [
        ({"rate": "1/s"}, "it is not said what to send", "known: work"),
        ({"mix": {"work": 1.0}}, "it is not said how much to send", "give --rate"),
        ({"story": "failin", "rate": "1/s"}, "there is no story 'failin'", "did you mean 'failing'?"),
        ({"story": "failing", "find_limit": True, "rate": "3"}, "'3' is not a rate", "0.5/s"),
        ({"story": "failing", "find_limit": True, "at_most": "1/s x"}, "'x' is not understood here", "0.5/s"),
        ({"story": "failing", "find_limit": True, "steps": 0}, "a search takes 1 to 100 steps", "--steps"),
        ({"story": "failing", "find_limit": True, "at_most": "0.1/s"}, "the first rate must be", "--rate"),
    ],
)
def test_what_does_not_add_up_is_refused(tiny: Campaign, wish: dict[str, Any], problem: str, remedy: str) -> None:
    refuse = search_of if wish.get("find_limit") else offered_story
    with pytest.raises(ConfigError, match=re.escape(problem)) as caught:
        refuse(tiny, LoadWish(**wish))
    assert remedy in caught.value.remedy


def test_a_story_without_load_cannot_lend_it(tiny: Campaign) -> None:
    story = tiny.scenarios[0]
    phases = [phase.model_copy(update={"load": None}) for phase in story.phases]
    silent = replace(story, spec=story.spec.model_copy(update={"phases": phases}))
    with pytest.raises(ConfigError, match="the story failing has no load"):
        offered_story(replace(tiny, scenarios=(silent,)), LoadWish(story="failing"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--mix", "wrk=1", "--rate", "1/s"], "offered_load.yaml:9:7: there is no request kind 'wrk'"),
        (["--mix", "work=1", "--rate", "1"], "offered_load.yaml:7:11: phases.0.load.rate: a rate is written"),
        (["--story", "failing", "--threshold", "respons p95 < 1s"], "nothing that a threshold can be on"),
        (["--story", "nowhere"], "there is no story 'nowhere'"),
        (["--story", "failing", "--for", "5", "--rate", "1/s"], "is not a duration"),
    ],
)
def test_the_command_line_tells_place_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["load", "fixtures/tiny", "--bundle-dir", str(tmp_path), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_mix_is_kinds_with_weights(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["load", "fixtures/tiny", "--mix", "work=much"])
    assert "'work=much' is not KIND=WEIGHT" in capsys.readouterr().err
