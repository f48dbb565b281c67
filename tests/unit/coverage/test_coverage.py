"""What stands beside alerts, metrics and events is found in files; what is required and missing is violated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.coverage import coverage_of
from harness.clauses.model import Judgement
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.store import Evidence
from harness.front.covering import covering

RUNBOOK = """\
# TinyFailing

1. How many? `sum(rate(tiny_failures_total[5m]))` of `tiny_requests_total`
2. Which?

```
not (code: 200) and msg: "request"
```
"""
PANEL = {"title": "Failures", "type": "stat", "targets": [{"expr": "rate(tiny_failures_total[5m])"}]}
QUIET = "harness: scenario/1\nstory: Nothing happens.\nphases: [{name: idle, lasts: 20m}]\nquiet: all\n"


class Covered:
    """The tiny campaign with everything beside its alert, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree("fixtures/tiny", folder, ignore=shutil.ignore_patterns("service"))
        self.folder = folder
        (folder / "calm.yaml").write_text(QUIET)
        (folder / "runbook.md").write_text(RUNBOOK)
        self.panel("rate(tiny_failures_total[5m])")
        self.edit("contract.yaml", "  index_template:", "  dashboards: board.json\n  index_template:")
        self.edit("contract.yaml", "    reaches: on-call", "    reaches: on-call\n    runbook: runbook.md")

    def panel(self, expression: str) -> None:
        board = {"title": "Tiny", "panels": [{**PANEL, "targets": [{"expr": expression}]}]}
        (self.folder / "board.json").write_text(json.dumps(board))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def require(self, text: str) -> None:
        path = self.folder / "contract.yaml"
        path.write_text(f"{path.read_text()}\ncoverage: {text}\n")

    def gaps(self) -> dict[str, str]:
        campaign = load_campaign([self.folder])
        found = coverage_of(campaign, read_production(campaign))
        return {f"{row.subject} {row.kind}": row.missing for row in found.rows if not row.by}

    def judgements(self) -> dict[str, Judgement]:
        clauses = compile_campaign(load_campaign([self.folder]))
        mine = [clause for clause in clauses if clause.plane == "coverage"]
        assert all(not clause.needs and not clause.cells for clause in mine)
        return {f"{clause.name}::{clause.promise}": clause.judge(Evidence()) for clause in mine}


@pytest.fixture
def tiny(tmp_path: Path) -> Covered:
    return Covered(tmp_path / "tiny")


def test_only_what_nobody_reads_is_missing(tiny: Covered) -> None:
    assert tiny.gaps() == {"metric tiny_request_seconds metric_consumer": "no rule, panel or runbook reads it"}


GAPS = {
    "quiet": (lambda t: (t.folder / "calm.yaml").unlink(), "alert TinyFailing quiet", "no story claims"),
    "too short": (lambda t: t.edit("calm.yaml", "20m", "1m"), "alert TinyFailing quiet", "no story claims"),
    "route": (
        lambda t: (
            t.edit("production/alertmanager.yml", "  receiver: on-call\n", "  receiver: nobody\n"),
            t.edit("production/alertmanager.yml", "receivers:\n", "receivers:\n  - {name: nobody}\n"),
            t.edit("contract.yaml", "    reaches: on-call\n", "    reaches: nobody\n"),
        ),
        "alert TinyFailing route",
        "its route leads to no integration",
    ),
    "declared": (
        lambda t: t.edit("production/rules.yml", "tiny_failures_total", "tiny_failure_total"),
        "alert TinyFailing declared",
        "tiny_failure_total is declared nowhere; did you mean 'tiny_failures_total'?",
    ),
    "panel": (lambda t: t.panel("tiny_request_seconds_sum"), "alert TinyFailing panel", "no panel shows a metric"),
    "runbook": (
        lambda t: t.edit("runbook.md", "# TinyFailing", "# Tiny fails"),
        "alert TinyFailing runbook",
        "runbook.md does not name TinyFailing",
    ),
    "no such runbook": (
        lambda t: t.edit("contract.yaml", "runbook: runbook.md", "runbook: runbooks.md"),
        "alert TinyFailing runbook",
        "there is no file runbooks.md",
    ),
    "no runbook": (
        lambda t: t.edit("contract.yaml", "    runbook: runbook.md", ""),
        "alert TinyFailing runbook",
        "the contract names no runbook",
    ),
    "no log query": (
        lambda t: t.edit("runbook.md", 'not (code: 200) and msg: "request"', "code is not 200"),
        "alert TinyFailing log_query",
        "its runbook asks nothing of the logs",
    ),
    "a field that no stream has": (
        lambda t: t.edit("runbook.md", "code: 200", "status: 200"),
        "alert TinyFailing log_query",
        "runbook.md:7:1: no stream has the field status",
    ),
    "an event that nobody asks for": (
        lambda t: t.edit("runbook.md", 'msg: "request"', 'msg: "answer"'),
        "event requests/request event_consumer",
        'no runbook asks msg: "request"',
    ),
    "a metric that nobody reads": (
        lambda t: t.edit("runbook.md", "of `tiny_requests_total`", ""),
        "metric tiny_requests_total metric_consumer",
        "no rule, panel or runbook reads it",
    ),
}


@pytest.mark.parametrize("name", GAPS)
def test_each_gap_is_found_where_it_is(tiny: Covered, name: str) -> None:
    if "event" in name:
        tiny.edit("contract.yaml", "    requests:\n", "    requests:\n      events: {request: {}}\n")
    change, row, words = GAPS[name]
    change(tiny)
    assert words in tiny.gaps()[row]


def test_a_panel_of_a_recorded_series_shows_what_is_recorded(tiny: Covered) -> None:
    rules = tiny.folder / "production" / "rules.yml"
    text = rules.read_text()
    expression = "sum(rate(tiny_failures_total[40s]))"
    assert text.count(expression) == 1
    recorded = "      - {record: tiny:failures, expr: 'sum(rate(tiny_failures_total[40s]))'}\n"
    rules.write_text(text.replace(expression, "tiny:failures").rstrip("\n") + "\n" + recorded)
    assert "alert TinyFailing panel" not in tiny.gaps()


def test_nothing_is_promised_where_nothing_is_required(tiny: Covered) -> None:
    assert tiny.judgements() == {}


def test_what_is_required_and_missing_is_violated(tiny: Covered) -> None:
    tiny.require("{require: all}")
    found = tiny.judgements()
    violated = {name: judged.message for name, judged in found.items() if judged.verdict == "violated"}
    assert violated == {
        "metric tiny_request_seconds::covered": "no metric_consumer: no rule, panel or runbook reads it"
    }
    assert found["alert TinyFailing::covered"].verdict == "held"
    assert "firing: failing" in found["alert TinyFailing::covered"].message


def test_only_the_kinds_that_are_required_are_judged(tiny: Covered) -> None:
    tiny.require("{require: [panel]}")
    assert list(tiny.judgements()) == ["alert TinyFailing::covered"]


@pytest.mark.parametrize("row", ["metric tiny_request_seconds", "metric tiny_request_seconds metric_consumer"])
def test_a_gap_may_be_waived_with_a_reason(tiny: Covered, row: str) -> None:
    tiny.require(f"{{require: all, waived: {{{row}: nobody needs it yet}}}}")
    found = tiny.judgements()
    assert {judged.verdict for judged in found.values()} == {"held"}
    assert "waived: nobody needs it yet" in found["metric tiny_request_seconds::covered"].message
    assert found["excuses::current"].message == "every excuse is needed"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("alert TinyFailing panel", "alert TinyFailing panel is not missing: remove it"),
        ("alert TinyFailin", "there is no row 'alert TinyFailin'; did you mean 'alert TinyFailing'?"),
    ],
)
def test_an_excuse_that_is_not_needed_is_violated(tiny: Covered, row: str, words: str) -> None:
    tiny.require(f"{{require: [panel], waived: {{{row}: why}}}}")
    assert tiny.judgements()["excuses::current"].message == words


def test_a_baseline_lets_known_gaps_pass_and_no_new_one(tiny: Covered) -> None:
    tiny.require("{baseline: gaps.yaml}")
    (tiny.folder / "gaps.yaml").write_text("- metric tiny_request_seconds metric_consumer\n")
    assert {judged.verdict for judged in tiny.judgements().values()} == {"held"}
    tiny.panel("tiny_request_seconds_sum")
    assert {name for name, judged in tiny.judgements().items() if judged.verdict == "violated"} == {
        "alert TinyFailing::covered",
        "excuses::current",
    }


def test_the_gaps_are_printed_as_a_baseline_lists_them(tiny: Covered) -> None:
    campaign = load_campaign([tiny.folder])
    assert list(covering(campaign, only_missing=True)) == ["- metric tiny_request_seconds metric_consumer"]
    told = list(covering(campaign))
    assert "  there    firing           failing" in told
    assert "  missing  metric_consumer  no rule, panel or runbook reads it" in told
    assert told[-1] == "10 there, 1 missing"
    tiny.require("{require: all}")
    assert "  MISSING  metric_consumer  no rule, panel or runbook reads it" in covering(load_campaign([tiny.folder]))


@pytest.mark.parametrize("text", ["gaps: 3\n", "- {a: b}\n"])
def test_a_baseline_is_a_list(tiny: Covered, text: str) -> None:
    tiny.require("{baseline: gaps.yaml}")
    (tiny.folder / "gaps.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"gaps.yaml:1:1: a baseline is a list of gaps"):
        tiny.judgements()


def test_a_baseline_that_is_not_there_is_an_error(tiny: Covered) -> None:
    tiny.require("{baseline: gap.yaml}")
    with pytest.raises(ConfigError, match=r"no file gap\.yaml"):
        tiny.judgements()


def test_some_stories_alone_promise_nothing_about_what_all_cover(tiny: Covered) -> None:
    """Alerts that the others make fire are no gaps of a gate that was asked for one."""
    tiny.require("{require: all}")

    def planes(path: Path) -> set[str]:
        return {clause.plane for clause in compile_campaign(load_campaign([path]))}

    assert "coverage" in planes(tiny.folder)
    assert "coverage" not in planes(tiny.folder / "failing.yaml")
