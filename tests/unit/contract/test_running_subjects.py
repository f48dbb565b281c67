"""The profile of a subject that runs already: what cannot be asked of it is refused by name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import CellFinished, CellStarted, Request
from harness.evidence.store import Evidence

ZERO = 1_800_000_000.0
TINY = Path("fixtures/tiny")
COMMAND = """\
start:
  build: [go, build, -o, "{build}/tiny", .]
  folder: service
  command: ["{build}/tiny", -port, "{port.app}", -log, "{logs}/requests.log"]
"""
RUNNING = "start: {running: {app: 8080}}\n"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    return folder


def with_profile(folder: Path, *changes: tuple[str, str]) -> Campaign:
    path = folder / "profile.yaml"
    text = path.read_text()
    for before, after in ((COMMAND, RUNNING), ('logs:\n  requests: "{logs}/requests.log"\n', ""), *changes):
        assert before in text
        text = text.replace(before, after)
    path.write_text(text.replace('  - {logs: "/var/log/tiny/*.log", stream: requests}\n', ""))
    campaign = load_campaign([folder])
    compile_campaign(campaign)
    return campaign


def test_its_stories_are_played_one_after_the_other(tiny: Path) -> None:
    campaign = with_profile(tiny)
    assert (campaign.spec.side_by_side, campaign.side_by_side) == (8, 1)
    found = [clause.id for clause in compile_campaign(campaign) if clause.plane == "subject"]
    assert found == ["failing::subject::tiny-0::stays_reachable"]


ROW = Request(
    "failing", "baseline", "work", 0, "id-0", "tiny-0", ZERO, ZERO, None, None, ZERO + 0.01, 200, expected=True
)
REFUSED = replace(ROW, request_id="id-1", status=0, expected=False, error="connect")


@pytest.mark.parametrize(
    ("rows", "ended", "verdict"),
    [
        ([ROW], True, "held"),
        ([ROW], False, "open"),
        ([], True, "inconclusive"),
        ([ROW, REFUSED, ROW], False, "violated"),
        ([ROW, replace(REFUSED, phase="failing")], True, "held"),
        ([replace(ROW, error="reset", expected=False)], True, "held"),
        ([replace(REFUSED, sent_t=None, error="dropped", dropped=True)], True, "inconclusive"),
    ],
)
def test_one_whose_process_is_not_ours_must_take_connections(
    tiny: Path, rows: list[Request], ended: bool, verdict: str
) -> None:
    clauses = compile_campaign(with_profile(tiny))
    (clause,) = (clause for clause in clauses if clause.promise == "stays_reachable")
    evidence = Evidence([CellStarted("failing", ZERO, 60.0, 0.2, 0.2), *rows], planned=("failing",))
    if ended:
        evidence.add(CellFinished("failing", ZERO + 9, completed=True))
    judgement = clause.judge(evidence)
    assert judgement.verdict == verdict
    assert verdict != "violated" or "tiny-0 refused the connection of work id-1 during baseline" in judgement.message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([("app: 8080}}", "app: 8080}, command: [tiny]}")], "either a command that starts it or the ports"),
        ([(RUNNING, "start: {}\n")], "either a command that starts it or the ports"),
        ([("app: 8080}}", "app: 8080}, folder: service}")], "not started: leave out folder"),
        ([("{running: {app: 8080}}", "{running: {application: 8080}}")], "each of the ports app, and no other"),
        ([("ports: [app]", "ports: [app]\ninstances: 2")], "cannot have instances"),
        (
            [("ports: [app]", 'ports: [app]\nlogs: {requests: "{logs}/requests.log"}')],
            "cannot have logs in files of this",
        ),
        ([("ports: [app]", "ports: [app]\nlogs: {requests: stdout}")], "cannot have logs in files of this run"),
        (
            [
                ("ports: [app]", "ports: [app]\nlogs: {requests: /tmp/its.log}"),
                ("stands_for:\n", "stands_for:\n  - {logs: /var/log/its.log, stream: requests}\n"),
            ],
            "cannot have logs that are shipped",
        ),
        ([("ports: [app]", "ports: [app]\nclock: scaled")], "cannot have clock"),
        ([("app: 8080", "app: 80800")], "65535"),
    ],
)
def test_what_only_its_owner_can_do_is_refused(tiny: Path, changes: list[tuple[str, str]], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        with_profile(tiny, *changes)
    assert "profile.yaml:" in str(caught.value)


def test_a_story_that_signals_it_is_refused_at_its_place(tiny: Path) -> None:
    story = tiny / "failing.yaml"
    story.write_text(story.read_text().replace("fault: {failures: 100%}", "fault: {killed: tiny-0}"))
    with pytest.raises(ConfigError, match=r"failing\.yaml:6:\d+: killed is done to a process, .* is not ours"):
        with_profile(tiny, ("faults:\n", "faults:\n  killed: {signal: kill}\n"))


def test_a_story_that_wants_more_than_one_is_refused_at_its_place(tiny: Path) -> None:
    story = tiny / "failing.yaml"
    line = len(story.read_text().splitlines()) + 1
    story.write_text(story.read_text() + "instances: 2\n")
    with pytest.raises(ConfigError, match=rf"failing\.yaml:{line}:\d+: the story wants 2 instances"):
        with_profile(tiny)
