"""Each defect of a panel changes the verdicts on that panel and on no other; what asks no Prometheus does not apply."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import REFUSED, Clause
from harness.clauses.verdicts import ClauseVerdict, judge_campaign
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import CellFinished, CellStarted, Series, Unmet
from harness.evidence.store import Evidence

TINY = Path("fixtures/tiny")
FAILURES = "sum by (job) (rate(tiny_failures_total[$__rate_interval]))"
PANELS: dict[str, dict[str, Any]] = {
    "Failures": {"unit": "reqps", "expr": FAILURES, "legend": "{{job}}"},
    "Share": {"unit": "percentunit", "expr": 'sum(tiny_requests_total{code="500"}) / sum(tiny_requests_total)'},
    "Buckets": {"unit": "s", "expr": "sum by (le) (rate(tiny_request_seconds_bucket[5m]))", "type": "heatmap"},
    "Other": {"unit": "short", "expr": "count(up) + count(other_thing)"},
}


def panel(title: str, unit: str, expr: str, legend: str = "", **more: Any) -> dict[str, Any]:
    target = {"refId": "A", "expr": expr, "legendFormat": legend, "datasource": {"type": "prometheus", "uid": "x"}}
    base = {"title": title, "type": "timeseries", "fieldConfig": {"defaults": {"unit": unit}}, "targets": [target]}
    return base | more


class Board:
    """The tiny campaign with a dashboard, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(TINY, folder, ignore=shutil.ignore_patterns("service"))
        self.folder, self.panels, self.variables = folder, {k: panel(k, **v) for k, v in PANELS.items()}, []
        self.more: list[dict[str, Any]] = []
        self.contract("  index_template", "  dashboards: production/boards/*.json\n  index_template")

    def contract(self, old: str, new: str) -> None:
        path = self.folder / "contract.yaml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    def expr(self, title: str, text: str) -> Board:
        self.panels[title]["targets"][0]["expr"] = text
        return self

    def clauses(self) -> dict[str, Clause]:
        path = self.folder / "production" / "boards"
        path.mkdir(exist_ok=True)
        data = {"title": "Tiny", "panels": [*self.panels.values(), *self.more], "templating": {"list": self.variables}}
        (path / "tiny.json").write_text(json.dumps(data, indent=1))
        found = compile_campaign(load_campaign([self.folder]))
        mark = "campaign::dashboards::Tiny/"
        return {clause.id.removeprefix(mark): clause for clause in found if clause.id.startswith(mark)}


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path / "tiny")


def seen(clauses: dict[str, Clause], **values: Any) -> Evidence:
    """A story in which every query returned 0.5 with the label job, but for those that ``values`` name by a word."""
    evidence = Evidence(planned=("failing",))
    evidence.add(CellStarted("failing", 1.0, 60.0, 0.1, 0.1, ("tiny-0",)))
    for text in sorted({str(need) for clause in clauses.values() for need in clause.needs}):
        value = next((value for word, value in values.items() if word in text), 0.5)
        if isinstance(value, str):
            evidence.add(Unmet("failing", 2.0, text, value))
        elif value is not None:
            evidence.add(Series("failing", 2.0, text, {"job": "tiny"}, ((2.0, value),)))
    evidence.add(CellFinished("failing", 3.0, completed=True))
    return evidence


def verdicts(clauses: dict[str, Clause], evidence: Evidence) -> dict[str, ClauseVerdict]:
    judged = judge_campaign(tuple(clauses.values()), evidence, (), date(2027, 1, 1))
    return dict(zip(clauses, judged, strict=True))


def unlike_held(board: Board, **values: Any) -> dict[str, str]:
    clauses = board.clauses()
    found = verdicts(clauses, seen(clauses, **values))
    return {name: item.verdict for name, item in found.items() if item.verdict != "held"}


def words(board: Board, clause: str, **values: Any) -> str:
    clauses = board.clauses()
    item = verdicts(clauses, seen(clauses, **values))[clause]
    return "\n".join([item.message, *item.details])


def test_a_sound_board_is_held(board: Board) -> None:
    assert unlike_held(board) == {}
    assert set(board.clauses()) >= {"Failures::parses", "Failures::declared", "Failures::has_data", "Failures::unit"}
    assert "Buckets::plausible" in board.clauses()
    assert "other_thing" in words(board, "Other::declared")


def test_nothing_is_held_before_the_story_is_over(board: Board) -> None:
    clauses = board.clauses()
    open_ones = {name for name, item in clauses.items() if item.judge(Evidence(planned=("failing",))).verdict == "open"}
    assert open_ones == {name for name, item in clauses.items() if item.needs}


def test_what_files_tell_needs_no_story(board: Board) -> None:
    assert all(bool(clause.cells) == bool(clause.needs) for clause in board.clauses().values())


DEFECTS: dict[str, tuple[str, str, dict[str, str], str]] = {
    "a metric under another name": (
        "Failures",
        FAILURES.replace("failures", "failure"),
        {"declared": "violated", "has_data": "inconclusive", "legend": "inconclusive", "plausible": "inconclusive"},
        "tiny_failure_total is declared nowhere; did you mean 'tiny_failures_total'?",
    ),
    "a label that does not exist": (
        "Share",
        'sum(tiny_requests_total{status="500"}) / sum(tiny_requests_total)',
        {"declared": "violated", "has_data": "inconclusive", "plausible": "inconclusive"},
        "tiny_requests_total has no label status",
    ),
    "a label value that is never set": (
        "Share",
        'sum(tiny_requests_total{code="502"}) / sum(tiny_requests_total)',
        {"declared": "violated", "has_data": "inconclusive", "plausible": "inconclusive"},
        "no declared value of code passes code='502'",
    ),
    "a grouping by a label that does not exist": (
        "Failures",
        "sum by (zone) (rate(tiny_failures_total[5m]))",
        {"declared": "violated", "has_data": "inconclusive", "legend": "inconclusive", "plausible": "inconclusive"},
        "by (zone): nothing below it has that label",
    ),
    "a histogram without a suffix": (
        "Buckets",
        "sum(rate(tiny_request_seconds[5m]))",
        {
            "declared": "violated",
            "has_data": "inconclusive",
            "unit": "inconclusive",
            "plausible": "inconclusive",
        },
        "tiny_request_seconds is a histogram",
    ),
    "a bracket too few": ("Other", "count(up", {"parses": "violated"}, "not valid PromQL"),
    "a query of nothing": ("Other", " ", {"parses": "violated"}, "the query A is empty"),
    "an undefined variable": ("Other", "count(up{job='$job'})", {"parses": "violated"}, "no variable $job"),
    "a range that holds one sample": (
        "Failures",
        "sum by (job) (rate(tiny_failures_total[10s]))",
        {"has_data": "violated"},
        "rate() over 10s never has two samples of tiny_failures_total, 10s apart",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_exactly_the_clauses_of_that_panel_change(board: Board, name: str) -> None:
    title, text, expected, told = DEFECTS[name]
    board.expr(title, text)
    clauses = board.clauses()
    none_of = {str(need): None for key, item in clauses.items() if key.startswith(f"{title}::") for need in item.needs}
    assert unlike_held(board, **none_of) == {f"{title}::{key}": verdict for key, verdict in expected.items()}
    first = next(key for key, verdict in expected.items() if verdict == "violated")
    assert told in words(board, f"{title}::{first}", **none_of)


def test_a_wrong_unit_is_told_with_what_is_computed(board: Board) -> None:
    board.panels["Share"]["fieldConfig"]["defaults"]["unit"] = "percent"
    assert unlike_held(board) == {"Share::unit": "violated"}
    assert "the unit 'percent' shows a share times 100, but the query computes a share" in words(board, "Share::unit")


def test_no_data_and_an_answer_that_is_no_number_are_the_same(board: Board) -> None:
    expected = {"Share::has_data": "violated", "Share::plausible": "inconclusive"}
    assert unlike_held(board, code=None) == unlike_held(board, code=float("nan")) == expected
    assert "A returned nothing" in words(board, "Share::has_data", code=None)


def test_values_that_cannot_be_are_told(board: Board) -> None:
    assert unlike_held(board, code=1.5) == {"Share::plausible": "violated"}
    assert unlike_held(board, bucket=-1.0) == {"Buckets::plausible": "violated"}


def test_what_may_fall_may_be_negative(board: Board) -> None:
    board.expr("Buckets", "sum(tiny_request_seconds_sum) - sum(tiny_request_seconds_sum offset 1m)")
    assert unlike_held(board, offset=-1.0) == {}


def test_a_query_that_prometheus_refuses_is_violated_and_one_that_was_not_asked_is_not(board: Board) -> None:
    refused = {"code": f"{REFUSED}many-to-many matching not allowed"}
    assert unlike_held(board, **refused)["Share::has_data"] == "violated"
    assert unlike_held(board, code="prometheus: it ended")["Share::has_data"] == "inconclusive"


def test_a_legend_names_labels_of_what_is_returned(board: Board) -> None:
    board.panels["Failures"]["targets"][0]["legendFormat"] = "{{ job }} {{code}}"
    assert unlike_held(board) == {"Failures::legend": "violated"}
    assert "without code; its labels: job" in words(board, "Failures::legend")


def test_what_asks_no_prometheus_does_not_apply_and_says_so(board: Board) -> None:
    loki = {"refId": "A", "datasource": {"type": "loki", "uid": "y"}, "expr": "{app='x'}"}
    board.more = [
        {"title": "Words", "type": "text"},
        {"title": "Lines", "type": "logs", "targets": [loki]},
        {"title": "Shared", "libraryPanel": {"uid": "u"}},
    ]
    assert unlike_held(board) == dict.fromkeys(
        ("Words::has_data", "Lines::has_data", "Shared::has_data"), "not applicable"
    )
    assert words(board, "Lines::has_data") == "not a Prometheus query: it asks loki"
    assert "a library panel" in words(board, "Shared::has_data")
    assert words(board, "Words::has_data") == "a text panel that asks nothing"


def test_a_mixed_panel_is_judged_by_its_prometheus_queries(board: Board) -> None:
    loki = {"refId": "B", "datasource": {"type": "loki", "uid": "y"}, "expr": "{app='x'}"}
    board.panels["Other"]["targets"].append(loki)
    assert unlike_held(board) == {}
    assert "beside them it asks loki" in words(board, "Other::has_data")


def test_what_cannot_be_known_does_not_apply_and_says_why(board: Board) -> None:
    board.variables = [{"name": "by", "type": "query", "query": "label_names()", "datasource": {"type": "prometheus"}}]
    board.expr("Other", "sum by ($by) (up)")
    board.panels["Share"]["fieldConfig"]["defaults"]["unit"] = "celsius"
    board.panels["Buckets"]["transformations"] = [{"id": "calculateField"}]
    assert unlike_held(board) == dict.fromkeys(
        ("$by::has_data", "Other::has_data", "Share::unit", "Buckets::unit"), "not applicable"
    )
    assert "$by is known to a running Grafana only" in words(board, "Other::has_data")


def test_what_no_name_tells_is_said_and_not_guessed(board: Board) -> None:
    board.expr("Other", "other_thing").panels["Other"]["fieldConfig"]["defaults"]["unit"] = "bytes"
    assert unlike_held(board) == {"Other::unit": "not applicable"}
    assert words(board, "Other::unit") == "neither names nor the contract tell what other_thing measures"


def test_the_contract_tells_a_unit_that_no_name_tells(board: Board) -> None:
    board.contract(
        "    failures_total: {", "    size: {type: gauge, measures: bytes, optional: true}\n    failures_total: {"
    )
    board.expr("Other", "tiny_size").panels["Other"]["fieldConfig"]["defaults"]["unit"] = "s"
    assert unlike_held(board) == {"Other::unit": "violated"}


def test_what_cannot_be_scaled_does_not_apply(board: Board) -> None:
    board.expr("Other", "time() - process_start_time_seconds").panels["Other"]["fieldConfig"]["defaults"]["unit"] = "s"
    assert unlike_held(board) == {"Other::has_data": "not applicable"}
    assert "it cannot be asked at speed 60: time() cannot be scaled" in words(board, "Other::has_data")


def test_the_values_of_a_variable_are_asked_too(board: Board) -> None:
    query = {"query": 'label_values(tiny_requests_total{code="200"}, instance)'}
    prometheus = {"type": "prometheus", "uid": "x"}
    board.variables = [
        {"name": "instance", "type": "query", "query": query, "datasource": prometheus},
        {"name": "other", "type": "query", "query": "query_result(count(tiny_failures))", "datasource": prometheus},
        {"name": "lines", "type": "query", "query": "label_values(app)", "datasource": {"type": "loki", "uid": "y"}},
    ]
    asked = {str(need) for need in board.clauses()["$instance::has_data"].needs}
    assert asked == {'snapshot group by (instance) (tiny_requests_total{code="200"})'}
    assert unlike_held(board, **{"snapshot count(tiny_failures)": None}) == {
        "$other::declared": "violated",
        "$other::has_data": "inconclusive",
        "$lines::has_data": "not applicable",
    }


def test_two_panels_of_one_title_are_told_apart(board: Board) -> None:
    board.more = [panel("Other", "short", "count(up)")]
    assert "Other [2]::has_data" in board.clauses()


def test_the_first_story_that_the_contract_prefers_shows_the_panels(board: Board) -> None:
    shutil.copy(board.folder / "failing.yaml", board.folder / "again.yaml")
    assert board.clauses()["Other::has_data"].cells == ("again", "failing")
    board.contract("artefacts:", "dashboards: {shown_in: [elsewhere, again]}\nartefacts:")
    assert board.clauses()["Other::has_data"].cells == ("again",)


def test_a_pattern_that_matches_nothing_is_an_error_with_its_place(board: Board) -> None:
    board.clauses()
    board.contract("production/boards/*.json", "[production/boards/tiny.json, production/bords/*.json]")
    with pytest.raises(ConfigError, match=r"contract.yaml:\d+:\d+: no file matches production/bords/\*.json"):
        board.clauses()
