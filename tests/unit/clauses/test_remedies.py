"""What could not be decided names the line to add; what another clause or part is to blame for names that instead."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from harness.clauses.metric_course import judge_monotonic
from harness.clauses.model import Clause, Judgement, inconclusive, still_open
from harness.clauses.verdicts import judge_campaign
from harness.core.errors import Location
from harness.evidence.records import CellFinished, CellStarted, Exposition, Federated
from harness.evidence.store import Evidence

CELL = "steady"


def words(plane: str, promise: str, judgement: Judgement) -> tuple[str, ...]:
    place = Location("contract.yaml", 1, 1)
    clause = Clause(CELL, plane, "ShopDown", promise, place, "", (), lambda _: judgement, (CELL,))
    evidence = Evidence([CellStarted(CELL, 0.0, 60.0, 1.0, 1.0), CellFinished(CELL, 9.0, completed=True)])
    return judge_campaign([clause], evidence, (), date(2027, 1, 1))[0].details


@pytest.mark.parametrize(
    ("plane", "promise", "told"),
    [
        ("alerts", "stays_quiet", "a phase with fault: and until: ShopDown firing"),
        ("metrics", "labels", "optional: true to the family"),
        ("metrics", "one_per_request", "load: {rate: 0.1/s, mix: {KIND: 1}} to the phase"),
        ("logs", "envelope", "what writes such lines: a kind under requests: in the profile"),
        ("health", "proves_alone", "a phase whose fault: makes that check fail"),
        ("canary", "holds_none", "{{canary.NAME}} to a header"),
    ],
)
def test_each_names_the_line_to_add(plane: str, promise: str, told: str) -> None:
    (line,) = words(plane, promise, still_open("nothing was seen"))
    assert line.startswith("to decide it, add ")
    assert told in line


def test_another_clause_is_to_blame_where_it_is_because_of_that() -> None:
    assert words("metrics", "labels", inconclusive("because of campaign::metrics::x::exists")) == ()


def test_a_promise_that_is_known_to_nobody_names_nothing() -> None:
    assert words("traces", "spans", still_open("nothing was seen")) == ()


SUMMARY = """\
# TYPE took_seconds summary
took_seconds{{quantile="0.5"}} {median}
took_seconds_sum 9
took_seconds_count {count}
"""


def seen(*texts: str) -> Any:
    records = [Exposition(CELL, float(t), "shop-0", text, "", 0.01) for t, text in enumerate(texts, 1)]
    start = CellStarted(CELL, 0.0, 60.0, 1.0, 1.0)
    return Evidence([start, *records, CellFinished(CELL, 9.0, completed=True)])


def test_quantiles_may_fall_and_counts_may_not() -> None:
    judge = judge_monotonic("took_seconds", optional=False)
    fine = seen(SUMMARY.format(median="NaN", count=1), SUMMARY.format(median=3, count=2))
    assert judge(fine).verdict == "held"
    assert judge(seen(SUMMARY.format(median=3, count=2), SUMMARY.format(median=1, count=2))).verdict == "held"
    fell = judge(seen(SUMMARY.format(median=1, count=2), SUMMARY.format(median=1, count=1)))
    assert fell.message.startswith("took_seconds_count fell to 1 after 2")


def test_a_quantile_that_moved_in_the_story_may_have_moved_while_it_was_scraped() -> None:
    from harness.clauses.metric_agreement import judge_scraped

    texts = [SUMMARY.format(median=median, count=2) for median in (1, 3, 3)]
    evidence = seen(*texts)
    evidence.add(Federated(CELL, 2.5, SUMMARY.format(median=2, count=2)))
    assert judge_scraped("took_seconds")(evidence).verdict == "held"
