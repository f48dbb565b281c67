"""A search for the limit on the console, as a table and as a picture; the load of a story on the console."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from harness.core.events import CellEnded, LimitFound, LoadMeasured, LoadStep
from harness.report.account import Account, CellAccount
from harness.report.curves import StepsReporter, as_csv, as_svg
from harness.report.json_report import JsonReporter, _load
from harness.report.limit_table import limit_table
from harness.report.load_table import load_table
from harness.report.output import Output

TELEMETRY = {"scrape_max_s": 0.012, "scrapes_failed": 0.0, "log_lag_p99_s": 1.5, "documents_lost": 3.0}
GOOD = LoadStep(5.0, "c", 1, 1.0, True, (), (), 60, 0, 0, 1.0, 0.25, 0.004, {"scrape_max_s": 0.01})
BAD = LoadStep(
    9.0, "c", 2, 2.0, False, ("service", "logs"), ("service: slow", "logs: lost"), 120, 7, 1, 1.9, 4.0, 0.02, TELEMETRY
)
FOUND = LimitFound(9.0, "c", 1.0, 2.0, "service", "service: response p95 4 s over 120 requests", 2)
SPREAD = {"count": 3, "p50_s": 0.25, "p90_s": 1.5, "p95_s": 1.5, "p99_s": 1500.0, "max_s": 1500.0}
LOAD = LoadMeasured(
    9.0, "c", "baseline", "", "open", "production", 10, 9, 1, 8, 0, 1, 2, 7, 0.5, 0.4, 12.0,
    {"response": SPREAD, "lateness": SPREAD}, 0.5,
)  # fmt: skip


def test_steps_are_told_by_rising_rate_with_what_broke() -> None:
    lines = limit_table([BAD, GOOD], FOUND)
    assert lines[0] == "steps, by offered rate"
    assert [line.split()[0] for line in lines[2:4]] == ["1/s", "2/s"]
    assert lines[3].endswith("service, logs")
    assert lines[-2:] == [
        "everything holds and conserves at 1/s",
        "at 2/s the service broke first: response p95 4 s over 120 requests",
    ]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (None, "the search did not end"),
        (replace(FOUND, rate_per_s=None), "no rate was found at which everything holds"),
        (replace(FOUND, broken_at_per_s=None), "nothing broke: the limit lies higher"),
        (replace(FOUND, cut_short="tiny-0 ended at 2/s"), "the search was cut short: tiny-0 ended at 2/s"),
    ],
)
def test_how_a_search_ends(found: LimitFound | None, says: str) -> None:
    assert says in limit_table([GOOD], found)


def test_where_nothing_was_searched_nothing_is_told() -> None:
    assert limit_table([], None) == []


def test_the_table_holds_everything_in_the_order_played() -> None:
    head, first, second = as_csv([GOOD, BAD]).splitlines()
    assert head.startswith("step,rate_per_s,held,broke,sent")
    assert head.endswith("scrape_max_s,scrapes_failed,log_lag_p99_s,documents_lost")
    assert first == "1,1,true,,60,0,0,1,0.25,0.004,0.01,,,"
    assert second == "2,2,false,service logs,120,7,1,1.9,4,0.02,0.012,0,1.5,3"


def test_the_picture_is_xml_with_a_curve_for_each_measure_and_a_mark_where_it_broke() -> None:
    root = ET.fromstring(as_svg([BAD, GOOD]))
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert (tags.count("polyline"), tags.count("svg")) == (7, 1)
    filled = [element.get("fill") for element in root.iter() if element.tag.endswith("circle")]
    assert (filled.count("crimson"), filled.count("white")) == (7, 4)
    ET.fromstring(as_svg([]))


def test_files_are_written_once_the_search_is_over(tmp_path: Path) -> None:
    reporter = StepsReporter(Output(tmp_path / "steps.csv"), as_csv)
    for event in (GOOD, FOUND, CellEnded(9.0, "c", 1.0, True, "")):
        reporter.handle(event)
    reporter.close()
    reporter.close()
    assert len((tmp_path / "steps.csv").read_text().splitlines()) == 2


def test_the_json_report_holds_load_steps_and_limit(tmp_path: Path) -> None:
    reporter = JsonReporter(Output(tmp_path / "report.json"))
    for event in (LOAD, GOOD, FOUND):
        reporter.handle(event)
    reporter.close()
    (cell,) = orjson.loads((tmp_path / "report.json").read_bytes())["cells"]
    assert cell["load"][0]["spreads"]["response"]["p99_s"] == 1500.0
    assert cell["steps"][0]["telemetry"] == {"scrape_max_s": 0.01}
    assert cell["limit"]["rate_per_s"] == 1.0


def account(*events: LoadMeasured) -> CellAccount:
    found = Account()
    for event in events:
        found.handle(event)
    return found.cells["c"]


def test_the_load_is_a_line_for_each_phase_and_each_kind_if_asked() -> None:
    kind = replace(LOAD, kind="work", loop="closed")
    told = load_table(account(LOAD, kind), verbose=False)
    assert told[0] == "c: load, times in production seconds, lateness in wall seconds"
    assert " ".join(told[1].split()) == "sent failed dropped per s good work/s response p50 p95 p99 max late p99"
    assert told[2].split() == [
        "baseline", "9", "2", "1", "0.5", "70.0%", "12", "250ms", "1.5s", "1500s", "1500s", "1500000.0ms",
    ]  # fmt: skip
    assert len(load_table(account(LOAD, kind), verbose=True)) == len(told) + 1
    assert load_table(CellAccount("c"), verbose=True) == []


def test_users_in_a_closed_loop_and_a_busy_generator_are_remarked() -> None:
    told = load_table(account(replace(LOAD, phase="", loop="closed", generator_cpu_ratio=0.97)), verbose=False)
    assert told[2].startswith("  whole story (closed loop)")
    assert told[3] == (
        "  users of a closed loop wait for their answers: what a stall kept them from sending is in no figure"
    )
    events = replace(LOAD, loop="both"), replace(LOAD, kind="work", loop="closed")
    mixed = load_table(account(*events), verbose=True)
    assert mixed[2].startswith("  baseline (open and closed loop)")
    assert mixed[3].startswith("    work (closed loop)")
    assert [_load(event)["loop"] for event in (LOAD, *events)] == ["open", "both", "closed"]
    assert told[-1] == "  the generator used 97% of one processor: what it measured includes its own limits"
