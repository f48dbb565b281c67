"""What a person reads: the first missing hop, what died, why it is inconclusive."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.evidence.records import (
    CAMPAIGN,
    AlertSnapshot,
    CellFinished,
    ComponentState,
    FaultAction,
    HttpAnswer,
    Notification,
    Reading,
    RuleState,
    Series,
    Unmet,
    Watched,
)

ZERO, CELL = 1_800_000_000.0, "failing"
FIRES, PAGES = "failing::alerts::TinyFailing::fires", "failing::alerts::TinyFailing::pages"


def at(p: float) -> float:
    return ZERO + p / 60


def firing(series: Series) -> bool:
    return series.query == "ALERTS" and series.labels["alertstate"] == "firing"


def unheard(story: Any) -> Any:
    return story.drop(Notification).lasting(400)


def snapshots(**fields: Any) -> Callable[[Any], Any]:
    return lambda story: unheard(story).change(AlertSnapshot, **fields)


HOPS: dict[str, tuple[Callable[[Any], Any], str, str, str]] = {
    "expression": (
        lambda s: s.drop(Series, lambda x: x.query == "ALERTS"),
        "pends",
        "expression",
        "ranged from 0 to 0.5; it was to be > 0.1",
    ),
    "no series": (
        lambda s: s.drop(Series, lambda x: x.query == "ALERTS" or x.query.startswith("sum(rate")),
        "pends",
        "expression",
        "returned no series at any evaluation",
    ),
    "no rule": (
        lambda s: s.drop(Series, lambda x: x.query == "ALERTS").drop(RuleState),
        "pends",
        "rule",
        "Prometheus has not loaded the rule",
    ),
    "evaluation error": (
        lambda s: s.drop(Series, lambda x: x.query == "ALERTS").change(RuleState, health="err", last_error="odd"),
        "pends",
        "rule",
        "its evaluation failed: odd",
    ),
    "for": (lambda s: s.drop(Series, firing), "fires", "rule state", "pending at 2 evaluations"),
    "transport": (
        lambda s: unheard(s).drop(AlertSnapshot),
        "pages",
        "Prometheus to Alertmanager",
        "Alertmanager never held the alert",
    ),
    "inhibited": (snapshots(inhibited_by=("beef",)), "pages", "inhibition", "it is inhibited by beef"),
    "silenced": (snapshots(silenced_by=("quiet",)), "pages", "inhibition", "it is silenced by quiet"),
    "routed": (snapshots(receivers=("other",)), "pages", "route", "Alertmanager routes it to other"),
    "undelivered": (snapshots(), "pages", "receiver", "no delivery arrived"),
    "misrouted": (
        lambda s: s.change(Notification, receiver="other").lasting(400),
        "pages",
        "route",
        "latest: 5s group_wait",
    ),
    "never resolved": (
        lambda s: (
            s.drop(Notification, lambda n: n.status == "resolved").alerts("firing", range(110, 400, 10)).lasting(400)
        ),
        "resolves",
        "expression",
        "last seen firing",
    ),
    "recovery told elsewhere": (
        lambda s: s.change(Notification, lambda n: n.status == "resolved", receiver="other").lasting(400),
        "resolves",
        "route",
        "was not told of recovery by webhook; other was, by webhook",
    ),
    "not told of recovery": (
        lambda s: s.drop(Notification, lambda n: n.status == "resolved").lasting(400),
        "resolves",
        "receiver",
        "last seen firing",
    ),
}


@pytest.mark.parametrize("name", HOPS)
def test_the_first_missing_hop_is_named(bench: Any, story: Any, name: str) -> None:
    change, promise, hop, detail = HOPS[name]
    verdict = bench.one(change(story), f"TinyFailing::{promise}")
    assert (verdict.verdict, verdict.hop) == ("violated", hop)
    assert verdict.details[0] == f"first missing hop: {hop}"
    assert detail in "\n".join((verdict.message, *verdict.details))


def test_a_broken_chain_is_violated_once_and_named_by_what_hangs_on_it(bench: Any, story: Any) -> None:
    story.drop(Series, firing)
    assert bench.one(story, "::pages").message == "because of failing::alerts::TinyFailing::fires"
    assert bench.one(story, "::resolves").message == "because of failing::alerts::TinyFailing::fires"
    story.drop(Series, lambda x: x.query == "ALERTS")
    assert bench.one(story, "::fires").message == "because of failing::alerts::TinyFailing::pends"


def test_bounds_are_printed_with_their_terms_and_the_rule_with_its_place(bench: Any, story: Any) -> None:
    details = "\n".join(bench.one(story.drop(Series, firing), "::fires").details)
    assert "latest: 10s scrape + 40s crossing + 10s evaluation + 20s for in whole evaluations" in details
    assert "rule: production/rules.yml:4:" in details
    assert "as run at speed 60" in details
    early = bench.one(story.alerts("firing", (20.0,)), "::fires")
    assert early.message == "too early: 8s700ms production after the first failed request in failing"
    assert early.details[1] == "earliest: 20s for - 10s evaluation"


def test_an_unconfirmed_fault_is_the_reason(bench: Any, story: Any) -> None:
    story.change(FaultAction, lambda f: f.action == "confirm", action="failed", detail="0 is not > 0")
    assert bench.one(story, "::fires").message == "because the fault failures was not confirmed: 0 is not > 0"
    story.change(HttpAnswer, body={"status": "healthy"})
    becomes = bench.one(story, "becomes_failing_in_failing")
    assert (becomes.verdict, becomes.message) == (
        "inconclusive",
        "because the fault failures was not confirmed: 0 is not > 0",
    )


def died(story: Any, component: str, role: str, p: float, cell: str = CELL, code: int | None = 137) -> Any:
    story.until(p + 0.2, f"{component} ended")
    return story.add(ComponentState(cell, at(p), component, role, "exited", False, code, ("last words",)))


def test_prometheus_dies_in_the_middle(bench: Any, story: Any) -> None:
    """What was decided stands; what was open is inconclusive and names the part, whatever was promised by then."""
    verdicts = {v.clause.id: v for v in bench.judge(died(story, "prometheus", "stack", 80))}
    assert verdicts[FIRES].verdict == verdicts[PAGES].verdict == "held"
    open_ones = [v for v in verdicts.values() if v.verdict != "held"]
    assert {v.verdict for v in open_ones} == {"inconclusive"}
    assert {v.message for v in open_ones} == {"prometheus ended with exit code 137 during the run"}
    assert len(open_ones) > 10


def test_silence_after_prometheus_died_is_no_violation(bench: Any, story: Any) -> None:
    story.drop(Series, firing).drop(Notification)
    died(story, "prometheus", "stack", 90, code=None)
    story.change(CellFinished, t=at(500))
    for promise in ("fires", "pages"):
        verdict = bench.one(story, f"TinyFailing::{promise}")
        assert (verdict.verdict, verdict.message) == ("inconclusive", "prometheus ended by a signal during the run")


def test_the_part_that_a_clause_needs_is_named_first(bench: Any, story: Any) -> None:
    died(story, "prometheus", "stack", 80)
    story.add(ComponentState(CAMPAIGN, at(79), "filebeat", "stack", "exited", False, 1))
    assert bench.one(story, "requests::arrives").message == "filebeat ended with exit code 1 during the run"
    assert bench.one(story, "TinyFailing::resolves").message == "prometheus ended with exit code 137 during the run"


def test_a_subject_that_goes_into_the_background_is_told_to_stay(bench: Any, story: Any) -> None:
    story.add(ComponentState(CELL, at(80), "tiny-0", "subject", "exited", False, 0))
    details = bench.one(story, "subject::tiny-0::stays_up").details
    assert details == ("a service that goes into the background by itself is to be started so that it stays in front",)


def test_the_subject_dies_unasked(bench: Any, story: Any) -> None:
    died(story, "tiny-0", "subject", 80)
    story.add(HttpAnswer(CELL, at(80.1), "tiny-0", "health", 0, 0.001, error="refused"))
    verdicts = {v.clause.id: v for v in bench.judge(story)}
    up = verdicts.pop("failing::subject::tiny-0::stays_up")
    assert up.verdict == "violated"
    assert up.message == "tiny-0 ended with exit code 137 though nobody asked it to"
    assert "last words" in up.details
    assert "violated" not in {v.verdict for v in verdicts.values()}
    answers = verdicts["campaign::endpoints::health::answers"]
    assert answers.message == "because of failing::subject::tiny-0::stays_up"


@pytest.mark.parametrize(("later_s", "verdict"), [(0.4, "inconclusive"), (1.5, "violated")])
def test_a_dead_warden_takes_the_subject_along_before_its_end_is_known(
    bench: Any, story: Any, later_s: float, verdict: str
) -> None:
    """Refused, watched once more, and only then is it known that the warden has died."""
    refused = at(80) + 0.1
    story.until((refused + later_s - ZERO) * 60)
    story.add(HttpAnswer(CELL, refused, "tiny-0", "health", 0, 0.001, error="refused"))
    story.add(Watched(CELL, refused + later_s - 0.1))
    story.add(ComponentState(CAMPAIGN, refused + later_s, "warden", "stack", "exited", False))
    assert bench.one(story, "health::answers").verdict == verdict


def test_a_fault_that_stops_the_subject_excuses_its_silence(bench: Any, story: Any) -> None:
    story.change(HttpAnswer, lambda a: a.t == at(20), status=0, error="timed out")
    assert bench.one(story, "health::answers").verdict == "violated"
    story.change(FaultAction, kind="signal")
    assert bench.one(story, "health::answers").verdict == "held"
    story.drop(FaultAction, lambda f: f.action == "healed")
    assert bench.one(story, "health::answers").verdict == "held"


def test_a_fault_that_stops_the_subject_excuses_what_it_answers_late(bench: Any, story: Any) -> None:
    """A probe that was under way when the subject was stopped is answered once it goes on."""
    story.change(HttpAnswer, lambda a: a.t == at(20), duration_s=1.8)
    assert "answered after 1.800 s wall" in bench.one(story, "health::answers").message
    story.change(FaultAction, kind="signal")
    assert bench.one(story, "health::answers").verdict == "held"


def test_a_story_cut_short_says_so(bench: Any, story: Any) -> None:
    verdicts = {v.clause.id: v for v in bench.judge(story.until(80, "cancelled"))}
    assert verdicts[PAGES].verdict == "held"
    assert verdicts["failing::alerts::TinyFailing::resolves"].message == "the story failing was cut short: cancelled"
    assert "violated" not in {v.verdict for v in verdicts.values()}


def test_a_story_that_never_ran_says_so(bench: Any, story: Any) -> None:
    story.arrivals.clear()
    verdicts = bench.judge(story)
    assert {v.verdict for v in verdicts} == {"inconclusive"}
    assert {v.message for v in verdicts} == {"the story failing did not run"}


def test_what_was_not_recorded_says_why(bench: Any, story: Any) -> None:
    story.drop(HttpAnswer).add(Unmet(CELL, at(100), "answers health", "no port"))
    assert bench.one(story, "health::answers").message == "answers health was not recorded: no port"
    assert "it was never asked" in bench.one(story, "health::answers").details


def test_pages_before_the_story_are_none_of_its_business(bench: Any, story: Any) -> None:
    early = [r for r in story.records() if isinstance(r, Notification)]
    for notice in early:
        story.add(replace(notice, t=at(-30)))
    assert bench.unlike_held(story) == {}


def test_a_gap_in_the_monitoring_widens_the_bounds(bench: Any, story: Any) -> None:
    """The widest gap recorded stands for the interval: what fires late for want of a scrape is not too late."""
    story.drop(Series, firing).alerts("firing", (110.0,)).lasting(300)
    assert bench.one(story, "TinyFailing::fires").verdict == "violated"
    story.add(Reading(CELL, at(60), "tiny tiny:8080", "scrape_gap_s", 29 / 60))
    assert bench.one(story, "TinyFailing::fires").verdict == "held"
    story.change(Reading, lambda r: r.value > 0.4, t=at(290))
    assert bench.one(story, "TinyFailing::fires").verdict == "violated", "a gap after the bound excuses nothing"
