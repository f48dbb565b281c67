"""Ways in which alerts might be moved, and why none of them does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from harness.artefacts import AlertTiming
from harness.artefacts.rules import RuleFile
from harness.virtual.design import Drive, Examined
from harness.virtual.families import Family, Job
from harness.virtual.fitting import Curve
from harness.virtual.inputs import Input, Level
from harness.virtual.tries import Try, designs_of, most_comparisons, tries
from harness.virtual.unmoved import why_unmoved

Rules = Callable[[str], RuleFile]
BUSY = 5


@pytest.fixture
def examined(rules: Rules) -> Callable[..., Examined]:
    def make(expression: str, *, range_s: float = 300.0, past_s: float = 0.0) -> Examined:
        file = rules(f"      - {{alert: A, expr: '{expression}'}}")
        rule = file.alerts[0]
        return Examined(
            "A",
            rule,
            file.groups[0],
            AlertTiming(10.0, 15.0, range_s=range_s),
            reads_recordings=False,
            past_s=past_s,
            reach_s=past_s and past_s + range_s,
            functions=rule.query.functions,
        )

    return make


def one(kind: str, job: Job, name: str = "a") -> Input:
    return Input(Family(name, kind, {}), job, ())  # type: ignore[arg-type]


def without_comparison(examined: Examined, item: Input, variant: int = 0) -> list[Try]:
    first = most_comparisons([examined]) - 2
    return [each for number in (first, first + 1) for each in tries(examined, (item,), variant, number, {})]


def settings(found: list[Try]) -> list[tuple[float, float]]:
    return [(d.inputs_at["trigger"], d.inputs_at["healthy"]) for each in found for d in designs_of(each)]


def test_traffic_is_high_enough_for_any_test_of_it(examined, job: Job) -> None:
    item = one("counter", job)
    busy, _guess = without_comparison(examined("rate(a[5m]) > 1000 and rate(a[5m]) > on () b"), item, BUSY)
    assert busy.baseline[item].rate == 2000.0
    busy, _guess = without_comparison(examined("rate(a[5m]) > on () b"), item, BUSY)
    assert busy.baseline[item].rate == 100.0


def test_without_a_comparison_numbers_of_the_expression_are_tried(examined, job: Job) -> None:
    found = without_comparison(examined("sum(a) > vector(100)"), one("gauge", job))
    assert settings(found) == [(0.0, 1.0), (1.0, 0.0), (150.0, 50.0), (50.0, 150.0)]
    counted = without_comparison(examined("increase(a[5m]) > vector(300)"), one("counter", job))
    assert (1.5, 0.5) in settings(counted), "so many in its window"


def test_an_alert_that_knows_its_past_is_healthy_as_ever(examined, job: Job) -> None:
    item = one("counter", job)
    weekly = examined("rate(a[5m]) / rate(a[5m] offset 1d) < 0.5", past_s=86_400.0)
    (found,) = (each for each in tries(weekly, (item,), 0, 0, {}) if each.comparison)
    fitted = Try(weekly, (item,), found.baseline, found.comparison, found.drive, "k", curve=Curve(0.0, 1.0, 0.0))
    (design,) = designs_of(fitted)
    assert (design.inputs_at["trigger"], design.inputs_at["healthy"], design.values_at["healthy"]) == (0.25, 1.0, 1.0)
    assert design.hold_s < 1800 < 86_700 < design.lead_s, "the past fills the lead, the present its own window"
    guessed = settings(without_comparison(weekly, item))
    assert {healthy for _trigger, healthy in guessed} == {1.0}


@pytest.mark.parametrize(
    ("expression", "kind", "wanted"),
    [
        ("count(a) > 3", "gauge", (4.0, 3.0)),
        ("count(a == 1) < 2", "gauge", (1.0, 2.0)),
        ("sum(a) < 3", "up", (2.0, 3.0)),
        ("count(count by (version) (a)) > 1", "gauge", (2.0, 1.0)),
        ("sum(a) < 3", "gauge", None),
        ("count(a) > 300", "gauge", None),
    ],
)
def test_series_that_are_counted_are_more_or_fewer(
    examined, job: Job, expression: str, kind: str, wanted: tuple[float, float] | None
) -> None:
    item = one(kind, job)
    found = [each for each in without_comparison(examined(expression), item) if each.drive.mode == "copies"]
    first = [each.drive.mode for each in tries(examined(expression), (item,), 0, 0, {})][:1]
    assert (first == ["copies"]) == bool(found), "before anything else is turned"
    assert (wanted in settings(found)) == (wanted is not None)
    assert all(more <= 40 for pair in settings(found) for more in pair)
    for each in found:
        assert each.drive.at_rest(each.drive.turned(each.baseline, 7.0)) == 7.0
        assert not each.drive.allows(1.5)


def test_clocks_are_moved_as_clocks(examined, job: Job) -> None:
    item = one("gauge", job)
    (old,) = tries(examined("time() - a > 60"), (item,), 0, 0, {})
    assert old.drive == Drive(item, "age")
    assert old.drive.turned(old.baseline, 90.0) == {item: Level(at=-90.0, slope=1.0, moment=True)}
    assert old.drive.at_rest(old.baseline) == 0.0
    starts = {each.start_s for each in tries(examined("a > 5 and on () hour() > 8"), (item,), 0, 0, {})}
    assert len(starts) == 4
    assert {each.start_s for each in tries(examined("a > 5"), (item,), 0, 0, {})} == {0.0}


@pytest.mark.parametrize(
    ("expression", "modes"),
    [("deriv(a[5m]) > 1", ["at", "slope"]), ("changes(a[5m]) > 3", ["at", "steps"]), ("a > 1", ["at"])],
)
def test_gauges_move_as_they_are_asked_for(examined, job: Job, expression: str, modes: list[str]) -> None:
    found = list(tries(examined(expression), (one("gauge", job),), 0, 0, {}))
    assert [each.drive.mode for each in found] == modes


def test_changes_come_so_often_within_the_window(examined, job: Job) -> None:
    found = without_comparison(examined("changes(a[5m]) > 3"), one("gauge", job))
    steps = [each for each in found if each.drive.mode == "steps"]
    assert (0.04, 0.0025) in settings(steps)


@pytest.mark.parametrize(
    ("expression", "pasts", "reason"),
    [
        ("resets(a[1h]) > 1", {0.0: 3600.0}, "it counts resets"),
        ("count_over_time(a[1h]) < 9", {0.0: 3600.0}, "it counts samples"),
        ("a - a offset 5m > 3", {0.0: 0.0, 300.0: 300.0}, "its past of 5m is over before an experiment ends"),
        ("up unless a", {0.0: 0.0}, "it asks whether series are there"),
        ("changes(a[1m]) > 6", {0.0: 60.0}, "its window of 1m holds too few samples for so many changes"),
        ('a / ignoring (x) b{x="1"} > 1 and b{x="1"} > 0', {0.0: 0.0}, "its two sides differ in x"),
        ("count(a) > 3", {0.0: 0.0}, "it counts series, and no number of up to 40"),
        ('count(count_values("x", a)) > 1', {0.0: 0.0}, "it asks for values that differ"),
        ("(count by (x) (a)) == 0", {0.0: 0.0}, "count says nothing where there is no series"),
        ("b and count(a) < 1", {0.0: 0.0}, "count says nothing where there is no series"),
        ("(count(a) or vector(0)) < 1", {0.0: 0.0}, "it counts series"),
        ("histogram_quantile(0.9, rate(a[5m])) > 3", {0.0: 0.0}, "a is read as a native histogram"),
        ('a{code="5"} > a{code="2"}', {0.0: 0.0}, "its two sides differ in code, so that they never meet"),
        ('a{code="5"} > ignoring (code) a{code="2"}', {0.0: 0.0}, "one input at a time"),
        ('sum(a{code="5"}) > sum(a{code="2"})', {0.0: 0.0}, "one input at a time"),
    ],
)
def test_what_nothing_moves_says_why_and_what_to_do(
    examined, job: Job, expression: str, pasts: Mapping[float, float], reason: str
) -> None:
    told = why_unmoved(examined(expression), (one("gauge", job),), pasts)
    assert reason in told
    assert told.endswith("say in examples of the contract what it should do")


def test_a_label_that_one_side_alone_declares_is_named(examined, job: Job) -> None:
    hot = Input(Family("hot", "gauge", {"room": ("a",)}, knows_labels=True), job, (("room", "a"),))
    limit = Input(Family("limit", "gauge", {}, knows_labels=True), job, ())
    told = why_unmoved(examined("hot > 2 * limit"), (hot, limit), {0.0: 0.0})
    assert "room is on one of its two sides alone, so that they never meet: compare with ignoring (room)" in told
    for met in ("hot > ignoring (room) limit", "max(hot) > limit", "hot > 2"):
        assert "never meet" not in why_unmoved(examined(met), (hot, limit), {0.0: 0.0})


def test_a_recording_that_no_file_makes_is_named(examined, job: Job) -> None:
    told = why_unmoved(examined("job:a:rate5m > 3"), (one("gauge", job, "job:a:rate5m"),), {0.0: 0.0})
    assert "no rule file records job:a:rate5m" in told
    weekly = examined("a > a offset 1d", past_s=86_400.0)
    assert "it compares with its own past" in why_unmoved(weekly, (one("gauge", job),), {0.0: 0.0, 86_400.0: 86_400.0})


def test_a_drive_says_what_it_turns(job: Job) -> None:
    item = one("gauge", job)
    assert [str(Drive(item, mode)) for mode in ("at", "slope", "steps", "age", "there")] == [
        "value of a", "growth of a", "changes of a", "age of a", "presence of a"]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "is_tried"),
    [
        ("a unless b", True),
        ("a and on () absent(b)", True),
        ("a", True),
        ("absent(a)", False),
        ("a > on () b", False),
    ],
)
def test_series_come_and_go_apart_where_an_alert_asks_for_some_without_others(
    examined, job: Job, expression: str, is_tried: bool
) -> None:
    alert = examined(expression)
    names = dict.fromkeys(each.metric for each in alert.rule.query.selectors)
    inputs = tuple(one("gauge", job, name) for name in names)
    number = most_comparisons([alert]) - 2
    found = [each for each in tries(alert, inputs, 0, number, {}) if each.drive.mode == "there"]
    assert bool(found) == is_tried
    for each in found:
        gone, there = (design.inputs_at for design in designs_of(each))
        assert (gone, there) == ({"trigger": 0.0, "healthy": 1.0}, {"trigger": 1.0, "healthy": 0.0})
        levels = each.drive.turned(each.baseline, 0.0)
        assert [level.there for level in levels.values()].count(False) == 1
        assert each.drive.at_rest(levels) == 0.0
