"""Whatever ends a gate before its time: what was seen is told, and nothing of it is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.integration.tiny.gates import Ended, Gate, Home, Story

Moment = Callable[[Gate], None]


def _at_once(gate: Gate) -> None:
    gate.until(lambda gate: gate.bundle and (gate.bundle / "campaign.pid").exists())


def _during_start(gate: Gate) -> None:
    gate.until(lambda gate: any(b"failing/prometheus" in path.read_bytes() for path in gate.home.state.glob("run-*")))


def _in_phase(name: str) -> Moment:
    return lambda gate: gate.until_event("phase_started", phase=name)


def _settling(gate: Gate) -> None:
    gate.until_event("phase_ended", phase="recovery")


MOMENTS: dict[str, Moment] = {
    "compiling": _at_once,
    "starting": _during_start,
    "baseline": _in_phase("baseline"),
    "fault": _in_phase("failing"),
    "recovery": _in_phase("recovery"),
    "settling": _settling,
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_ctrl_c_judges_what_was_seen_and_leaves_nothing(home: Home, tiny: Story, moment: Moment) -> None:
    with home.start(tiny.folder) as gate:
        moment(gate)
        gate.interrupt()
        ended = gate.end()
    assert ended.code == 4, ended.out + ended.err
    assert set(ended.verdicts.values()) <= {"held", "inconclusive"}
    assert len(ended.verdicts) == 32
    assert ended.out.splitlines()[-1] == str(ended.bundle)
    assert "cancelling" in ended.err
    assert "Traceback" not in ended.out + ended.err
    home.assert_clean(sorted(ended.ports))


def test_a_second_ctrl_c_ends_it_at_once(home: Home, tiny: Story) -> None:
    with home.start(tiny.folder) as gate:
        gate.until_event("phase_started", phase="failing")
        gate.interrupt()
        gate.until(lambda gate: "cancelling" in gate.said())
        gate.interrupt()
        ended = gate.end()
    assert ended.code in {130, 4}  # 4: it had ended in good order before the second one came
    home.assert_clean(sorted(ended.ports))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_ended_terminal_or_a_service_manager_cancels_too(home: Home, tiny: Story, number: signal.Signals) -> None:
    with home.start(tiny.folder) as gate:
        gate.until_event("phase_started", phase="failing")
        gate.process.send_signal(number)
        ended = gate.end()
    assert ended.code == 4
    home.assert_clean(sorted(ended.ports))


def test_a_killed_campaign_is_reported_and_takes_everything_along(home: Home, tiny: Story) -> None:
    with home.start(tiny.folder) as gate:
        gate.until_event("phase_started", phase="failing")
        gate.kill("campaign")
        ended = gate.end()
    assert ended.code == 2
    assert "the campaign process ended with exit code -9 before its verdicts" in ended.out + ended.err
    home.assert_clean(sorted(ended.ports))


def test_a_killed_campaign_that_had_started_nothing_leaves_nothing(home: Home, tiny: Story) -> None:
    with home.start(tiny.folder) as gate:
        _at_once(gate)
        assert gate.bundle is not None
        os.kill(int((gate.bundle / "campaign.pid").read_text()), signal.SIGKILL)
        ended = gate.end()
    assert ended.code == 2
    home.assert_clean(sorted(ended.ports))


def test_a_killed_warden_is_named(home: Home, tiny: Story) -> None:
    with home.start(tiny.folder) as gate:
        gate.until_event("hop_seen", hop="pending")
        gate.kill("warden")
        ended = gate.end()
    _assert_cut_short(ended, "warden")
    home.assert_clean(sorted(ended.ports))


def _assert_cut_short(ended: Ended, name: str) -> None:
    assert ended.code == 4, ended.out + ended.err
    assert set(ended.verdicts.values()) == {"held", "inconclusive"}
    for clause in ended.of("inconclusive"):
        assert name in ended.words(clause), ended.words(clause)


@pytest.mark.parametrize("phase", ["failing", None])
def test_a_killed_front_takes_everything_along(home: Home, tiny: Story, phase: str | None) -> None:
    with home.start(tiny.folder) as gate:
        if phase:
            gate.until_event("phase_started", phase=phase)
        else:
            _at_once(gate)
        gate.process.kill()
        gate.process.wait()
        home.assert_clean()


STACK = {
    "failing/prometheus": "prometheus",
    "failing/alertmanager": "alertmanager",
    "campaign/elasticsearch": "elasticsearch",
    "campaign/filebeat": "filebeat",
    "campaign/generator": "generator",
}


@pytest.mark.parametrize("id", STACK)
def test_a_part_that_is_killed_leaves_what_was_decided_and_is_named(home: Home, tiny: Story, id: str) -> None:
    with home.start(tiny.folder) as gate:
        gate.until_event("hop_seen", hop="pending")
        gate.kill(id)
        ended = gate.end()
    _assert_cut_short(ended, STACK[id])
    assert ended.verdicts["failing::alerts::TinyFailing::pends"] == "held"
    assert ended.verdicts["failing::alerts::TinyFailing::resolves"] == "inconclusive"
    told = next(event for event in ended.events if event["event"] == "component_ended" and not event["expected"])
    assert (told["component"], told["exit_code"]) == (STACK[id], -9)
    home.assert_clean(sorted(ended.ports))


def test_a_subject_that_is_killed_violates_stays_up(home: Home, tiny: Story) -> None:
    with home.start(tiny.folder) as gate:
        gate.until_event("hop_seen", hop="pending")
        gate.kill("failing/tiny-0")
        ended = gate.end()
    assert ended.code == 1, ended.out + ended.err
    assert ended.of("violated") == {"failing::subject::tiny-0::stays_up"}
    assert "ended by a signal though nobody asked it to" in ended.words("failing::subject::tiny-0::stays_up")
    home.assert_clean(sorted(ended.ports))


@pytest.mark.parametrize("id", ["failing/tiny-0", "failing/prometheus", "campaign/elasticsearch"])
def test_a_part_that_is_killed_before_it_is_ready_is_named(home: Home, tiny: Story, id: str) -> None:
    with home.start(tiny.folder) as gate:
        gate.until(lambda gate: any(id.encode() in path.read_bytes() for path in home.state.glob("run-*")))
        gate.kill(id)
        ended = gate.end()
    assert ended.code in {1, 4}
    assert id.partition("/")[2] in ended.out
    assert "held" not in ended.verdicts.values()
    home.assert_clean(sorted(ended.ports))
