"""The tiny subject through the whole stack: what a gate says, keeps and leaves, and that it says the same again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.tiny.gates import Ended, Home, Story

PARTS = ("elasticsearch", "filebeat", "generator", "tiny-0", "prometheus", "alertmanager")


def test_every_clause_holds_and_the_bundle_is_named_last(kept: Ended, tiny: Story) -> None:
    assert kept.code == 0, kept.out + kept.err
    assert set(kept.verdicts.values()) == {"held"}
    assert set(kept.verdicts) == tiny.clauses()
    assert kept.out.splitlines()[-1] == str(kept.bundle)
    assert kept.err == ""


def test_a_cell_that_keeps_its_promises_is_not_held(kept: Ended) -> None:
    assert not any(event["event"] == "cell_held" for event in kept.events)


def test_readiness_is_told_per_component(kept: Ended) -> None:
    for part in PARTS:
        told = [line for line in kept.out.splitlines() if f"{part} " in line and "ready after" in line]
        assert len(told) == 1, part
    ready = {event["component"]: event for event in kept.events if event["event"] == "component_ready"}
    assert set(ready) == set(PARTS)
    assert all(0 < event["took_s"] < 30 for event in ready.values())


def test_the_causal_chain_is_told_in_order(kept: Ended) -> None:
    hops = sorted((event["t"], event["hop"]) for event in kept.events if event["event"] == "hop_seen")
    told = ["fault", "pending", "firing", "receiver", "healed", "resolved"]
    assert [hop for _, hop in hops if hop in told] == told
    assert {"metric", "log", "health", "alertmanager"} <= {hop for _, hop in hops}  # asked for now and then


def test_the_bundle_gives_the_same_verdicts_with_nothing_started(kept: Ended, home: Home) -> None:
    again = home.run("replay", "-v", kept.bundle)
    assert again.code == 0, again.err
    assert verdict_lines(again) == verdict_lines(kept) != []
    assert list(home.state.iterdir()) == []  # whoever starts a process keeps a record of it there


def verdict_lines(ended: Ended) -> list[str]:
    return [line for line in ended.out.splitlines() if line.partition(" ")[0] in {"held", "violated", "inconclusive"}]


def test_pytest_agrees_verdict_for_verdict(kept: Ended, home: Home, tiny: Story) -> None:
    with home.pytest(tiny.folder, "-v") as session:
        ended = session.end(60)
    assert ended.code == 0, ended.out + ended.err
    assert ended.verdicts == kept.verdicts
    assert len([line for line in ended.out.splitlines() if " PASSED " in line]) == len(kept.verdicts)
    home.assert_clean(sorted(ended.ports))


def test_pytest_ended_by_ctrl_c_leaves_nothing(home: Home, lasting: Story) -> None:
    with home.pytest(lasting.folder) as session:
        session.until_event("phase_started", phase="failing")
        session.interrupt()
        ended = session.end()
    assert ended.code == 2, ended.out  # pytest's own for an interrupt
    assert "KeyboardInterrupt" in ended.out
    home.assert_clean(sorted(ended.ports))


def test_two_gates_at_once_share_nothing(home: Home, tmp_path: Path) -> None:
    folders = [Story(tmp_path / name).folder for name in ("first", "second")]
    with (
        home.start(folders[0], bundles=home.bundles / "1") as one,
        home.start(folders[1], bundles=home.bundles / "2") as two,
    ):
        ended = one.end(60), two.end(60)
    assert [gate.code for gate in ended] == [0, 0], ended[0].out + ended[1].out
    assert not ended[0].ports & ended[1].ports
    home.assert_clean(sorted(ended[0].ports | ended[1].ports))


def test_a_speed_that_the_machine_allows_is_chosen_told_and_kept(home: Home, tiny: Story) -> None:
    tiny.write("campaign.yaml", tiny.path("campaign.yaml").read_text() + "speed: auto\n")
    tiny.write("calm.yaml", "harness: scenario/1\nstory: Nothing.\nphases:\n  - {name: idle, lasts: 20s}\n")
    ended = home.gate(tiny.folder, "--clause", "calm::alerts::others::do_not_page")
    assert ended.verdicts == {"calm::alerts::others::do_not_page": "held"}, ended.out
    speed = next(event["speed"] for event in ended.events if event["event"] == "campaign_started")
    assert 1 <= speed <= 60
    assert f"speed auto: {speed:g} (the machine woke up to " in ended.out
    assert [json.loads(line)["speed"] for line in ended.lines("records/cell_started.ndjson")] == [speed]
    home.assert_clean(sorted(ended.ports), within_s=0.5)
