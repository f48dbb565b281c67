"""Every alert has a story in which it fires and one in which it stays quiet; what is missing is told or demanded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.clauses.alert_places import alert_gaps
from harness.clauses.compiled import compile_campaign
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.store import Evidence

TINY = Path("fixtures/tiny")
QUIET = """\
harness: scenario/1
story: Nothing happens.
phases: [{name: baseline, lasts: 10m, load: {rate: 0.5/s, mix: {work: 1}}}]
quiet: all
"""
DEMAND = "coverage: {require: [alerts fire, alerts stay quiet]}\n"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    return folder


def demand(folder: Path) -> None:
    with (folder / "contract.yaml").open("a", encoding="utf-8") as contract:
        contract.write(DEMAND)


def gaps(*paths: Path) -> tuple[str, ...]:
    campaign = load_campaign(paths)
    return alert_gaps(campaign, compile_campaign(campaign))


def verdicts(*paths: Path) -> dict[str, str]:
    """Of the clauses that a contract demands of all stories: verdict and message."""
    demanded = [c for c in compile_campaign(load_campaign(paths)) if c.promise.endswith("_in_a_story")]
    judged = {clause.promise: clause.judge(Evidence([])) for clause in demanded}
    return {promise: " ".join([it.verdict, it.message, *it.details]) for promise, it in judged.items()}


def test_an_alert_that_no_story_shows_quiet_is_told(tiny: Path) -> None:
    assert gaps(tiny) == ("no story shows that these alerts stay quiet: TinyFailing",)
    (tiny / "quiet.yaml").write_text(QUIET)
    assert gaps(tiny) == ()


def test_a_story_that_is_too_short_for_an_alert_does_not_show_it_quiet(tiny: Path) -> None:
    (tiny / "quiet.yaml").write_text(QUIET.replace("10m", "20s"))
    assert gaps(tiny) == ("no story shows that these alerts stay quiet: TinyFailing",)


def test_an_alert_that_no_story_makes_fire_is_told(tiny: Path) -> None:
    (tiny / "quiet.yaml").write_text(QUIET)
    (tiny / "failing.yaml").unlink()
    assert gaps(tiny) == ("no story makes these alerts fire: TinyFailing",)


def test_some_stories_of_a_campaign_show_nothing_of_the_whole(tiny: Path) -> None:
    demand(tiny)
    (tiny / "quiet.yaml").write_text(QUIET)
    assert gaps(tiny / "quiet.yaml") == ()
    assert verdicts(tiny / "quiet.yaml") == {}


def test_a_watchdog_is_left_out(tiny: Path) -> None:
    contract = tiny / "contract.yaml"
    contract.write_text(contract.read_text().replace("    fires_in: failing\n", "    always: true\n"))
    assert gaps(tiny) == ()


def test_what_the_contract_demands_is_judged(tiny: Path) -> None:
    demand(tiny)
    assert verdicts(tiny) == {
        "fires_in_a_story": "held by failing",
        "stays_quiet_in_a_story": "violated by no story of the campaign",
    }
    (tiny / "quiet.yaml").write_text(QUIET)
    assert verdicts(tiny)["stays_quiet_in_a_story"] == "held by quiet"


def test_without_a_demand_nothing_is_judged(tiny: Path) -> None:
    assert verdicts(tiny) == {}


def test_a_story_that_is_named_but_not_listed_is_named_with_the_gap(tiny: Path) -> None:
    demand(tiny)
    (tiny / "quiet.yaml").write_text(QUIET)
    (tiny / "failing.yaml").unlink()
    assert verdicts(tiny)["fires_in_a_story"] == (
        "violated by no story of the campaign it is said to fire in failing, which the campaign does not list"
    )


def test_a_named_story_that_does_not_expect_the_alert_is_an_error_with_its_place(tiny: Path) -> None:
    (tiny / "quiet.yaml").write_text(QUIET)
    contract = tiny / "contract.yaml"
    contract.write_text(contract.read_text().replace("fires_in: failing", "fires_in: [failing, quiet]"))
    with pytest.raises(ConfigError, match="TinyFailing is said to fire in quiet, which does not expect it") as caught:
        compile_campaign(load_campaign([tiny]))
    assert caught.value.location is not None
    assert caught.value.location.line == contract.read_text().partition("fires_in")[0].count("\n") + 1
    assert "quiet.yaml" in str(caught.value)
