# ruff: noqa: T201
"""What judging costs. Run by name: ``pytest -s tests/performance/load/bench_judging.py``.

Target: 100,000 rows judged in under 1 s. Times are printed, and beside them a baseline of the same run: one pass over
the rows in plain Python, which no judge can beat while rows are objects.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.clauses.measuring import measured
from harness.clauses.objectives import good_request
from harness.clauses.production import read_production
from harness.clauses.thresholds import compile_thresholds
from harness.contract import load_campaign
from harness.contract.thresholds import parse_threshold
from harness.core.errors import Location
from harness.evidence.records import CellFinished, CellStarted, PhaseMark, Request, Watched
from harness.evidence.store import Evidence

ROWS, ZERO = 100_000, 1.8e9
LINES = (
    "response p95 of work < 1s wall during recovery",
    "service p99 of work < 1s wall",
    "failed < 5%",
    "goodput > 50%",
    "throughput > 0.1/s",
    "response p95 < 2s wall, abort_on_fail after 1m",
    "failed < 50%, abort_on_fail after 1m",
)


def evidence() -> Evidence:
    chance = random.Random(1)
    cell, end = "failing", ZERO + ROWS * 0.0005 + 5
    found = Evidence([CellStarted(cell, ZERO, 60.0, 0.2, 0.2)], planned=(cell,))
    for name, since, until in (("baseline", ZERO, ZERO + 10), ("recovery", ZERO + 10, end)):
        found.add(PhaseMark(cell, since, name, "start"))
        found.add(PhaseMark(cell, until, name, "end"))
    for seq in range(ROWS):
        t = ZERO + seq * 0.0005
        phase = "baseline" if t < ZERO + 10 else "recovery"
        lasted = chance.expovariate(20)
        found.add(
            Request(
                cell, phase, "work", seq, f"id-{seq}", "i", t, t + 1e-4, t + 0.01, None, t + lasted, 200, seq % 50 > 0
            )
        )
    found.add(Watched(cell, end))
    found.add(CellFinished(cell, end, completed=True))
    return found


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()  # of the processor: what else runs beside it is not judging
    work()
    return time.process_time() - began


def test_100_000_rows_are_judged_in_under_a_second() -> None:
    campaign = load_campaign([Path("fixtures/tiny")])
    items = tuple(parse_threshold(line, lambda _: Location("s")) for line in LINES)
    scenario = replace(campaign.scenarios[0], thresholds=items)
    seen = evidence()
    rows = seen.of(Request, "failing")
    baseline_s = timed(
        lambda: sum(row.end_t - row.intended_t for row in rows if row.end_t is not None and row.expected)
    )
    figures_s = timed(lambda: list(measured(campaign, seen, scenario, good_request(scenario, 60.0))))
    print(f"\n{ROWS} rows, against one pass of {baseline_s * 1000:.0f} ms:")
    print(f"  figures by phase, kind and whole: {figures_s:.2f} s, {figures_s / baseline_s:.0f} passes")
    total_s = figures_s
    for clause in compile_thresholds(campaign, read_production(campaign), scenario):
        spent_s = timed(lambda judge=clause.judge: judge(seen))
        total_s += spent_s
        print(f"  {clause.statement:55} {spent_s:.2f} s, {spent_s / baseline_s:.0f} passes")
    print(f"  all of it: {total_s:.2f} s, {total_s / baseline_s:.0f} passes")
