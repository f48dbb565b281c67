"""Every scrape of the subject is answered while no fault is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause, Judgement
from harness.contract import load_campaign
from harness.evidence.records import (
    CellFinished,
    CellStarted,
    ComponentState,
    FaultAction,
    Reading,
    ScrapeRefused,
    Series,
)
from harness.evidence.store import Evidence

T = 1_800_000_000.0
FILES = {
    "campaign.yaml": "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n",
    "profile.yaml": """\
harness: profile/1
subject: s
start: {command: ["true"]}
ports: [app]
ready: {port: app}
stands_for:
  - {job: shop, port: app}
""",
    "prometheus.yml": "scrape_configs: [{job_name: shop, static_configs: [{targets: [shop:1]}]}]\n",
    "story.yaml": "harness: scenario/1\nstory: It runs.\nphases: [{name: all, lasts: 1m}]\nexpect: []\n",
    "contract.yaml": """\
harness: contract/1
service: s
artefacts: {prometheus: prometheus.yml}
metrics: {families: {a: {type: gauge}}}
""",
}
ID = "campaign::metrics::exposition::answers"


def clauses(folder: Path, **changed: str) -> dict[str, Clause]:
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.partition(".")[0], text))
    return {clause.id: clause for clause in compile_campaign(load_campaign([folder]))}


@pytest.fixture
def clause(tmp_path: Path) -> Clause:
    return clauses(tmp_path)[ID]


def up(values: str, job: str = "shop", since: float = 0.0) -> Series:
    """A scrape each second from ``since`` on; ``1`` was answered, ``0`` was not."""
    points = tuple((T + since + second, float(value)) for second, value in enumerate(values))
    return Series("story", T, "up", {"job": job, "instance": "shop:1"}, points)


def fault(t: float, action: Any) -> FaultAction:
    return FaultAction("story", T + t, "all", "hang", action)


def ended(t: float, role: str) -> ComponentState:
    return ComponentState("story", T + t, "s-0", role, "exited", expected=False)


def judge(clause: Clause, *records: Any, speed: float = 60.0, finished: bool = True) -> Judgement:
    end = [CellFinished("story", T + 20, True)] if finished else []
    frame = [CellStarted("story", T, speed, 1.0, 1.0, ("s-0",)), *end]
    return clause.judge(Evidence([*frame, *records], planned=("story",)))


@pytest.mark.parametrize(
    ("records", "verdict", "words"),
    [
        ([up("1111111111")], "held", "10 scrapes were answered"),
        ([up("00011111")], "held", "5 scrapes"),  # not there yet
        ([up("1101110111")], "violated", "2 of 10 scrapes of shop shop:1 in story failed"),
        ([up("1101110111", job="another"), up("111")], "held", "3 scrapes"),
        ([up("11"), up("0111", since=2)], "violated", "1 of 6 scrapes"),
        ([up("111"), up("00", since=20)], "violated", "1 of 4"),  # what is after the story is not its own
        ([up("111"), up("00", since=21)], "held", "3 scrapes"),
        ([fault(2, "inject"), fault(5, "healed"), up("1110000011")], "held", "5 scrapes"),
        ([fault(2, "inject"), fault(5, "healed"), up("1111111101")], "violated", "1 of 10"),
        ([fault(2, "inject"), up("1110000000")], "held", "3 scrapes"),  # it was never healed
        ([fault(5, "inject"), fault(6, "healed"), up("1011111")], "violated", "1 of 7"),
        ([ended(4, "subject"), up("111100000")], "held", "4 scrapes"),
        ([ended(4, "stack"), up("111100000")], "violated", "5 of 9"),
        ([Reading("story", T + 2, "shop shop:1", "scrape_timed_out_s", 0.3), up("1101111")], "held", "6 scrapes"),
        ([up("0000")], "open", "no scrape was answered"),
        ([], "open", "no scrape was answered"),
    ],
)
def test_scrapes_that_fail_are_told(clause: Clause, records: list[Any], verdict: str, words: str) -> None:
    found = judge(clause, *records)
    assert (found.verdict, words in found.message) == (verdict, True), found.message


def test_at_the_speed_of_production_running_out_of_time_is_failing(clause: Clause) -> None:
    late = Reading("story", T + 2, "shop shop:1", "scrape_timed_out_s", 0.3)
    assert judge(clause, late, up("1101111"), speed=1.0).verdict == "violated"


def test_what_prometheus_refuses_is_quoted(clause: Clause) -> None:
    found = judge(clause, ScrapeRefused("story", T + 2, "shop shop:1", "expected value"), up("1101111"))
    assert (found.verdict, found.hop) == ("violated", "scrape")
    assert "expected value" in found.details[0]


def test_a_story_that_goes_on_is_not_judged(clause: Clause) -> None:
    assert judge(clause, up("1101"), finished=False).verdict == "open"


@pytest.mark.parametrize(
    "changed",
    [
        {"contract": FILES["contract.yaml"].partition("metrics")[0]},
        {"profile": FILES["profile.yaml"].partition("stands_for")[0]},
    ],
)
def test_without_metrics_or_a_job_nothing_is_promised(tmp_path: Path, changed: dict[str, str]) -> None:
    assert ID not in clauses(tmp_path, **changed)
