"""The search for the limit: which rate comes next, what each step says for itself, and what broke first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.conclusion import conclude_search
from harness.clauses.limit import Search, load_steps, next_rate
from harness.clauses.model import Clause
from harness.clauses.slicing import OFFERED, SETTLED, steps_of
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.core.events import LimitFound
from harness.evidence.records import (
    ASKED_FROM,
    Barrier,
    CellFinished,
    CellStarted,
    Document,
    LogLine,
    PhaseMark,
    Reading,
    Record,
    Request,
    Series,
    Watched,
)
from harness.evidence.store import Evidence
from harness.front.offering import LoadWish, offered_story

CELL, ZERO, SPEED = "offered_load", 1.8e9, 60.0
MISSED = "prometheus_rule_group_iterations_missed_total"


@pytest.mark.parametrize(
    ("limit", "rates"),
    [
        (0.9, [1.0, 0.5, 0.7071, 0.8409, 0.917]),  # the first is too high already: down, then between
        (3.0, [1.0, 2.0, 4.0, 2.828, 3.363, 3.084]),
        (math.inf, [1.0, 2.0, 4.0, 8.0, 10.0]),
        (0.0, [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.01562]),
    ],
)
def test_rates_rise_until_something_breaks_and_are_bisected_then(limit: float, rates: list[float]) -> None:
    search, tried = Search(1.0, steps=20, most_per_s=10.0), list[tuple[float, bool]]()
    while (rate := next_rate(search, tried)) is not None:
        tried.append((rate, rate <= limit))
    assert [rate for rate, _ in tried] == rates


def test_the_number_of_steps_is_a_bound() -> None:
    assert next_rate(Search(1.0, steps=1), [(1.0, True)]) is None


@pytest.mark.parametrize("fields", [{"first_per_s": 0.0}, {"first_per_s": 2.0, "most_per_s": 1.0}])
def test_rates_that_cannot_be_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="the first rate"):
        Search.of({"steps": 3, **fields})


@pytest.mark.parametrize("steps", [0, 101])
def test_so_are_numbers_of_steps(steps: int) -> None:
    with pytest.raises(ConfigError, match="1 to 100 steps"):
        Search(1.0, steps=steps)


# --- evidence by hand -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """The tiny campaign with the story that a search of its one story makes."""
    tiny = load_campaign([Path("fixtures/tiny")])
    story = tmp_path_factory.mktemp("offered") / f"{CELL}.yaml"
    story.write_text(offered_story(tiny, LoadWish(story="failing", find_limit=True, lasts="1m")))
    return load_campaign([Path("fixtures/tiny")], [story])


@pytest.fixture(scope="module")
def own(offered: Campaign) -> tuple[Clause, ...]:
    return tuple(clause for clause in compile_campaign(offered) if clause.scope == CELL)


class Steps:
    """Two steps of two wall seconds each, four requests a second; each method spoils the second."""

    def __init__(self) -> None:
        self.records: list[Record] = [
            CellStarted(CELL, ZERO, SPEED, 0.2, 0.2, ("tiny-0",)),
            Reading(CELL, ZERO - 1, "prometheus", MISSED, 3.0),
        ]
        self.total = 0
        for number, (since, rate) in enumerate(((ZERO, 1.0), (ZERO + 10, 2.0)), start=1):
            self.records += self._step(number, since, rate)
        self.records += [Watched(CELL, ZERO + 20), CellFinished(CELL, ZERO + 20, completed=True)]

    def _step(self, number: int, since: float, rate: float) -> Iterator[Record]:
        phase = f"step {number}"
        yield Reading(CELL, since, "generator", OFFERED, rate)
        yield PhaseMark(CELL, since, phase, "start")
        for index in range(8):
            t = since + index / 4
            name = f"r{number}-{index}"
            yield Request(
                CELL, phase, "work", index, name, "tiny-0", t, t, t + 0.01, None, t + 0.02, 200, expected=True
            )
            fields = {"time": f"2027-01-15T08:00:{t - ZERO + 0.02:06.3f}+00:00", "level": "info", "request_id": name}
            yield LogLine(CELL, t + 0.1, "requests", "tiny-0", "f", index, fields)
            yield Document(CELL, t + 0.5, "i", name, "requests", {**fields, "@timestamp": fields["time"]})
        yield PhaseMark(CELL, since + 2, phase, "end")
        for plane in ("metrics", "logs"):
            yield Barrier(CELL, since + 4, plane, passed=True)
        for query in ("sum(tiny_requests_total)", "sum(tiny_request_seconds_count)"):
            points = tuple((since + at, float(self.total + done)) for at, done in ((0.05, 0), (1.0, 4), (4.0, 8)))
            yield Series(CELL, since + 5, query, {}, points)
        yield Series(CELL, since + 5, "up", {}, ((since + 1, 1.0), (since + 2, 1.0)))
        yield Series(CELL, since + 5, "scrape_duration_seconds", {}, ((since + 1, 0.004), (since + 2, 0.006)))
        self.total += 8
        yield Reading(CELL, since + 6, "generator", SETTLED, 1.0)

    def spoil(self, kind: type[Any], where: Any, **fields: Any) -> Steps:
        """Other fields in the records of the second step for which ``where`` holds."""
        for index, record in enumerate(self.records):
            if isinstance(record, kind) and getattr(record, "t", ZERO) >= ZERO and where(record):
                new = {name: value(record) if callable(value) else value for name, value in fields.items()}
                self.records[index] = replace(record, **new)  # type: ignore[type-var]
        return self

    def without(self, kind: type[Any], where: Any) -> Steps:
        self.records = [record for record in self.records if not (isinstance(record, kind) and where(record))]
        return self

    def evidence(self) -> Evidence:
        return Evidence(self.records, planned=(CELL,))


def second(request: Request) -> bool:
    return request.phase == "step 2"


def found(campaign: Campaign, clauses: tuple[Clause, ...], steps: Steps) -> LimitFound:
    told = conclude_search(campaign, clauses, steps.evidence()).found[-1]
    assert isinstance(told, LimitFound)
    return told


def test_a_story_is_made_of_what_another_counts_and_demands(offered: Campaign, own: tuple[Clause, ...]) -> None:
    assert len(offered.scenarios[-1].phases) == 10
    assert [clause.id.partition("::")[2] for clause in own if clause.plane in {"metrics", "logs", "load"}] == [
        "metrics::sum(tiny_requests_total)::one_per_work",
        "metrics::sum(tiny_request_seconds_count)::one_per_request",
        "logs::requests::arrives",
        "logs::requests::keeps_time",
        "logs::requests::searchable_in_time",
        "load::response_p95_of_work_below::holds",
        "load::failed_below::holds",
        "load::goodput_above::holds",
    ]


def test_each_step_is_judged_by_itself(offered: Campaign, own: tuple[Clause, ...]) -> None:
    steps = load_steps(offered, own, Steps().evidence(), CELL)
    assert [(step.rate_per_s, step.held, step.sent, step.reasons) for step in steps] == [
        (1.0, True, 8, ()),
        (2.0, True, 8, ()),
    ]
    assert steps[1].telemetry == pytest.approx(
        {
            "scrape_p50_s": 0.004,
            "scrape_max_s": 0.006,
            "scrapes_failed": 0.0,
            "evaluations_missed": 0.0,
            "log_lag_p50_s": 0.48,
            "log_lag_p99_s": 0.48,
            "log_lag_max_s": 0.48,
            "lines": 8.0,
            "documents": 8.0,
            "documents_lost": 0.0,
        }
    )
    assert steps[0].throughput_per_s == pytest.approx(8 / 1.77 / 60)


def test_nothing_broke(offered: Campaign, own: tuple[Clause, ...]) -> None:
    told = found(offered, own, Steps())
    assert (told.rate_per_s, told.broken_at_per_s, told.broke_first, told.steps) == (2.0, None, "", 2)
    assert conclude_search(offered, own, Steps().evidence()).exit_code == 0


SPOILT = {
    "logs": lambda s: s.without(Document, lambda d: d.id == "r2-3"),
    "service": lambda s: s.spoil(Request, lambda r: r.phase == "step 2", expected=False, status=500),
    "metrics": lambda s: s.spoil(Series, lambda x: x.t > ZERO + 10, points=lambda x: (*x.points[:-1],)),
    "generator": lambda s: s.spoil(Request, lambda r: r.phase == "step 2", sent_t=lambda r: r.intended_t + 0.5),
}


@pytest.mark.parametrize("who", ["service", "metrics", "logs", "generator"])
def test_who_broke_first(offered: Campaign, own: tuple[Clause, ...], who: str) -> None:
    told = found(offered, own, SPOILT[who](Steps()))
    assert (told.rate_per_s, told.broken_at_per_s, told.broke_first) == (1.0, 2.0, who)


def test_the_stack_is_to_blame_for_what_it_missed(offered: Campaign, own: tuple[Clause, ...]) -> None:
    """A counter goes on from before the step: only what grew in it counts."""
    steps = Steps()
    steps.records.insert(2, Reading(CELL, ZERO + 1, "prometheus", MISSED, 3.0))
    assert found(offered, own, steps).broke_first == ""
    steps.records.append(Reading(CELL, ZERO + 12, "prometheus", MISSED, 5.0))
    told = found(offered, own, steps)
    assert (told.broken_at_per_s, told.broke_first) == (2.0, "stack")
    assert "grew by 2" in told.reason
    assert load_steps(offered, own, steps.evidence(), CELL)[1].telemetry["evaluations_missed"] == 2.0


def test_what_the_harness_counts_from_zero_is_charged_to_its_own_step(
    offered: Campaign, own: tuple[Clause, ...]
) -> None:
    steps = Steps()
    steps.records += [Reading(CELL, ZERO + at, "clock", "clock_step_s", value) for at, value in ((1, 0.3), (12, 0.3))]
    told = load_steps(offered, own, steps.evidence(), CELL)
    assert [step.broke for step in told] == [("stack",), ()]


def test_a_series_that_is_born_in_a_step_began_at_zero_however_early_it_comes(
    offered: Campaign, own: tuple[Clause, ...]
) -> None:
    def reborn(steps: Steps) -> Steps:
        return steps.spoil(
            Series,
            lambda x: x.query == "sum(tiny_requests_total)" and x.t > ZERO + 10,
            labels={"version": "2"},
            points=((ZERO + 10.3, 1.0), (ZERO + 14.0, 8.0)),
        )

    steps = reborn(Steps())
    assert found(offered, own, steps).broke_first != ""  # nobody says that it was not there before
    steps.records.insert(1, Reading(CELL, ZERO - 0.1, "queries", ASKED_FROM, 0.0))
    assert found(offered, own, steps).broke_first == ""


def test_what_does_not_come_to_an_end_is_the_services(offered: Campaign, own: tuple[Clause, ...]) -> None:
    steps = Steps().spoil(Reading, lambda r: r.name == SETTLED and r.t > ZERO + 10, value=0.0)
    assert found(offered, own, steps).reason == "service: what was sent did not come to an end"


def test_a_search_that_is_cut_short_says_where(offered: Campaign, own: tuple[Clause, ...]) -> None:
    steps = Steps().without(Reading, lambda r: r.name == SETTLED and r.t > ZERO + 10)
    steps.spoil(CellFinished, lambda _: True, completed=False, reason="tiny-0 ended")
    told = found(offered, own, steps)
    assert (told.rate_per_s, told.steps, told.cut_short) == (1.0, 1, "tiny-0 ended at 2/s")
    assert conclude_search(offered, own, steps.evidence()).exit_code == 4


def test_without_a_beginning_there_are_no_steps() -> None:
    assert steps_of(Evidence(), CELL) == ()
