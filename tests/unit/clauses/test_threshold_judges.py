"""Thresholds judged on evidence by hand: what holds, what breaks, when a story ends early, what is refused at once."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.aborting import ends_story
from harness.clauses.model import Clause, Judgement
from harness.clauses.objectives import _admitting, good_request
from harness.clauses.production import read_production
from harness.clauses.thresholds import compile_thresholds
from harness.clauses.verdicts import judge_campaign
from harness.contract import Campaign, load_campaign
from harness.contract.thresholds import parse_threshold
from harness.core.errors import ConfigError, Location
from harness.evidence.records import LogLine, Request, RuleState, Series, Unmet
from harness.evidence.store import Evidence

ZERO, CELL = 1_800_000_000.0, "failing"


def at(p: float) -> float:
    return ZERO + p / 60


def compiled(campaign: Campaign, text: str, clock: str = "wall") -> Clause:
    item = parse_threshold(text, lambda offset: Location("story.yaml", 1, offset + 1))
    scenario = replace(campaign.scenarios[0], thresholds=(item,))
    profile = campaign.profile.model_copy(update={"clock": clock})
    (clause,) = compile_thresholds(replace(campaign, profile=profile), read_production(campaign), scenario)
    return clause


def judged(campaign: Campaign, story: Any, text: str, clock: str = "wall") -> Judgement:
    return compiled(campaign, text, clock).judge(story.evidence())


def slow(by_s: float, *seqs: int) -> dict[str, Any]:
    return {"of": Request, "where": lambda r: r.seq in seqs, "end_t": lambda r: r.end_t + by_s}


@pytest.mark.parametrize(
    ("text", "verdict", "says"),
    [
        # 5 requests in the baseline, 29 in the fault, 26 in recovery; each takes 5 ms, of which 0.5 ms late
        ("response p95 of work < 6ms wall", "held", "response p95 0.005 s wall over 60 requests"),
        ("response max < 4ms wall", "violated", "response max 0.005 s wall over 1 request"),
        ("response p50 < 5ms wall during failing", "violated", "over 29 requests"),
        ("response p95 > 4ms wall", "held", ""),
        ("response p95 > 6ms wall", "violated", ""),
        ("service p95 < 5ms wall", "held", "service p95 0.0045 s wall"),
        ("lateness p99 < 1ms wall", "held", ""),
        ("first token p99 < 1s wall", "inconclusive", "no request has a first token time"),
        ("failed < 1% during baseline", "held", "failed 0.00% of 5 requests"),
        ("failed < 10%", "violated", "failed 48.33% of 60 requests"),
        ("failed of work > 99% during failing", "held", ""),
        ("dropped < 1%", "held", "dropped 0.00% of 60 requests"),
        ("goodput > 40% of requests", "held", "goodput 51.67%"),
        ("goodput > 60%", "violated", ""),
        ("throughput > 0.4/s", "held", "throughput 0.5/s over 120 s production"),
        ("throughput > 0.6/s", "violated", ""),
        ("goodput > 0.4/s during recovery", "held", "goodput 0.5098/s over 51 s production"),
        ("work > 1/s", "violated", "work 0/s"),
        ("promql sum(rate(tiny_failures_total[40s])) < 0.6", "held", "between 0 and 0.5 in"),
        ("promql sum(rate(tiny_failures_total[40s])) < 0.2/s", "violated", "it was 0.2"),
        ("promql sum(rate(tiny_failures_total[40s])) < 0.1/s during baseline", "held", ""),
        ("promql vector(1) < 2", "open", "it returned nothing"),
        ("log requests count < 61", "held", "60 lines of requests"),
        ("log requests count < 60", "violated", "60 lines of requests"),
        ("log requests with level=error count < 1 during baseline", "held", "0 lines"),
        ("log requests with level=error count > 28 during failing", "held", "29 lines"),
        ("log requests with level=error count > 30", "violated", ""),
        ("alert TinyFailing is quiet during baseline", "held", "it was evaluated, and did not fire"),
        ("alert TinyFailing is quiet", "violated", "it fired"),
        ("alert TinyFailing is firing during failing", "held", "it fired"),
        ("alert TinyFailing is firing during baseline", "violated", "it stayed inactive"),
        ("alert TinyFailing is pending during failing", "violated", "it fired"),
        ("alert TinyFailing is pending during baseline", "violated", "it stayed inactive"),
    ],
)
def test_on_the_healthy_story(campaign: Campaign, story: Any, text: str, verdict: str, says: str) -> None:
    found = judged(campaign, story, text)
    assert (found.verdict, says in found.message) == (verdict, True), found.message


def test_a_scaled_clock_is_judged_in_production_time(campaign: Campaign, story: Any) -> None:
    """5 ms of wall time are 300 ms at speed 60."""
    assert judged(campaign, story, "response p95 < 301ms", "scaled").message == "response p95 0.3 s over 60 requests"
    assert judged(campaign, story, "response p95 < 299ms", "scaled").verdict == "violated"
    assert judged(campaign, story, "response p95 < 6ms wall", "scaled").verdict == "held"


def test_production_time_of_a_subject_on_the_wall_clock_is_refused_with_the_remedy(campaign: Campaign) -> None:
    with pytest.raises(ConfigError, match="production time, but the subject's clock is the wall's") as caught:
        compiled(campaign, "response p95 of work < 12s")
    assert caught.value.remedy == "write 12s wall, or give the story speed: 1"
    assert caught.value.location == Location("story.yaml", 1, 24)
    assert compiled(replace(campaign, speed_override=1.0), "response p95 of work < 12s").promise == "holds"


def test_what_no_rule_or_clock_knows_is_refused_when_it_is_planned(campaign: Campaign) -> None:
    with pytest.raises(ConfigError, match="not valid PromQL"):
        compiled(campaign, "promql sum(rate(x[5m])) by < 1")
    with pytest.raises(ConfigError, match=r"double_exponential_smoothing\(\) cannot be scaled") as caught:
        compiled(campaign, "promql double_exponential_smoothing(x[5m], 0.5, 0.5) < 1")
    assert caught.value.location == Location("story.yaml", 1, 8)
    with pytest.raises(ConfigError, match="no rule file defines the alert Odd"):
        compiled(campaign, "alert Odd is quiet")


def test_a_request_that_outlives_its_phase_counts_where_it_had_broken_the_limit_by_then(
    campaign: Campaign, story: Any
) -> None:
    """The last of the baseline is sent at 9 s, one second (16.7 ms wall) before the phase ends."""
    story.change(**slow(0.1, 4))
    broken = judged(campaign, story, "response max < 10ms wall during baseline")
    assert (broken.verdict, broken.message) == ("violated", "response max 0.01667 s wall over 1 request")
    spared = judged(campaign, story, "response max < 50ms wall during baseline")
    assert (spared.verdict, spared.message) == ("held", "response max 0.005 s wall over 4 requests")
    share = judged(campaign, story, "failed < 1% during baseline")
    assert share.message == "failed 0.00% of 4 requests"


def test_good_requests_met_every_objective_that_is_set_for_them(campaign: Campaign, story: Any) -> None:
    story.change(**slow(0.1, 50))
    texts = ("response p50 of work < 50ms wall during recovery", "response p50 of other < 1ms wall", "failed < 1%")
    items = tuple(parse_threshold(text, lambda _: Location("s")) for text in texts)
    good = good_request(replace(campaign.scenarios[0], thresholds=items), 60.0)
    rows = story.evidence().of(Request, CELL)
    assert [row.seq for row in rows if row.phase == "recovery" and not good(row)] == [50]
    assert sum(map(good, rows)) == 30


class TestAbort:
    TEXT = "failed < 20% during failing, abort_on_fail after 20s"

    def test_it_is_violated_for_good_once_the_delay_has_passed(self, campaign: Campaign, story: Any) -> None:
        clause = compiled(campaign, self.TEXT)
        evidence, seen = Evidence(planned=(CELL,)), []
        for record in story.records():
            evidence.add(record)
            seen.append(clause.judge(evidence))
        verdicts = [judgement.verdict for judgement in seen]
        first = verdicts.index("violated")
        assert set(verdicts[:first]) == {"open"}
        assert set(seen[first:]) == {seen[first]}, "a verdict was taken back"
        assert seen[first].at == pytest.approx(at(31.3), abs=0.01)
        assert "which ends the story" in seen[first].message

    def test_a_figure_that_recovered_before_the_delay_ends_nothing(self, campaign: Campaign, story: Any) -> None:
        story.change(Request, lambda r: r.seq > 10, expected=True)
        assert judged(campaign, story, "failed < 25% during failing, abort_on_fail after 50s").verdict == "held"
        assert judged(campaign, story, "failed < 25% during failing, abort_on_fail after 5s").verdict == "violated"

    def test_a_percentile_ends_a_story_too(self, campaign: Campaign, story: Any) -> None:
        story.change(**slow(0.02, 0, 1))
        text = "response p50 < 20ms wall, abort_on_fail"
        found = judged(campaign, story, text)
        assert (found.verdict, found.message) == (
            "violated",
            "response p50 0.025 s wall over 1 request, which ends the story",
        )
        assert judged(campaign, story, f"{text} after 20s").verdict == "held"

    def test_the_story_ends_when_it_is_due_and_says_why(self, campaign: Campaign, story: Any) -> None:
        clauses, evidence = (compiled(campaign, self.TEXT),), story.evidence()
        assert ends_story(clauses, evidence, CELL, at(29)) == ""
        assert ends_story(clauses, evidence, CELL, at(31)).startswith(
            "failing::load::failed_below_during_failing::holds"
        )
        assert ends_story(clauses, evidence, "other", at(31)) == ""
        assert ends_story(clauses, Evidence(), CELL, at(31)) == ""
        lasting = (compiled(campaign, "failed < 99% during recovery, abort_on_fail"),)
        assert ends_story(lasting, evidence, CELL, at(125)) == ""

    def test_the_other_clauses_are_inconclusive_because_of_it(
        self, campaign: Campaign, clauses: tuple[Clause, ...], story: Any
    ) -> None:
        reason = "failing::load::x::holds: failed 100%"
        found = judge_campaign(clauses, story.until(40, reason).evidence(), (), date(2027, 1, 1))
        (resolves,) = [item for item in found if item.clause.promise == "resolves"]
        assert (resolves.verdict, resolves.message) == ("inconclusive", f"the story failing was cut short: {reason}")


@pytest.mark.parametrize(
    ("change", "text", "says"),
    [
        (lambda s: s.drop(LogLine), "log requests count < 5", "requests never held a line"),
        (
            lambda s: s.drop(LogLine).add(Unmet(CELL, at(1), "lines requests", "no such file")),
            "log requests count < 5",
            "lines requests was not recorded: no such file",
        ),
        (lambda s: s.drop(RuleState), "alert TinyFailing is quiet during baseline", "its rule was not seen"),
        (
            lambda s: s.drop(Series, lambda x: x.query == "ALERTS").change(RuleState, health="err"),
            "alert TinyFailing is quiet",
            "the rule was not armed",
        ),
        (
            lambda s: s.add(Unmet(CELL, at(1), "query vector(1)", "bad vector")),
            "promql vector(1) < 2",
            "query vector(1) was not recorded: bad vector",
        ),
        (lambda s: s.until(30), "throughput > 0.1/s", "the story is not over"),
        (lambda s: s.until(30), "response p95 < 1s wall", "requests may be in flight"),
    ],
)
def test_what_was_not_seen_is_never_held(campaign: Campaign, story: Any, change: Any, text: str, says: str) -> None:
    found = judged(campaign, change(story), text)
    assert found.verdict == "open"
    assert says in found.message


@pytest.mark.parametrize("text", ["failed < 1%", "response p95 < 1s wall", "throughput > 1/s"])
def test_without_a_request_or_a_beginning_nothing_is_decided(campaign: Campaign, story: Any, text: str) -> None:
    assert compiled(campaign, text).judge(Evidence()).verdict == "open"
    assert judged(campaign, story.drop(Request), text).verdict == "inconclusive"


def test_lines_without_an_instant_of_their_own_count_when_they_were_read(campaign: Campaign, story: Any) -> None:
    story.change(LogLine, fields=lambda line: {**line.fields, "time": "yesterday"})
    assert judged(campaign, story, "log requests count > 4 during baseline").verdict == "violated", "read 6 s later"
    assert judged(campaign, story, "log requests count > 1 during baseline").verdict == "held"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("response p95 of wrk < 1s wall", r"failing.yaml:21:21: there is no request of kind 'wrk'.*'work'"),
        ("response p95 < 1s wall during basline", r"failing.yaml:21:35: there is no phase 'basline'.*'baseline'"),
        ("log request count < 5", r"failing.yaml:21:9: there is no log 'request'.*'requests'"),
        ("alert Tiny is quiet", r"failing.yaml:21:11: the contract declares no alert 'Tiny'"),
        ("respons p95 < 1s wall", r"failing.yaml:21:5: 'respons' is nothing.*'response'"),
    ],
)
def test_names_that_do_not_exist_are_told_with_file_line_and_column(tmp_path: Path, line: str, says: str) -> None:
    folder = shutil.copytree("fixtures/tiny", tmp_path / "tiny")
    story = folder / "failing.yaml"
    text = story.read_text(encoding="utf-8")
    story.write_text(text.replace("  - failed < 1% during baseline", f"  - {line}"), encoding="utf-8")
    number = story.read_text(encoding="utf-8").splitlines().index(f"  - {line}") + 1
    with pytest.raises(ConfigError) as caught:
        load_campaign([folder])
    assert re.search(says.replace(":21:", f":{number}:"), str(caught.value), re.DOTALL), str(caught.value)


@pytest.mark.parametrize(
    ("which", "ending"),
    [(lambda _: True, ", in a closed loop"), (lambda row: row.seq % 2, ", in part in a closed loop")],
)
def test_a_time_that_users_took_is_told_as_one_of_a_closed_loop(
    campaign: Campaign, story: Any, which: Any, ending: str
) -> None:
    for text in ("response p95 of work < 1s wall", "service p95 of work < 1ms wall"):
        assert "closed" not in judged(campaign, story, text).message
    story.change(Request, which, loop="closed")
    for text in ("response p95 of work < 1s wall", "service p95 of work < 1ms wall"):
        assert judged(campaign, story, text).message.endswith(f"over 60 requests{ending}")


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("value_s", [0.9999, 1.0, 1.0001, float("nan")])
@pytest.mark.parametrize(("unit", "factor"), [("s wall", 1.0), ("s", 60.0)])
def test_wall_seconds_are_admitted_as_the_threshold_admits_them_in_its_unit(
    operator: str, value_s: float, unit: str, factor: float
) -> None:
    limit = 1 if unit.endswith("wall") else 60
    item = parse_threshold(f"response p95 {operator} {limit}{unit}", lambda _: Location("s"))
    assert _admitting(item, 60.0)(value_s) == item.admits(value_s * factor)
