"""Whatever ends a gate before its time: what was seen is told, and nothing of it is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

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
    """What has been written must become searchable, and does not: the shipper sleeps."""
    gate.until_event("phase_started", phase="baseline")
    os.kill(gate.pid_of("campaign/filebeat"), signal.SIGSTOP)
    gate.until_event("phase_ended", phase="recovery")


MOMENTS: dict[str, Moment] = {
    "compiling": _at_once,
    "starting": _during_start,
    "baseline": _in_phase("baseline"),
    "fault": _in_phase("failing"),
    "recovery": _in_phase("recovery"),
    "settling": _settling,
}


MEASURED = {"compiling", "starting", "fault", "settling", signal.SIGTERM, "failing/prometheus", "campaign/generator"}
"""Coverage follows these; the others go the same ways through the code, and are done in two thirds of the time."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_judges_what_was_seen_and_leaves_nothing(home: Home, tiny: Story, moment: str) -> None:
    home.measured = moment in MEASURED
    if moment == "recovery":
        tiny.replace("failing.yaml", ("{name: recovery, until: all resolved,", "{name: recovery, lasts: 30m,"))
    elif moment != "settling":
        tiny.make_lasting()
    if moment in {"baseline", "fault"}:
        tiny.without_pipeline()
    with home.start(tiny.folder) as gate:
        MOMENTS[moment](gate)
        gate.interrupt()
        ended = gate.end()
    assert ended.code == 4, ended.out + ended.err
    assert set(ended.verdicts.values()) <= {"held", "inconclusive"}
    assert set(ended.verdicts) == tiny.clauses()
    assert ended.out.splitlines()[-1] == str(ended.bundle)
    assert "cancelling" in ended.err
    assert "Traceback" not in ended.out + ended.err
    home.assert_clean(sorted(ended.ports))


def test_a_second_ctrl_c_ends_it_at_once(home: Home, monitored: Story) -> None:
    with home.start(monitored.folder) as gate:
        gate.until_event("phase_started", phase="failing")
        gate.interrupt()
        gate.until(lambda gate: "cancelling" in gate.said())
        gate.interrupt()
        ended = gate.end()
    assert ended.code in {130, 4}  # 4: it had ended in good order before the second one came
    home.assert_clean(sorted(ended.ports))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_ended_terminal_or_a_service_manager_cancels_too(
    home: Home, monitored: Story, number: signal.Signals
) -> None:
    home.measured = number in MEASURED
    with home.start(monitored.folder) as gate:
        gate.until_event("phase_started", phase="failing")
        gate.process.send_signal(number)
        ended = gate.end()
    assert ended.code == 4
    home.assert_clean(sorted(ended.ports))


def test_a_killed_campaign_is_reported_and_takes_everything_along(home: Home, lasting: Story) -> None:
    with home.start(lasting.folder) as gate:
        gate.until_event("phase_started", phase="failing")
        gate.kill("campaign")
        ended = gate.end()
    assert ended.code == 2
    assert "the campaign process ended with exit code -9 before its verdicts" in ended.out + ended.err
    home.assert_clean(sorted(ended.ports))


def test_a_killed_campaign_that_had_started_nothing_leaves_nothing(home: Home, lasting: Story) -> None:
    with home.start(lasting.folder) as gate:
        _at_once(gate)
        assert gate.bundle is not None
        os.kill(int((gate.bundle / "campaign.pid").read_text()), signal.SIGKILL)
        ended = gate.end()
    assert ended.code == 2
    home.assert_clean(sorted(ended.ports))


def test_a_killed_warden_is_named(home: Home, lasting: Story) -> None:
    with home.start(lasting.folder) as gate:
        gate.until_event("hop_seen", hop="pending")
        gate.kill("warden")
        ended = gate.end()
    _assert_cut_short(ended, "warden")
    home.assert_clean(sorted(ended.ports))


def test_what_sigkill_of_campaign_and_warden_left_is_swept_by_the_next_gate(
    home: Home, lasting: Story, tmp_path: Path
) -> None:
    with home.start(lasting.folder) as gate:
        gate.until_event("phase_started", phase="failing")
        pids = [gate.pid_of("campaign"), gate.pid_of("warden")]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: neither may clean up after the other
            for pid in pids:
                os.kill(pid, number)
        ended = gate.end()
    assert ended.code == 2
    assert [path for path in home.state.glob("run-*") if path.is_file()], "nobody was there to remove the record"
    after = home.gate(Story(tmp_path / "next").folder)
    assert after.code == 0, after.out + after.err
    home.assert_clean(sorted(ended.ports | after.ports))


def _assert_cut_short(ended: Ended, name: str) -> None:
    assert ended.code == 4, ended.out + ended.err
    assert set(ended.verdicts.values()) == {"held", "inconclusive"}
    for clause in ended.of("inconclusive"):
        assert name in ended.words(clause), ended.words(clause)


@pytest.mark.parametrize("phase", ["failing", None])
def test_a_killed_front_takes_everything_along(home: Home, monitored: Story, phase: str | None) -> None:
    with home.start(monitored.folder) as gate:
        if phase:
            gate.until_event("phase_started", phase=phase)
        else:
            _at_once(gate)
        gate.process.kill()
        gate.process.wait()
        home.assert_clean()


SHIPPING = {"campaign/elasticsearch", "campaign/filebeat"}
STACK = {
    "failing/prometheus": "prometheus",
    "failing/alertmanager": "alertmanager",
    "campaign/elasticsearch": "elasticsearch",
    "campaign/filebeat": "filebeat",
    "campaign/generator": "generator",
}


@pytest.mark.parametrize("id", STACK)
def test_a_part_that_is_killed_leaves_what_was_decided_and_is_named(home: Home, lasting: Story, id: str) -> None:
    home.measured = id in MEASURED
    if id not in SHIPPING:
        lasting.without_pipeline()
    with home.start(lasting.folder) as gate:
        gate.until_event("hop_seen", hop="pending")
        gate.kill(id)
        ended = gate.end()
    _assert_cut_short(ended, STACK[id])
    assert ended.verdicts["failing::alerts::TinyFailing::pends"] == "held"
    assert ended.verdicts["failing::alerts::TinyFailing::resolves"] == "inconclusive"
    told = next(event for event in ended.events if event["event"] == "component_ended" and not event["expected"])
    assert (told["component"], told["exit_code"]) == (STACK[id], -9)
    home.assert_clean(sorted(ended.ports))


def test_a_subject_that_is_killed_violates_stays_up(home: Home, monitored: Story) -> None:
    with home.start(monitored.folder) as gate:
        gate.until_event("hop_seen", hop="pending")
        gate.kill("failing/tiny-0")
        ended = gate.end()
    assert ended.code == 1, ended.out + ended.err
    assert ended.of("violated") == {"failing::subject::tiny-0::stays_up"}
    assert "ended by a signal though nobody asked it to" in ended.words("failing::subject::tiny-0::stays_up")
    home.assert_clean(sorted(ended.ports))


@pytest.mark.parametrize("id", ["failing/tiny-0", "failing/prometheus", "campaign/elasticsearch"])
def test_a_part_that_is_killed_before_it_is_ready_is_named(home: Home, lasting: Story, id: str) -> None:
    home.measured = id in MEASURED
    if id not in SHIPPING:
        lasting.without_pipeline()
    with home.start(lasting.folder) as gate:
        gate.until(lambda gate: any(id.encode() in path.read_bytes() for path in home.state.glob("run-*")))
        gate.kill(id)
        ended = gate.end()
    assert ended.code in {1, 4}
    assert id.partition("/")[2] in ended.out
    assert "held" not in ended.verdicts.values()
    home.assert_clean(sorted(ended.ports))
