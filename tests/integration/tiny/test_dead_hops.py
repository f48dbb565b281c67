"""Every hop of the monitoring dies, live: who notices, by which way; and afterwards all is as before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.tiny.gates import Ended, Home
from tests.integration.tiny.hops import watched

HOPS = {
    "scrape_cut::monitoring::scrape": "chat was told by slack",
    "prometheus_killed::monitoring::prometheus": "the dead man's switch behind watchdog had heard nothing for 3m",
    "alertmanager_killed::monitoring::alertmanager": "the dead man's switch behind watchdog had heard nothing for 3m",
    "rules_failing::monitoring::rules": "chat was told by slack",
    "mail_refused::monitoring::email": "chat was told by slack",
    "chat_refused::monitoring::slack": "mail was told by email",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One gate over all stories that cut a hop."""
    folder = tmp_path_factory.mktemp("hops")
    home = Home(folder / "home")
    found = home.gate(watched(folder / "tiny").folder, "-v")
    home.assert_clean(sorted(found.ports), within_s=0.5)
    return found


def test_everything_that_is_promised_holds_though_parts_of_the_stack_died(ended: Ended) -> None:
    assert ended.code == 0, ended.out + ended.err
    assert set(ended.verdicts.values()) == {"held"}


@pytest.mark.parametrize("hop", HOPS)
def test_the_death_of_a_hop_is_noticed_by_a_living_way_and_so_is_its_return(ended: Ended, hop: str) -> None:
    assert HOPS[hop] in ended.words(f"{hop}::noticed")
    assert "was seen alive again" in ended.words(f"{hop}::recovers")


def records(ended: Ended, kind: str, cell: str) -> list[dict[str, Any]]:
    lines = map(json.loads, ended.lines(f"records/{kind}.ndjson"))
    return [line for line in lines if line["cell"] == cell]


def test_a_refused_delivery_has_told_nobody(ended: Ended) -> None:
    """While mail is refused no mail is a notification, though one was to be delivered: that confirmed the cut."""
    cut = {r["action"]: r for r in records(ended, "fault", "mail_refused") if r["fault"] == "cut email"}
    assert cut["confirm"]["detail"] == "a delivery by email was refused"
    dead = [n for n in records(ended, "notification", "mail_refused") if cut["inject"]["t"] < n["t"] < cut["heal"]["t"]]
    assert {n["integration"] for n in dead} == {"slack", "webhook"}


def test_the_alarm_of_the_dead_mans_switch_is_evidence(ended: Ended) -> None:
    for cell in ("prometheus_killed", "alertmanager_killed"):
        (alarm,) = records(ended, "silence", cell)
        assert (alarm["alert"], alarm["receiver"]) == ("Watchdog", "watchdog")


def test_only_the_story_that_disturbs_a_way_has_a_proxy(ended: Ended) -> None:
    assert ended.bundle is not None
    found = {log.parent.name for log in (ended.bundle / "logs").glob("*/toxiproxy.log")}
    assert found == {"scrape_cut"}


def test_a_way_to_alertmanager_that_is_down_is_missed_by_the_switch(tmp_path: Path) -> None:
    """Alertmanager lives and repeats for a while what it was last told."""
    home, story = Home(tmp_path / "home"), watched(tmp_path / "tiny", "alertmanager_killed")
    story.replace("alertmanager_killed.yaml", ("alertmanager: killed", "alertmanager: down"))
    hop = "alertmanager_killed::monitoring::alertmanager::"
    found = home.gate(story.folder, "--clause", f"{hop}noticed", "--clause", f"{hop}recovers")
    assert found.verdicts == {f"{hop}noticed": "held", f"{hop}recovers": "held"}, found.out
    home.assert_clean(sorted(found.ports), within_s=0.5)


def test_one_clause_of_a_hop_plays_its_story_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    clause = "alertmanager_killed::monitoring::alertmanager::noticed"
    found = home.gate(watched(tmp_path / "tiny").folder, "--clause", clause)
    assert found.verdicts == {clause: "held"}, found.out
    cells = {event["cell"] for event in found.events if event["event"] == "component_ready"}
    assert cells == {"alertmanager_killed"}
    home.assert_clean(sorted(found.ports), within_s=0.5)
