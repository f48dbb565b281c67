"""Several stories on one stack: each starts when there is room, and none is disturbed by what befalls another."""

from __future__ import annotations

import pytest

from tests.integration.tiny.gates import Ended, Gate, Home, Story

LATER = """\
harness: scenario/1
story: A little work is done and written down.
phases:
  - {name: working, lasts: 1m, load: {rate: 0.5/s, mix: {work: 1}}}
expect:
  - log requests: {events: one per work}
  - load: {all_answered: true}
"""


@pytest.fixture
def two(tiny: Story) -> Story:
    tiny.write("later.yaml", LATER)
    return tiny.replace("campaign.yaml", ("contract: contract.yaml\n", "contract: contract.yaml\nside_by_side: 1\n"))


def _at(ended: Ended, kind: str, cell: str) -> float:
    return next(float(event["t"]) for event in ended.events if event["event"] == kind and event["cell"] == cell)


def test_the_next_story_starts_when_there_is_room_and_its_logs_arrive(home: Home, two: Story) -> None:
    ended = home.gate(two.folder, within_s=180.0)
    assert ended.code == 0, ended.out + ended.err
    assert _at(ended, "phase_started", "later") > _at(ended, "phase_ended", "failing"), "the longest comes first"
    assert ended.verdicts["later::logs::requests::one_per_work"] == "held"
    ready = [event["component"] for event in ended.events if event["event"] == "component_ready"]
    assert ready.count("elasticsearch") == ready.count("filebeat") == ready.count("generator") == 1
    home.assert_clean(sorted(ended.ports))


def _in_fault(gate: Gate) -> None:
    gate.until_event("phase_started", phase="failing")


def _starting(gate: Gate) -> None:
    gate.until(lambda gate: any(b"failing/tiny-0" in path.read_bytes() for path in gate.home.state.glob("run-*")))


@pytest.mark.parametrize("moment", [_in_fault, _starting])
@pytest.mark.parametrize("id", ["failing/prometheus", "failing/tiny-0"])
def test_a_cell_that_loses_a_part_leaves_the_others_alone(home: Home, two: Story, moment: object, id: str) -> None:
    assert callable(moment)
    home.measured = id == "failing/prometheus"
    if moment is _starting:
        two.without_pipeline()
    with home.start(two.folder) as gate:
        moment(gate)
        gate.until(lambda gate: any(id.encode() in path.read_bytes() for path in gate.home.state.glob("run-*")))
        gate.kill(id)
        ended = gate.end(180.0)
    assert ended.code in {1, 4}, ended.out + ended.err
    later = {clause: verdict for clause, verdict in ended.verdicts.items() if clause.startswith("later::")}
    assert set(later.values()) == {"held"}, later
    assert ended.verdicts["failing::alerts::TinyFailing::resolves"] == "inconclusive"
    home.assert_clean(sorted(ended.ports))


def test_only_what_is_selected_is_started(home: Home, two: Story) -> None:
    ended = home.gate(two.folder, "-k", "later and all_answered")
    assert ended.code == 0, ended.out + ended.err
    ready = {(event["cell"], event["component"]) for event in ended.events if event["event"] == "component_ready"}
    assert ready == {("later", "tiny-0"), ("campaign", "generator")}
    home.assert_clean(sorted(ended.ports))
