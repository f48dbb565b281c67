"""A name that nothing has is told before anything starts, with its place and the nearest that there is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.run import linting

TINY = Path(__file__).parents[3] / "fixtures" / "tiny"
WAIVED = "waivers: [{clause: x, reason: y, owner: z, expires: '2099-01-01'}]\n"
RECORDED = "      - {record: tiny_failures_rate, expr: 'rate(tiny_failures_total[40s])'}\n"


def edited(folder: Path, file: str, before: str, after: str) -> Path:
    path = folder / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(TINY, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("contract.yaml", "reaches: on-call", "reaches: oncall", "51:5: there is no receiver 'oncall'"),
        ("contract.yaml", "reaches: on-call", "also_told: [on-cal]", "51:5: there is no receiver 'on-cal'"),
        ("contract.yaml", "event_time: time", "event_time: tme", "20:3: there is no declared log field 'tme'"),
        ("contract.yaml", "[pid, seq]", "[pid, sq]", "21:13: there is no declared log field 'sq'"),
        ("failing.yaml", "{pages: on-call}", "{pages: on-cal}", "10:5: there is no receiver 'on-cal'"),
        ("failing.yaml", "becomes: failing", "becomes: failed", "15:5: there is no state 'failed'"),
        ("failing.yaml", "one per failed work", "one per failed wrk", "11:5: there is no request kind 'wrk'"),
        ("failing.yaml", "counts: one per work", "counts: one per wrk", "13:5: there is no request kind 'wrk'"),
        ("failing.yaml", "failures: 100%", "failures: all", "6:65: 'all' is not a value in ratio"),
        ("failing.yaml", "sum(tiny_failures_total)", "sum(tiny_failures_total", "12:5: not valid PromQL"),
        (
            "failing.yaml",
            "sum(tiny_failures_total)",
            "sum(tiny_failure_total)",
            "12:5: there is no family in the contr",
        ),
        (
            "failing.yaml",
            "promql sum(rate(tiny_fail",
            "promql sum(rate(tiny_fil",
            "21:5: there is no family",
        ),
        ("profile.yaml", "{{value}}", "{{valu}}", "25:13: {{valu}} has no value here"),
        ("profile.yaml", "path: /work", "path: '/work?id={{ seq }}'", "18:5: {{ seq }} has no value here"),
        ("profile.yaml", "path: /work", "path: work", "20:11: requests.work.path: a path begins with /, as in /work"),
        ("profile.yaml", '"> 0"', '"=> 0"', "26:14: faults.failures.confirm: '=> 0' compares with nothing"),
        (
            "campaign.yaml",
            "contract: c",
            f"{WAIVED}contract: c",
            "no clause 'x' to waive",
        ),
        (
            "production/prometheus.yml",
            "scrape_interval:",
            "scrape_intervall:",
            "Prometheus has no key 'scrape_intervall'",
        ),
    ],
)
def test_a_slip_is_told_with_its_place(folder: Path, file: str, before: str, after: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_campaign(load_campaign([edited(folder, file, before, after)]))
    assert f"{file}:" in str(caught.value)
    assert told in str(caught.value)


def test_what_a_rule_records_is_there(folder: Path) -> None:
    edited(folder, "production/rules.yml", "    rules:\n", f"    rules:\n{RECORDED}")
    edited(folder, "failing.yaml", "metric sum(tiny_failures_total)", "metric sum(tiny_failures_rate)")
    assert compile_campaign(load_campaign([folder]))


def test_a_template_of_the_service_itself_is_left_alone(folder: Path) -> None:
    edited(folder, "profile.yaml", "path: /work", "path: '/work?name={{ name }}&id={{seq}}'")
    assert load_campaign([folder])


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("{port.app}", "{port.ap}", "{port.ap} has no value here"),
        ("job: tiny", "job: tinny", "which nothing binds; stands_for has the job 'tinny'"),
    ],
)
def test_lint_tells_what_only_a_run_would_fill_in(
    folder: Path, before: str, after: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert linting.main([str(edited(folder, "profile.yaml", before, after))]) == 2
    assert told in capfd.readouterr().err
