"""What a service times is about what its clients wait, on the service's own clock."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import CellFinished, CellStarted, Request, Series
from harness.evidence.store import Evidence

T = 1_800_000_000.0
TINY = Path(__file__).parents[3] / "fixtures" / "tiny"
QUERY = "sum(tiny_request_seconds_sum)"


def compiled(folder: Path, rule: str = "counts: seconds of successful work, within: 50%", clock: str = "") -> Clause:
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    (folder / "contract.yaml").write_text(
        "harness: contract/1\nservice: tiny\nartefacts: {prometheus: production/prometheus.yml}\n"
    )
    (folder / "failing.yaml").write_text(
        "harness: scenario/1\nstory: It runs.\n"
        "phases:\n  - {name: all, lasts: 1m, load: {rate: 1/s, mix: {work: 1}}}\n"
        f"expect:\n  - metric {QUERY}: {{{rule}}}\n"
    )
    with (folder / "profile.yaml").open("a") as profile:
        profile.write(clock)
    clauses = compile_campaign(load_campaign([folder]))
    return next(each for each in clauses if each.promise == "seconds_of_successful_work")


def judge(clause: Clause, grown_s: float | None, seconds: tuple[float, ...] = (2.0, 4.0), speed: float = 10.0) -> Any:
    frame: list[Any] = [CellStarted("failing", T, speed, 1.0, 1.0, ("tiny-0",)), CellFinished("failing", T + 60, True)]
    rows = [
        Request("failing", "all", "work", n, f"r{n}", "tiny-0", T, T, T, None, T + lasted_s, 200, True)
        for n, lasted_s in enumerate(seconds)
    ]
    points = () if grown_s is None else (Series("failing", T, QUERY, {}, ((T, 1.0), (T + 50, 1.0 + grown_s))),)
    return clause.judge(Evidence([*frame, *rows, *points], planned=("failing",)))


@pytest.mark.parametrize(
    ("grown_s", "verdict"), [(6.0, "held"), (3.1, "held"), (2.9, "violated"), (0.0, "violated"), (6000.0, "violated")]
)
def test_it_grows_by_about_what_clients_waited(tmp_path: Path, grown_s: float, verdict: str) -> None:
    found = judge(compiled(tmp_path), grown_s)
    assert found.verdict == verdict
    assert found.message == f"grew by {grown_s:.4g} s, the clients of 2 successful works waited 6 s"


def test_a_scaled_clock_counts_the_seconds_of_production(tmp_path: Path) -> None:
    clause = compiled(tmp_path, clock="clock: scaled\n")
    assert judge(clause, 60.0).verdict == "held"
    assert judge(clause, 6.0).verdict == "violated"


def test_what_was_not_seen_is_told(tmp_path: Path) -> None:
    clause = compiled(tmp_path)
    assert "returned nothing" in judge(clause, None).message
    assert judge(clause, 6.0, seconds=()).verdict == "inconclusive"
    assert clause.judge(Evidence([CellStarted("failing", T, 1, 1, 1)], planned=("failing",))).verdict == "open"


@pytest.mark.parametrize("rule", ["counts: seconds of work", "counts: one per work, within: 50%"])
def test_seconds_are_never_exact_and_requests_always(tmp_path: Path, rule: str) -> None:
    with pytest.raises(ConfigError, match="seconds are not counted exactly"):
        compiled(tmp_path, rule)
