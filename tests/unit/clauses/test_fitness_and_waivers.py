"""Unfit cells are invalid, known violations are waived, and the exit code says the first that applies."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.clauses.fitness import lateness_p99_s
from harness.clauses.verdicts import ClauseVerdict, exit_code
from harness.contract.files import Waiver
from harness.evidence.records import ComponentState, FaultAction, Notification, Reading, Request, Series
from harness.evidence.store import Evidence

ZERO, CELL = 1_800_000_000.0, "failing"
DROPPED = "prometheus_notifications_dropped_total"


def at(p: float) -> float:
    return ZERO + p / 60


def reading(name: str, p: float, value: float, component: str = "prometheus") -> Callable[[Any], Any]:
    return lambda story: story.add(Reading(CELL, at(p), component, name, value))


def dropped(story: Any) -> Any:
    return story.change(Request, lambda r: r.seq == 50, dropped=True, sent_t=None)


UNFIT: dict[str, tuple[Callable[[Any], Any], str]] = {
    "scrape gap": (reading("scrape_gap_s", 130, 0.6, "tiny"), "tiny was not scraped for 0.6 s wall, over 3 intervals"),
    "evaluation gap": (reading("evaluation_gap_s", 130, 0.6, "rules tiny"), "rules tiny was not evaluated for 0.6 s"),
    "up is 0": (reading("up_zero_while_answered", 130, 1, "tiny"), "tiny was down for Prometheus though it answered"),
    "a scrape out of time": (reading("scrape_timed_out_s", 130, 0.17, "tiny"), "tiny ran out of time after 0.17 s"),
    "notifications": (reading(DROPPED, 100, 2), f"Prometheus dropped notifications (prometheus: {DROPPED} grew by 2)"),
    "restarted counter": (
        lambda s: reading(DROPPED, 101, 1)(reading(DROPPED, 100, 5)(s)),
        "grew by 6",
    ),
    "evaluations": (
        lambda s: reading("prometheus_rule_group_iterations_missed_total", 110, 4)(
            reading("prometheus_rule_group_iterations_missed_total", 3, 3)(s)
        ),
        "Prometheus missed rule evaluations (prometheus: prometheus_rule_group_iterations_missed_total grew by 1)",
    ),
    "documents": (reading("filebeat_events_dropped", 133, 1), "Filebeat dropped events"),
    "clock": (reading("clock_step_s", 50, 1.5, "clock"), "the machine's clock was set by 1.5 s"),
    "dropped requests": (dropped, "the generator could not send 1 of its planned requests"),
    "lateness": (
        lambda s: s.change(Request, sent_t=lambda r: r.intended_t + 0.2),
        "the generator sent late: p99 200.0 ms wall, the contract allows 50 ms",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_unfit_cell_is_invalid_violations_included(bench: Any, story: Any, name: str) -> None:
    change, reason = UNFIT[name]
    verdicts = bench.judge(change(story.drop(Notification)))
    assert {item.verdict for item in verdicts} == {"invalid"}
    assert all(item.message.startswith("failing: ") and reason in item.message for item in verdicts)


FIT: dict[str, Callable[[Any], Any]] = {
    "a gap of three intervals": reading("scrape_gap_s", 130, 0.5, "tiny"),
    "a gap inside a fault": reading("scrape_gap_s", 50, 5.0, "tiny"),
    "a gap that the healing ends": reading("scrape_gap_s", 80, 0.9, "tiny"),
    "down inside a fault": reading("up_zero_while_answered", 50, 3, "tiny"),
    "out of time inside a fault": reading("scrape_timed_out_s", 50, 0.17, "tiny"),
    "down without an answer": reading("up_zero_s", 130, 3.0, "tiny"),
    "a counter that stood before": lambda s: reading("alertmanager_notification_requests_failed_total", 130, 3)(
        reading("alertmanager_notification_requests_failed_total", 2, 3)(s)
    ),
    "a counter that says nothing about fitness": lambda s: reading("filebeat_events_acked", 130, 9)(
        reading("filebeat_events_acked", 2, 3)(s)
    ),
    "what a cut made": lambda s: reading(DROPPED, 60, 2)(s.change(FaultAction, kind="link")),
    "one of a thousand is late": lambda s: s.change(Request, lambda r: r.seq == 7, sent_t=lambda r: r.sent_t + 0.04),
}


@pytest.mark.parametrize("name", FIT)
def test_what_does_not_make_a_cell_unfit(bench: Any, story: Any, name: str) -> None:
    assert "invalid" not in {item.verdict for item in bench.judge(FIT[name](story))}


def test_a_hook_is_no_excuse_for_a_dropped_notification(bench: Any, story: Any) -> None:
    assert {item.verdict for item in bench.judge(reading(DROPPED, 60, 2)(story))} == {"invalid"}


@pytest.mark.parametrize(
    ("component", "died_p", "expected", "invalid"),
    [
        ("alertmanager", 99, False, False),
        ("alertmanager", 101, False, False),  # its death is told a moment after what it did
        ("alertmanager", 240, False, True),
        ("alertmanager", 99, True, True),
        ("filebeat", 99, False, True),
    ],
)
def test_what_a_dead_part_explains_takes_no_verdict_along(
    bench: Any, story: Any, component: str, died_p: float, expected: bool, invalid: bool
) -> None:
    story.add(ComponentState(CELL, at(died_p), component, "stack", "exited", expected, -9))
    verdicts = bench.judge(reading(DROPPED, 100, 2)(story))
    assert ("invalid" in {item.verdict for item in verdicts}) is invalid


def test_a_gap_after_an_old_fault_counts(bench: Any, story: Any) -> None:
    assert {item.verdict for item in bench.judge(reading("scrape_gap_s", 130, 0.6)(story))} == {"invalid"}


def test_lateness_is_the_nearest_rank(story: Any) -> None:
    template = next(r for r in story.records() if isinstance(r, Request))
    late = [type(template)(CELL, "p", "k", i, "", "", 0.0, i / 1000, None, None, None, 200, True) for i in range(100)]
    assert lateness_p99_s(Evidence(late), CELL) == 0.098
    assert lateness_p99_s(Evidence(), CELL) == 0.0


WAIVED = "failing::alerts::TinyFailing::pages_once"


def waiver(expires: str = "2027-02-01", clause: str = WAIVED) -> Waiver:
    return Waiver(clause=clause, reason="slack posts twice", owner="ops", expires=expires)


def twice(story: Any) -> Any:
    return story.notice("firing", 69.0, receiver="somebody")


def test_a_known_violation_is_waived(bench: Any, story: Any) -> None:
    verdict = bench.one(twice(story), "pages_once", waiver())
    assert verdict.verdict == "waived"
    assert verdict.details[-1] == "waived until 2027-02-01 by ops: slack posts twice"


def test_a_waiver_holds_to_the_end_of_its_day_and_no_longer(bench: Any, story: Any) -> None:
    assert bench.one(twice(story), "pages_once", waiver("2027-01-15")).verdict == "waived"
    verdict = bench.one(story, "pages_once", waiver("2027-01-14"))
    assert verdict.verdict == "violated"
    assert verdict.details[-1] == "the waiver expired on 2027-01-14 (ops)"


def test_a_stale_waiver_fails(bench: Any, story: Any) -> None:
    verdict = bench.one(story, "pages_once", waiver())
    assert (verdict.verdict, verdict.details[-1]) == ("waived but held", "remedy: remove the waiver")
    assert exit_code([verdict]) == 1


def test_what_is_inconclusive_cannot_be_waived(bench: Any, story: Any) -> None:
    story.drop(Series, lambda x: x.query == "ALERTS")
    assert bench.one(story.lasting(400), "pages_once", waiver()).verdict == "inconclusive"


def verdicts_of(bench: Any, *words: str) -> list[ClauseVerdict]:
    planes = {item.plane: item for item in bench.clauses}
    plane_of = {"alerts": planes["alerts"], "logs": planes["logs"]}
    return [ClauseVerdict(plane_of[plane], word, "") for plane, word in (item.split(" ", 1) for item in words)]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("alerts held", "logs held"), 0),
        (("alerts held", "logs held", "logs waived"), 0),
        (("alerts held", "logs held", "logs not applicable"), 0),
        (("alerts held", "logs violated"), 1),
        (("alerts invalid", "logs violated", "logs inconclusive"), 1),
        (("alerts held", "logs held", "logs waived but held"), 1),
        (("alerts held", "logs held", "logs inconclusive"), 4),
        (("alerts held", "logs held", "alerts invalid"), 4),
        (("alerts held",), 4),
        (("alerts held", "logs waived"), 4),
        (("alerts held", "logs not applicable"), 4),
        ((), 4),
    ],
)
def test_the_exit_code_is_the_first_that_applies(bench: Any, words: tuple[str, ...], code: int) -> None:
    assert exit_code(verdicts_of(bench, *words), {"alerts", "logs"}) == code
