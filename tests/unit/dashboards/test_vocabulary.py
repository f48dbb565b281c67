"""What an expression may speak of: families with their suffixes, labels of theirs and of scraping, possible values."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.artefacts.groupings import groupings_of
from harness.artefacts.promql import parse
from harness.clauses.production import read_production
from harness.clauses.vocabulary import Vocabulary, vocabulary_of
from harness.contract import load_campaign
from harness.core.errors import Location

Edit = Callable[[str, str, str], Vocabulary]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """The vocabulary of the tiny campaign with one piece of one of its files replaced."""

    def edited(name: str, old: str, new: str) -> Vocabulary:
        folder = tmp_path / "tiny"
        shutil.copytree("fixtures/tiny", folder, ignore=shutil.ignore_patterns("service"))
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")
        campaign = load_campaign([folder])
        return vocabulary_of(campaign, read_production(campaign))

    return edited


@pytest.fixture
def tiny() -> Vocabulary:
    campaign = load_campaign([Path("fixtures/tiny")])
    return vocabulary_of(campaign, read_production(campaign))


def problems(vocabulary: Vocabulary, text: str) -> list[str]:
    return list(vocabulary.problems(parse(text, Location("query"))))


SOUND = (
    'tiny_requests_total{job="tiny", instance="tiny:8080", code=~"2..|500"}',
    "sum by (job, le) (rate(tiny_request_seconds_bucket[5m]))",
    "tiny_request_seconds_sum / tiny_request_seconds_count",
    "sum by (zone) (label_replace(tiny_requests_total, 'zone', '$1', 'instance', '(.*)'))",
    "sum by (n) (count_values('n', tiny_requests_total))",
    "tiny_failures_total / on (instance) group_left () up",
    "sum by (anything) (other_total{whatever='x'})",
    "sum without (code) (tiny_requests_total)",
    "{__name__=~'tiny_.*'}",
)


@pytest.mark.parametrize("text", SOUND)
def test_what_is_declared_is_no_problem(tiny: Vocabulary, text: str) -> None:
    assert problems(tiny, text) == []


UNSOUND = {
    "tiny_request_total": "tiny_request_total is declared nowhere; did you mean 'tiny_requests_total'?",
    "tiny_failures_total_bucket": "tiny_failures_total_bucket is declared nowhere; did you mean 'tiny_failures_total'?",
    'tiny_requests_total{cod="200"}': "tiny_requests_total has no label cod; did you mean 'code'?",
    'tiny_requests_total{code="20"}': (
        "tiny_requests_total: no declared value of code passes code='20'; did you mean '200'?"
    ),
    'tiny_requests_total{code!~".*"}': "tiny_requests_total: no declared value of code passes code!~'.*'",
    "sum by (cod) (tiny_requests_total)": "by (cod): nothing below it has that label; did you mean 'code'?",
    "tiny_requests_total * on (zone) tiny_failures_total": "on (zone): nothing below it has that label",
    "rate(tiny_request_seconds[5m])": (
        "tiny_request_seconds is a histogram: its series are tiny_request_seconds_bucket, tiny_request_seconds_sum and "
        "tiny_request_seconds_count"
    ),
}


@pytest.mark.parametrize("text", UNSOUND)
def test_what_is_declared_nowhere_is_told_with_the_nearest(tiny: Vocabulary, text: str) -> None:
    assert problems(tiny, text) == [UNSOUND[text]]


def test_a_value_that_no_pattern_allows_is_told(edit: Edit) -> None:
    changed = edit(
        "contract.yaml", 'labels: {code: ["200", "500"]}, from_start: all', 'labels: {code: {pattern: "[25]00"}}'
    )
    assert problems(changed, 'tiny_requests_total{code="404"}') == [
        "tiny_requests_total: code='404' can never be, by the declared pattern [25]00"
    ]
    assert problems(changed, 'tiny_requests_total{code=~"4.*"}') == []


def test_labels_of_relabelling_may_be_asked_and_a_map_of_labels_allows_any(edit: Edit) -> None:
    rule = "    relabel_configs: [{source_labels: [job], target_label: team}]\n    static_configs:"
    assert (
        problems(edit("production/prometheus.yml", "    static_configs:", rule), "sum by (team) (tiny_failures_total)")
        == []
    )


def test_a_map_of_labels_allows_any(edit: Edit) -> None:
    rule = "    relabel_configs: [{action: labelmap, regex: __meta_(.+)}]\n    static_configs:"
    mapped = edit("production/prometheus.yml", "    static_configs:", rule)
    assert problems(mapped, "sum by (anything) (tiny_failures_total)") == []


def test_strangers_are_named_and_the_servers_own_series_are_none(tiny: Vocabulary) -> None:
    query = parse(
        "up + ALERTS + scrape_duration_seconds + other_total + tiny_failures_total + other_total", Location("q")
    )
    assert tiny.strangers(query) == ("other_total",)


def test_groupings_are_found_wherever_they_stand() -> None:
    query = parse("sum by (a) (max by (b, c) (x) * on (d) group_left (e) y) / ignoring (f) z", Location("q"))
    assert [(each.word, each.labels) for each in groupings_of(query)] == [
        ("by", ("a",)),
        ("on", ("d",)),
        ("by", ("b", "c")),
    ]
