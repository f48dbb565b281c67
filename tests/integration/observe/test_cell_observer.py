"""One short story on the real stack: everything that was asked for is recorded, exactly once and with exact times."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, TypeVar

import pytest

from harness.clauses.model import Need
from harness.evidence.records import (
    AlertSnapshot,
    Exposition,
    HttpAnswer,
    LogLine,
    Reading,
    Record,
    RuleState,
    Series,
    Unmet,
)
from harness.run.observe.cell import CellObserver
from harness.run.observe.targets import CellTargets, EndpointTarget, ExpositionTarget, LogTarget

R = TypeVar("R")
INTERVAL_S = 0.25
NEEDS = frozenset(
    {
        Need("rules"),
        Need("alerts"),
        Need("series", "ALERTS"),
        Need("series", 'level{job="subject"}'),
        Need("query", "max(level)"),
        Need("query", "sum(absent_metric)"),
        Need("expositions"),
        Need("answers", "health"),
        Need("lines", "app"),
        Need("pages"),
    }
)


class Story:
    """An observer, what it wrote, and a loop like the conductor's."""

    def __init__(self, subject: Any, stack: Any, logs: Path, needs: frozenset[Need] = NEEDS) -> None:
        self.records: list[Record] = []
        targets = CellTargets(
            cell="c",
            scrape_s=INTERVAL_S,
            evaluation_s=INTERVAL_S,
            prometheus=stack.prometheus.http,
            alertmanager=stack.alertmanager.http,
            endpoints=(EndpointTarget("one", "health", subject.url + "/health", timeout_s=0.5),),
            expositions=(ExpositionTarget("one", subject.url + "/metrics"),),
            logs=(LogTarget("app", "one", str(logs / "*.log")),),
        )
        self.observer = CellObserver(targets, needs, self.records.append)

    def of(self, kind: type[R]) -> list[R]:
        return [record for record in self.records if isinstance(record, kind)]

    def until(self, condition: Callable[[], Any], bound_s: float = 10.0) -> None:
        deadline = time.monotonic() + bound_s
        while not condition():
            assert time.monotonic() < deadline, self.observer.faults or "the condition never held"
            self.observer.poll(time.time())
            time.sleep(0.05)

    def for_(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, seconds + 5)

    def points(self, query: str, **labels: str) -> list[tuple[float, float]]:
        wanted = [s for s in self.of(Series) if s.query == query and labels.items() <= s.labels.items()]
        return [point for series in wanted for point in series.points]

    def states(self, alert: str) -> list[str]:
        return [state.state for state in self.of(RuleState) if state.alert == alert]

    def readings(self, name: str) -> list[float]:
        return [reading.value for reading in self.of(Reading) if reading.name == name]


@pytest.fixture
def story(subject: Any, stack: Any, tmp_path: Path) -> Story:
    return Story(subject, stack, tmp_path)


def test_a_story_is_recorded_whole_and_once(story: Story, subject: Any, stack: Any, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text('{"n": 1}\nnot json\n')
    story.until(lambda: story.points("up"))
    subject.level = 2.0
    story.until(lambda: any(alert.state == "suppressed" for alert in story.of(AlertSnapshot)))
    story.observer.phase_ended(time.time())
    story.until(lambda: len(story.of(Exposition)) == 2)
    with log.open("a") as file:
        file.write('{"n": 2}\n{"half')
    subject.level = 0.0
    story.until(
        lambda: (
            {alert.labels["alertname"] for alert in story.of(AlertSnapshot) if alert.state == "gone"} >= {"High", "Low"}
        )
    )
    end = time.time()
    story.observer.settle(end)
    story.observer.finish(time.time())

    assert story.of(Unmet) == []
    assert story.observer.faults == {}
    _check_rules(story)
    _check_times(story, stack, end)
    low = [alert for alert in story.of(AlertSnapshot) if alert.labels["alertname"] == "Low"]
    assert [alert.state for alert in low][-2:] == ["suppressed", "gone"]
    assert (
        low[-2].inhibited_by
        == tuple(a.fingerprint for a in story.of(AlertSnapshot) if a.labels["alertname"] == "High")[:1]
    )
    assert [(line.number, line.fields, line.text) for line in story.of(LogLine)] == [
        (1, {"n": 1}, ""), (2, None, "not json"), (3, {"n": 2}, "")
    ]  # fmt: skip
    assert story.observer.line_counts() == {"app": 3}
    assert story.readings("incomplete_lines") == [1.0]
    assert {(answer.status, answer.body["status"]) for answer in story.of(HttpAnswer)} == {(200, "fine")}
    assert len(story.of(Exposition)) == 4  # at the start, at the phase's end, settled, at the end
    assert story.of(Exposition)[1].text.startswith("# TYPE level gauge\nlevel 2.0")


def _check_rules(story: Story) -> None:
    high = [state for index, state in enumerate(story.states("High")) if state != (["", *story.states("High")])[index]]
    assert [state for state in high if state != "unknown"] == ["inactive", "pending", "firing", "inactive"]
    firing = next(state for state in story.of(RuleState) if state.alert == "High" and state.state == "firing")
    (active,) = firing.active
    assert active["annotations"] == {"summary": "level 2"}
    assert (active["value"], active["state"], active["labels"]["severity"]) == (2.0, "firing", "critical")
    pending = [t for t, _ in story.points("ALERTS", alertname="High", alertstate="pending")]
    fired = [t for t, _ in story.points("ALERTS", alertname="High", alertstate="firing")]
    assert pending[0] == pytest.approx(active["active_t"], abs=0.002)
    assert 0.499 <= fired[0] - pending[0] <= 0.76
    since = {value for _, value in story.points("ALERTS_FOR_STATE", alertname="High")}
    assert len(since) == 1
    assert since.pop() == pytest.approx(active["active_t"], abs=1.0)  # whole seconds
    assert 0.2 <= max(story.readings("evaluation_gap_s")) <= 0.5


def _check_times(story: Story, stack: Any, end: float) -> None:
    raw = [t for t, _ in story.points('level{job="subject"}')]
    assert raw == sorted(set(raw)), "a sample came twice or out of order"
    (whole,) = stack.prometheus.samples('level{job="subject"}', raw[0] - 0.001, end).series
    assert [t for t, _ in whole.points] == [t for t in raw if t <= end]
    grid = [t for t, _ in story.points("max(level)")]
    *steps, last = [round(later - earlier, 3) for earlier, later in pairwise(grid)]
    assert set(steps) == {INTERVAL_S}
    assert 0 < last <= INTERVAL_S, "the last point, off the grid, tells what held when all was at rest"
    assert max(value for _, value in story.points("max(level)")) == 2.0
    assert story.points("sum(absent_metric)") == []
    ups = defaultdict(list)
    for series in story.of(Series):
        if series.query == "up":
            ups[series.labels["job"]] += [t for t, _ in series.points]
    assert all(times == sorted(set(times)) for times in ups.values())
    assert ups.keys() == {"subject", "slow"}
    assert 0.2 <= max(story.readings("scrape_gap_s")) <= 0.7
    assert set(story.readings("prometheus_rule_group_iterations_missed_total")) == {0.0}
    assert set(story.readings("alertmanager_notifications_failed_total")) == {0.0}


def test_a_component_that_hangs_holds_up_nobody_and_catches_up(story: Story, stack: Any) -> None:
    story.until(lambda: story.points("max(level)"))
    stack.processes["prometheus"].send_signal(SIGSTOP)
    try:
        began, slowest = time.monotonic(), 0.0
        while time.monotonic() - began < 2.5:
            before = time.monotonic()
            story.observer.poll(time.time())
            slowest = max(slowest, time.monotonic() - before)
            time.sleep(0.05)
        assert slowest < 1.0, "a poll waited for a hanging component"  # which takes two seconds to give up
        assert any("not answered within the bound" in fault for fault in story.observer.faults.values())
    finally:
        stack.processes["prometheus"].send_signal(SIGCONT)
    story.until(lambda: not story.observer.faults)
    story.observer.finish(time.time())
    assert story.of(Unmet) == []
    grid = [t for t, _ in story.points("max(level)")]
    assert grid == sorted(set(grid))
    assert max(story.readings("scrape_gap_s")) > 1.5, "the gap that the stop tore was not told"


def test_a_component_that_died_is_told_once_and_crashes_nothing(story: Story, stack: Any) -> None:
    story.until(lambda: story.of(RuleState))
    stack.processes["prometheus"].kill()
    story.until(lambda: story.observer.faults)
    assert story.of(Unmet) == [], "a failure was final before the conductor said so"
    story.observer.lost("prometheus", "killed by SIGKILL")
    story.observer.lost("prometheus", "killed by SIGKILL")
    story.for_(0.3)
    story.observer.finish(time.time())
    unmet = [record.need for record in story.of(Unmet)]
    assert sorted(unmet) == sorted(
        ["alerts", "pages", "query max(level)", "query sum(absent_metric)", "readings prometheus", "rules",
         "series ALERTS", 'series level{job="subject"}']
    )  # fmt: skip
    assert {record.reason for record in story.of(Unmet)} == {"prometheus: killed by SIGKILL"}


def test_a_target_that_only_prometheus_finds_down_is_told_apart(story: Story, subject: Any) -> None:
    story.until(lambda: 1.0 in {value for _, value in story.points("up")})
    subject.mute.set()
    story.until(lambda: 0.0 in {value for _, value in story.points("up")})
    story.for_(0.6)
    subject.mute.clear()
    story.until(lambda: story.readings("up_zero_s"))
    story.observer.finish(time.time())
    assert max(story.readings("up_zero_s")) > 0.5
    assert set(story.readings("up_zero_while_answered")) == {0.0}
    assert {answer.status for answer in story.of(HttpAnswer)} == {0, 200}


def test_a_query_that_the_server_refuses_is_unmet_at_once(subject: Any, stack: Any, tmp_path: Path) -> None:
    story = Story(subject, stack, tmp_path, frozenset({Need("query", "sum("), Need("query", "rate(level[5s])")}))
    story.until(lambda: story.of(Unmet) and story.observer.warnings)
    (unmet,) = story.of(Unmet)
    assert unmet.need == "query sum("
    assert "parse error" in unmet.reason
    story.observer.finish(time.time())
    assert len(story.of(Unmet)) == 1
    assert "rate(level[5s])" in story.observer.warnings
