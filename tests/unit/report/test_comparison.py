"""Two campaigns beside each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from harness.core.events import CampaignSpent, ClauseJudged, Event, HopSeen, LoadMeasured, Verdict
from harness.report.account import Account
from harness.report.comparison import changes, comparison, got_worse


def account(events: Iterable[Event]) -> Account:
    found = Account()
    for event in events:
        found.handle(event)
    return found


def of(**verdicts: Verdict) -> Account:
    return account(ClauseJudged(1.0, name, verdict, f"why {verdict}\nand more") for name, verdict in verdicts.items())


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ("held", "violated", True),
        ("held", "inconclusive", True),
        ("inconclusive", "violated", True),
        ("waived", "waived but held", True),
        ("held", "waived", False),
        ("held", "not applicable", False),
        ("violated", "inconclusive", False),
        ("inconclusive", "invalid", False),
        ("violated", "held", False),
    ],
)
def test_what_fails_now_and_did_not_before_got_worse(before: Verdict, after: Verdict, worse: bool) -> None:
    (change,) = changes(of(a=before), of(a=after))
    assert change.worse is worse
    assert got_worse([change]) is worse


def test_a_new_promise_that_is_broken_counts_and_one_that_went_does_not() -> None:
    assert got_worse(changes(of(a="held"), of(a="held", b="violated")))
    assert not got_worse(changes(of(a="held"), of(a="held", b="held")))
    assert not got_worse(changes(of(a="held", b="held"), of(a="held")))


def test_the_worst_stand_first_with_their_reason() -> None:
    before, after = of(a="violated", b="held", c="held", d="held"), of(a="held", b="violated", c="held", e="held")
    assert comparison(before, after, verbose=False) == [
        "before: 3 held, 1 violated",
        "after:  3 held, 1 violated",
        "WORSE held → violated: b",
        "      why violated",
        "other violated → held: a",
        "new: 1 clause (-v lists them)",
        "gone: 1 clause (-v lists them)",
    ]
    told = comparison(before, after, verbose=True)
    assert "new not there → held: e" in told
    assert "gone held → not there: d" in told


def test_a_campaign_beside_itself_differs_in_nothing(events: list[Event]) -> None:
    told = comparison(account(events), account(events), verbose=False)
    assert told[2:] == ["4 verdicts, none differs"]


def test_hops_that_took_longer_are_told(events: list[Event]) -> None:
    later = [
        replace(event, production_s=86.0) if isinstance(event, HopSeen) and event.hop == "firing" else event
        for event in events
    ]
    told = comparison(account(events), account(later), verbose=False)
    assert "latencies of hops (production)" in told
    assert any("outage: metric → firing Down" in line and "30.0s → 50.0s (+20, +67 %)" in line for line in told)


def measured(phase: str, p95_s: float) -> LoadMeasured:
    numbers = (10, 10, 0, 10, 0, 0, 0, 10)
    return LoadMeasured(
        2.0, "outage", phase, "", "open", "wall", *numbers, 1.0, 1.0, 0.0, {"response": {"p95_s": p95_s}}
    )


def test_response_times_and_costs_are_told_where_they_moved(events: list[Event]) -> None:
    before = [*events, measured("", 0.2), CampaignSpent(3.0, 1, {"prometheus": 2.0, "harness": 4.0}, 0)]
    after = [*events, measured("", 0.1), CampaignSpent(3.0, 1, {"prometheus": 2.1, "harness": 6.0}, 0)]
    told = comparison(account(before), account(after), verbose=False)
    assert "  outage  0.2 → 0.1 (-0.1, -50 %)" in told
    assert "  harness  4 → 6 (+2, +50 %)" in told
    assert not any("prometheus" in line for line in told)
    assert any("prometheus" in line for line in comparison(account(before), account(after), verbose=True))


def test_of_many_figures_the_most_moved_are_told(events: list[Event]) -> None:
    before = [*events, CampaignSpent(3.0, 1, {f"part-{n:02}": 10.0 for n in range(15)}, 0)]
    after = [*events, CampaignSpent(3.0, 1, {f"part-{n:02}": 12.0 + n for n in range(15)}, 0)]
    told = comparison(account(before), account(after), verbose=False)
    assert "cost (CPU seconds by part, wall seconds of all); 5 more differ by over 10%" in told
    shown = [line.split()[0] for line in told if line.startswith("  part-")]
    assert shown == [f"part-{n:02}" for n in range(14, 4, -1)]
