"""Texts in every format that Prometheus scrapes: families are named as Prometheus stores them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clauses.exposition import parse_exposition
from harness.clauses.metrics import _selector
from harness.contract.planes import Metrics
from tests.unit.clauses.test_metrics_in_full import compiled, ended, judge

OPENMETRICS = """\
# HELP odd_requests Requests.
# TYPE odd_requests counter
odd_requests_total{code="200"} 4 # {trace_id="abc"} 1 1796049220.448
odd_requests_created{code="200"} 1796049219.743
# TYPE odd_unseen counter
# TYPE odd_seconds histogram
# UNIT odd_seconds seconds
odd_seconds_bucket{le="1.0"} 1 # {trace_id="x"} 0.05
odd_seconds_bucket{le="+Inf"} 1
odd_seconds_count 1
odd_seconds_sum 0.05
# TYPE odd_build info
odd_build_info{version="1"} 1
# TYPE odd_mode stateset
odd_mode{odd_mode="a"} 1
# EOF
"""


def shown(text: str) -> dict[str, tuple[str, list[str]]]:
    """Family → its type, and the names of its samples."""
    return {name: (f.type, sorted({s.name for s in f.samples})) for name, f in parse_exposition(text).items()}


def test_openmetrics_is_read_as_prometheus_stores_it() -> None:
    assert shown(OPENMETRICS) == {
        "odd_requests_total": ("counter", ["odd_requests_total"]),
        "odd_unseen_total": ("counter", []),
        "odd_seconds": ("histogram", ["odd_seconds_bucket", "odd_seconds_count", "odd_seconds_sum"]),
        "odd_build_info": ("gauge", ["odd_build_info"]),
        "odd_mode": ("gauge", ["odd_mode"]),
    }
    assert parse_exposition(OPENMETRICS)["odd_requests_total"].samples[0].value == 4


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("# TYPE jobs counter\njobs 3\n", "jobs"),
        ("# TYPE jobs counter\n", "jobs"),
        ("# TYPE jobs_total counter\njobs_total 3\n", "jobs_total"),
        ("# TYPE jobs_total counter\n", "jobs_total"),
        ("# TYPE jobs counter\njobs_total 3\n", "jobs_total"),
        ('# TYPE "http.jobs" counter\n{"http.jobs",kind="a"} 3\n', "http.jobs"),
        ('# TYPE "http.jobs_total" counter\n{"http.jobs_total"} 3\n', "http.jobs_total"),
    ],
)
def test_a_counter_is_named_as_the_text_names_it(text: str, name: str) -> None:
    assert shown(text) == {name: ("counter", [name] if " 3" in text else [])}


def test_a_counter_without_total_is_found_in_prometheus(tmp_path: Path) -> None:
    table = compiled(tmp_path, ("jobs_total", "jobs"))
    text = '# HELP jobs Jobs.\n# TYPE jobs counter\njobs{kind="a",who="x"} 3\njobs{kind="b",who="x"} 0\n'
    found = judge(table["metrics::jobs::scraped"], *ended(text))
    assert (found.verdict, found.message) == ("held", "2 series are in Prometheus as exposed")


def test_names_that_are_no_words_are_quoted_twice() -> None:
    plane = Metrics.model_validate({"families": {"http.jobs": {"type": "counter"}, "größe": {"type": "gauge"}}})
    assert _selector(plane) == r'{__name__=~"(?:http\\.jobs|größe)(?:_bucket|_sum|_count)?"}'
    assert _selector(plane.model_copy(update={"prefix": "a.b"})) == r'{__name__=~"a\\.b.+"}'
