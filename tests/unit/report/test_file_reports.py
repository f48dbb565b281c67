"""What programs read: the JSON document, JUnit XML and the events themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest

from harness.core.errors import ConfigError, MachineError
from harness.core.event_lines import decode_event
from harness.core.events import CampaignEnded, CampaignFailed, ComponentEnded, Event, Note
from harness.report import REPORTERS, make_reporter, tell

MakeCampaign = Callable[[dict[str, tuple[str, str]]], list[Event]]


def json_of(events: list[Event], path: Path) -> dict[str, Any]:
    tell(events, [make_reporter("json", path)])
    document: dict[str, Any] = orjson.loads(path.read_bytes())
    return document


def junit_of(events: list[Event], path: Path) -> ET.Element:
    tell(events, [make_reporter("junit", path)])
    return ET.fromstring(path.read_bytes())


# --- JSON


def test_the_document_names_the_campaign_and_its_end(events: list[Event], report_path: Path) -> None:
    document = json_of(events, report_path)
    del document["components"], document["cells"], document["clauses"]
    assert document == {
        "schema": 1,
        "campaign": "shop",
        "bundle": "bundles/shop",
        "speed": 60.0,
        "backend": "native",
        "replayed": False,
        "started_t": 1000.0,
        "duration_s": 6.0,
        "exit_code": 1,
        "cancelled": False,
        "error": "",
        "counts": {"held": 1, "violated": 1, "inconclusive": 1, "waived": 1},
        "warnings": [],
    }


def test_every_clause_stands_in_the_document(events: list[Event], report_path: Path) -> None:
    clauses = json_of(events, report_path)["clauses"]
    assert [clause["verdict"] for clause in clauses] == ["held", "violated", "inconclusive", "waived"]
    assert clauses[1] == {
        "id": "outage::alerts::Down::pages",
        "scope": "outage",
        "plane": "alerts",
        "name": "Down::pages",
        "statement": "Down pages on-call",
        "source": "outage.yaml:7:3",
        "verdict": "violated",
        "message": "nobody was told",
        "details": ["first missing hop: receiver", "route: alertmanager.yml:3"],
        "reproduce": "harness gate --clause outage::alerts::Down::pages",
        "attempt": 1,
    }


def test_a_cell_has_its_phases_and_its_hops_in_order_of_time(events: list[Event], report_path: Path) -> None:
    (cell,) = json_of(events, report_path)["cells"]
    assert cell["attempt"] == 1
    assert (cell["cell"], cell["production_s"], cell["fit"], cell["reason"]) == ("outage", 180.0, True, "")
    assert cell["phases"] == [
        {
            "phase": "broken",
            "detail": "failures 100%",
            "started_production_s": 0.0,
            "ended_production_s": 120.0,
            "reason": "its condition is decided",
        }
    ]
    assert [hop["hop"] for hop in cell["hops"]] == ["fault", "metric", "firing", "alertmanager", "receiver"]
    assert cell["hops"][3] == {
        "t": 1003.2,
        "production_s": 72.0,
        "hop": "alertmanager",
        "about": "Down",
        "latency_s": 6.0,
        "since": "firing",
        "wall": False,
        "detail": "",
    }


def test_components_say_whether_they_died(events: list[Event], report_path: Path) -> None:
    deaths: list[Event] = [
        ComponentEnded(1003.0, "outage", "shop-0", False, 1),
        ComponentEnded(1003.0, "outage", "prometheus", False, None),
        ComponentEnded(1005.0, "campaign", "elasticsearch", True, 0),
    ]
    components = json_of([*events[:-1], *deaths, events[-1]], report_path)["components"]
    told = {item["component"]: (item["died"], item["exit_code"], item["took_s"]) for item in components}
    assert told == {
        "elasticsearch": (False, None, 0.98),
        "shop-0": (True, 1, 0.4),
        "prometheus": (True, None, None),
    }


def test_an_unfinished_campaign_has_no_exit_code(events: list[Event], report_path: Path) -> None:
    document = json_of([*events[:6], Note(1003.0, "odd", "warning"), events[12]], report_path)
    assert (document["exit_code"], document["duration_s"], document["counts"]) == (None, None, {"held": 1})
    assert document["warnings"] == ["odd"]
    assert [clause["verdict"] for clause in document["clauses"]] == ["held", None, None, None]
    assert document["clauses"][1]["source"] == "outage.yaml:7:3"
    (cell,) = document["cells"]
    assert (cell["production_s"], cell["phases"][0]["ended_production_s"]) == (None, None)


def test_a_failed_campaign_has_its_error(report_path: Path) -> None:
    document = json_of([CampaignFailed(1.0, "no such file")], report_path)
    assert (document["exit_code"], document["error"], document["bundle"]) == (2, "no such file", "")
    assert document["clauses"] == []


def test_a_clause_that_nobody_planned_is_not_lost(events: list[Event], report_path: Path) -> None:
    (clause,) = json_of([events[13]], report_path)["clauses"]
    assert (clause["id"], clause["verdict"], clause["source"]) == (
        "outage::alerts::Down::pages",
        "violated",
        "outage.yaml:7:3",
    )


# --- JUnit

OUTCOMES = {
    "held": None,
    "violated": "failure",
    "inconclusive": "failure",
    "waived but held": "failure",
    "invalid": "error",
    "waived": "skipped",
    "not applicable": "skipped",
}


@pytest.mark.parametrize(("verdict", "outcome"), OUTCOMES.items())
def test_each_verdict_has_its_outcome(
    verdict: str, outcome: str | None, make_campaign: MakeCampaign, report_path: Path
) -> None:
    root = junit_of(make_campaign({"a::logs::x::p": (verdict, "because")}), report_path)
    (case,) = root.iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("a.logs", "x::p")
    assert [(child.tag, child.get("message")) for child in case] == (
        [(outcome, f"{verdict}: because")] if outcome else []
    )
    counted = {name: int(root.get(name, "-1")) for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {
        "tests": 1,
        "failures": int(outcome == "failure"),
        "errors": int(outcome == "error"),
        "skipped": int(outcome == "skipped"),
    }


def test_a_suite_for_each_scope_names_the_bundle(events: list[Event], report_path: Path) -> None:
    root = junit_of(events, report_path)
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["outage", "campaign"]
    assert [suites["outage"].get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "2", "0", "0"]
    assert [suite.findtext("system-out") for suite in root] == ["bundles/shop", "bundles/shop"]
    assert suites["outage"].get("timestamp") == "1970-01-01T00:16:40+00:00"
    assert root.get("time") == "6.000"


def test_a_failure_tells_all_that_is_known(events: list[Event], report_path: Path) -> None:
    failure = junit_of(events, report_path).find(".//failure")
    assert failure is not None
    assert failure.get("type") == "violated"
    assert (failure.text or "").splitlines() == [
        "violated: nobody was told",
        "first missing hop: receiver",
        "route: alertmanager.yml:3",
        "promised: Down pages on-call",
        "outage.yaml:7:3",
        "reproduce: harness gate --clause outage::alerts::Down::pages",
    ]


def test_what_xml_cannot_hold_is_escaped(make_campaign: MakeCampaign, report_path: Path) -> None:
    message = 'red \x1b[31m & <b> "quoted" ]]> \x00 \ufffe \U0001f600 line\nbreak'
    (case,) = junit_of(make_campaign({"a::logs::x\x07::p": ("violated", message)}), report_path).iter("testcase")
    assert case.get("name") == r"x\x07::p"
    failure = case.find("failure")
    assert failure is not None
    wanted = 'violated: red \\x1b[31m & <b> "quoted" ]]> \\x00 \\xfffe \U0001f600 line\nbreak'
    assert failure.get("message") == wanted
    assert (failure.text or "").startswith(wanted)


def test_a_campaign_without_an_end_is_an_error(events: list[Event], report_path: Path) -> None:
    root = junit_of([events[0], events[12]], report_path)
    errors = [(case.get("name"), error.get("message")) for case in root.iter("testcase") for error in case]
    assert errors == [
        ("campaign", "error: the campaign ended without saying so"),
        ("Down::pages", "not judged: the campaign ended before"),
        ("error::arrives", "not judged: the campaign ended before"),
        ("up::exists", "not judged: the campaign ended before"),
    ]
    assert root.get("errors") == "4"


def test_a_failed_campaign_is_an_error(report_path: Path) -> None:
    root = junit_of([CampaignFailed(1.0, "rules.yml:3:1: not valid YAML")], report_path)
    (case,) = root.iter("testcase")
    error = case.find("error")
    assert error is not None
    assert error.get("message") == "error: rules.yml:3:1: not valid YAML"
    assert root.find(".//system-out") is None


# --- events


def test_events_are_copied_as_they_come(events: list[Event], report_path: Path) -> None:
    reporter = make_reporter("ndjson", report_path)
    for number, event in enumerate(events, start=1):
        reporter.handle(event)
        assert len(report_path.read_bytes().splitlines()) == number
    reporter.close()
    assert [decode_event(line) for line in report_path.read_bytes().splitlines()] == events


# --- all of them


@pytest.mark.parametrize("kind", REPORTERS)
def test_every_report_is_complete_after_one_close_of_two(kind: str, events: list[Event], report_path: Path) -> None:
    reporter = make_reporter(kind, report_path)
    for event in events:
        reporter.handle(event)
    reporter.close()
    written = report_path.read_bytes()
    reporter.close()
    assert written
    assert report_path.read_bytes() == written


@pytest.mark.parametrize("kind", REPORTERS)
def test_without_a_path_the_report_goes_to_standard_output(
    kind: str, events: list[Event], report_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(events, [make_reporter(kind), make_reporter(kind, report_path)])
    assert capsys.readouterr().out == report_path.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", REPORTERS)
def test_no_earlier_report_survives_the_start(kind: str, report_path: Path) -> None:
    report_path.parent.mkdir()
    report_path.write_text("an earlier run")
    reporter = make_reporter(kind, report_path)
    assert report_path.read_bytes() == b""
    reporter.close()


def test_an_unknown_report_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="no report 'html'") as error:
        make_reporter("html")
    assert "console, json, junit, ndjson" in str(error.value)


def test_a_path_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written"):
        make_reporter("json", tmp_path / "file" / "report.json")
    with pytest.raises(MachineError, match="cannot be written"):
        make_reporter("json", tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named(events: list[Event]) -> None:
    reporter = make_reporter("ndjson", Path("/dev/full"))
    with pytest.raises(MachineError, match="No space left"):
        reporter.handle(events[0])
    reporter.handle(events[1])
    reporter.close()


def test_all_are_closed_when_the_events_break_off(events: list[Event], tmp_path: Path) -> None:
    def broken() -> Any:
        yield events[0]
        raise RuntimeError("broken off")

    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    with pytest.raises(RuntimeError, match="broken off"):
        tell(broken(), [make_reporter("json", path) for path in paths])
    assert [orjson.loads(path.read_bytes())["campaign"] for path in paths] == ["shop", "shop"]


def test_the_last_event_decides_over_the_sum(events: list[Event], report_path: Path) -> None:
    """What the campaign counted is told as it was, though some verdicts were lost on the way."""
    document = json_of([*events[:12], events[-1]], report_path)
    assert isinstance(events[-1], CampaignEnded)
    assert document["counts"] == events[-1].counts
