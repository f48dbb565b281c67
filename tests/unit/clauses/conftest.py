"""Evidence by hand: a healthy story of the tiny campaign, as records with the instants at which they arrive.

Instants are production seconds of the story (``p``); ``at(p)`` is the wall instant. Records arrive a little after
what they tell of, as in a real run, so that a prefix of the arrivals is what a conductor has when it judges.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.clauses.verdicts import ClauseVerdict, judge_campaign
from harness.contract import Campaign, load_campaign
from harness.contract.files import Waiver
from harness.evidence.records import (
    AlertSnapshot,
    Barrier,
    CellFinished,
    CellStarted,
    ComponentState,
    Document,
    Exposition,
    FaultAction,
    Federated,
    HttpAnswer,
    LogLine,
    Notification,
    PhaseMark,
    Reading,
    Record,
    Request,
    RuleState,
    Series,
    Watched,
)
from harness.evidence.store import Evidence

CELL, ALERT, SPEED, ZERO = "failing", "TinyFailing", 60.0, 1_800_000_000.0
LABELS = {"alertname": ALERT, "service": "tiny", "severity": "critical", "environment": "production"}
EXPRESSION = "sum(rate(tiny_failures_total[40s]))"
BEGINS, HEALS, ENDS = 10.0, 69.0, 120.0
TODAY = date(2027, 1, 15)
LAG_S = 54.0
"""Production seconds by which the conductor's word that all was watched lags behind."""

EXPOSITION = """\
# HELP tiny_requests_total Requests answered.
# TYPE tiny_requests_total counter
tiny_requests_total{{code="200"}} {good}
tiny_requests_total{{code="500"}} {bad}
# HELP tiny_failures_total Requests that failed.
# TYPE tiny_failures_total counter
tiny_failures_total {bad}
# HELP tiny_request_seconds Time to answer.
# TYPE tiny_request_seconds histogram
tiny_request_seconds_bucket{{le="0.001"}} {total}
tiny_request_seconds_bucket{{le="0.01"}} {total}
tiny_request_seconds_bucket{{le="0.1"}} {total}
tiny_request_seconds_bucket{{le="1"}} {total}
tiny_request_seconds_bucket{{le="+Inf"}} {total}
tiny_request_seconds_sum {sum}
tiny_request_seconds_count {total}
"""


def at(p: float) -> float:
    """Wall instant of production second ``p`` of the story."""
    return ZERO + p / SPEED


def scraped(text: str) -> str:
    """``text`` as Prometheus gives it back: with the labels of the target, and bounds in its own way."""
    target = 'environment="production",instance="tiny:8080",job="tiny"'
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    labelled = (re.sub(r"^(\w+?)(?:\{(.*)\})? ", rf"\1{{\2,{target}}} ", line).replace("{,", "{") for line in lines)
    return "".join(f"{line} 1800000002000\n" for line in labelled).replace('le="1"', 'le="1.0"')


class Story:
    """A story's records in order of arrival; each method changes one thing and returns the story."""

    def __init__(self) -> None:
        self.arrivals: list[tuple[float, Record]] = []

    def add(self, record: Record, p: float | None = None) -> Story:
        """``record`` arrives at production second ``p``; without one, at its own instant."""
        t = getattr(record, "t", ZERO) if p is None else at(p)
        self.arrivals.append((t, record))
        return self

    def drop(self, kind: type[Any], where: Callable[[Any], bool] = lambda _: True) -> Story:
        """Without the records of ``kind`` for which ``where`` holds; there must be some."""
        kept = [pair for pair in self.arrivals if not (isinstance(pair[1], kind) and where(pair[1]))]
        assert len(kept) < len(self.arrivals), f"no {kind.__name__} to drop"
        self.arrivals = kept
        return self

    def change(self, of: type[Any], where: Callable[[Any], bool] = lambda _: True, **fields: Any) -> Story:
        """Other ``fields`` in records of the type ``of`` for which ``where`` holds; a function is given the record."""
        count = 0
        for index, (arrival, record) in enumerate(self.arrivals):
            if isinstance(record, of) and where(record):
                new = {name: value(record) if callable(value) else value for name, value in fields.items()}
                t = new.get("t")
                shift = t - record.t if t is not None else 0.0
                self.arrivals[index] = (arrival + shift, replace(record, **new))  # type: ignore[type-var]
                count += 1
        assert count, f"no {of.__name__} to change"
        return self

    def rescraped(self) -> Story:
        """Prometheus holds what the instance now exposes."""
        texts = [record.text for _, record in self.arrivals if isinstance(record, Exposition)]
        return self.change(Federated, text=scraped(texts[-1]))

    def lasting(self, p: float) -> Story:
        """Watched up to ``p``, as when a phase waits in vain until its bound has passed."""
        self.drop(CellFinished)
        self.add(Watched(CELL, at(p)))
        return self.add(CellFinished(CELL, at(p) + 1e-6, completed=True))

    def until(self, p: float, reason: str = "cancelled") -> Story:
        """Cut short at ``p``: nothing arrives from then on but the word that it ended."""
        self.arrivals = [pair for pair in self.arrivals if pair[0] < at(p)]
        self.add(Watched(CELL, at(p)))
        return self.add(CellFinished(CELL, at(p + 0.5), completed=False, reason=reason))

    def records(self) -> list[Record]:
        """In order of arrival."""
        return [record for _, record in sorted(self.arrivals, key=lambda pair: pair[0])]

    def evidence(self, count: int | None = None) -> Evidence:
        """The first ``count`` arrivals, or all."""
        return Evidence(self.records()[:count], planned=(CELL,))

    def shaken(self, seed: int, by_s: float = 20.0) -> Story:
        """The same story with each record up to ``by_s`` production seconds later (records of one kind in order)."""
        chance, last, story = random.Random(seed), {}, Story()
        for arrival, record in sorted(self.arrivals, key=lambda pair: pair[0]):
            late = (
                arrival
                if isinstance(record, (Watched, CellStarted, CellFinished, PhaseMark))
                else (arrival + chance.random() * by_s / SPEED)
            )
            end = at(ENDS + 14.9)
            last[type(record)] = max(last.get(type(record), 0.0), min(late, end) if arrival < end else arrival)
            story.arrivals.append((last[type(record)], record))
        return story

    # --- what happens in a story

    def alerts(self, state: str, instants: Iterable[float], alert: str = ALERT) -> Story:
        """``alert`` is in ``state`` at evaluations at ``instants``."""
        labels = {**LABELS, "alertname": alert, "alertstate": state}
        for p in instants:
            self.add(Series(CELL, at(p + 15), "ALERTS", labels, ((at(p), 1.0),)))
        return self

    def notice(self, status: str, p: float, **fields: Any) -> Story:
        """A webhook that tells of the alert."""
        item = {
            "status": status,
            "labels": LABELS,
            "fingerprint": "f00d",
            "startsAt": "2027-01-15T08:00:01Z",
            "annotations": {"summary": "Tiny fails 0.5 requests per second"},
        }
        base = Notification(
            CELL,
            at(p),
            "on-call",
            "webhook",
            status,
            "{}:{alertname=}",
            (item,),
            f"[{status.upper()}] {ALERT} tiny",
            "summary: Tiny fails 0.5 requests per second",
        )
        return self.add(replace(base, **fields))

    def request(self, p: float, phase: str, seq: int) -> Story:
        """A request with its line, its document and its place in the ledger."""
        bad = phase == "failing"
        name, code = f"r{seq}", 500 if bad else 200
        sent = at(p)
        self.add(
            Request(
                CELL,
                phase,
                "work",
                seq,
                name,
                "tiny-0",
                sent,
                sent + 0.0005,
                sent + 0.004,
                None,
                sent + 0.005,
                code,
                expected=not bad,
            ),
            p + 0.5,
        )
        fields = {
            "time": datetime.fromtimestamp(sent + 0.005, UTC).isoformat(timespec="milliseconds"),
            "level": "error" if bad else "info",
            "msg": "request",
            "request_id": name,
            "code": code,
            "duration": 0.002,
            "pid": 7,
            "seq": seq,
        }
        self.add(LogLine(CELL, sent + 0.1, "requests", "tiny-0", "requests.log", seq, fields))
        return self.add(
            Document(
                CELL, sent + 0.2, "tiny-2027.01.15", f"d{seq}", "requests", {**fields, "@timestamp": fields["time"]}
            )
        )


def _phases(story: Story) -> None:
    times = {"baseline": (0.0, BEGINS), "failing": (BEGINS, HEALS), "recovery": (HEALS, ENDS)}
    for phase, (start, end) in times.items():
        story.add(PhaseMark(CELL, at(start), phase, "start", planned_s=end - start))
        story.add(PhaseMark(CELL, at(end) - 1e-6, phase, "end", "its condition is decided"))
    for p, action in ((BEGINS, "inject"), (12.3, "confirm"), (HEALS, "heal"), (HEALS + 0.5, "healed")):
        story.add(FaultAction(CELL, at(p) + 1e-6, "failing", "failures", action, "100%"))  # type: ignore[arg-type]


def _traffic(story: Story) -> list[tuple[float, bool]]:
    sent: list[tuple[float, bool]] = []
    for seq in range(60):
        p = 1.0 + 2 * seq
        phase = "baseline" if p < BEGINS else "failing" if p < HEALS else "recovery"
        story.request(p, phase, seq)
        sent.append((p, phase == "failing"))
    return sent


def _metrics(story: Story, sent: list[tuple[float, bool]]) -> None:
    for p in range(0, 136, 5):
        done = [bad for t, bad in sent if t < p]
        failed, total = float(sum(done)), float(len(done))
        rate = sum(bad for t, bad in sent if p - 40 <= t < p) / 40
        values = {
            "sum(tiny_failures_total)": failed,
            "sum(tiny_requests_total)": total,
            "sum(tiny_request_seconds_count)": total,
            EXPRESSION: rate,
        }
        for query, value in values.items():
            story.add(Series(CELL, at(p), query, {}, ((at(p), value),)), p + 15)
        story.add(Series(CELL, at(p), "up", {"job": "tiny", "instance": "tiny:8080"}, ((at(p), 1.0),)), p + 15)
    for p in (0.1, BEGINS, HEALS, ENDS, 134.5):
        done = [bad for t, bad in sent if t < p]
        total = len(done)
        text = EXPOSITION.format(bad=sum(done), good=total - sum(done), total=total, sum=total * 0.0005)
        story.add(Exposition(CELL, at(p), "tiny-0", text, "text/plain"))
    story.add(Federated(CELL, at(133), scraped(text)), 133)


def _health(story: Story) -> None:
    for p in range(2, 134, 6):
        state = "failing" if BEGINS < p < HEALS else "healthy"
        story.add(HttpAnswer(CELL, at(p), "tiny-0", "health", 200, 0.004, "application/json", {"status": state}), p + 3)


def _alerting(story: Story) -> None:
    story.alerts("pending", (40.0, 50.0)).alerts("firing", (60.0, 70.0, 80.0, 90.0, 100.0))
    for p, state in ((5.0, "inactive"), (40.0, "pending"), (60.0, "firing"), (110.0, "inactive")):
        story.add(RuleState(CELL, at(p + 3), "tiny", ALERT, state, "ok", "", at(p)))
    for p, state in ((62.0, "active"), (112.0, "gone")):
        story.add(AlertSnapshot(CELL, at(p), LABELS, "f00d", state, at(60.0), receivers=("on-call",)))
    story.notice("firing", 68.0).notice("resolved", 118.0)


def _frame(story: Story) -> None:
    story.add(CellStarted(CELL, ZERO, SPEED, 10 / SPEED, 10 / SPEED, ("tiny-0",)))
    for component, role in (("tiny-0", "subject"), ("prometheus", "stack"), ("alertmanager", "stack")):
        story.add(ComponentState(CELL, ZERO - 0.2, component, role, "ready"))
    for p in range(3, 134, 3):
        story.add(Watched(CELL, at(p - LAG_S)), p)
    for name in ("prometheus_notifications_dropped_total", "filebeat_events_dropped"):
        for p in (1.0, 134.0):
            story.add(Reading(CELL, at(p), "prometheus", name, 0.0))
    story.add(Reading(CELL, ZERO, "clock", "clock_step_s", 0.0))
    story.add(Reading(CELL, at(22), "tiny tiny:8080", "scrape_gap_s", 0.166))
    for plane in ("metrics", "logs"):
        story.add(Barrier(CELL, at(130), plane, passed=True))
    story.add(Watched(CELL, at(135)))
    story.add(CellFinished(CELL, at(135) + 1e-6, completed=True))


@pytest.fixture
def story() -> Story:
    """A story in which everything goes well, to be changed in one thing."""
    story = Story()
    _frame(story)
    _phases(story)
    _metrics(story, _traffic(story))
    _health(story)
    _alerting(story)
    return story


@pytest.fixture(scope="session")
def campaign() -> Campaign:
    """The tiny campaign."""
    return load_campaign([Path("fixtures/tiny")])


@pytest.fixture(scope="session")
def clauses(campaign: Campaign) -> tuple[Clause, ...]:
    """Its clauses."""
    return compile_campaign(campaign)


class Bench:
    """Judges stories of one campaign and tells verdicts by clause id."""

    def __init__(self, clauses: tuple[Clause, ...]) -> None:
        self.clauses = clauses

    def judge(self, story: Story, *waivers: Waiver, lateness_s: float = 0.05) -> tuple[ClauseVerdict, ...]:
        """Final verdicts."""
        return judge_campaign(self.clauses, story.evidence(), waivers, TODAY, lateness_s)

    def unlike_held(self, story: Story, *waivers: Waiver) -> dict[str, str]:
        """Verdicts of all clauses that are not held."""
        return {item.clause.id: item.verdict for item in self.judge(story, *waivers) if item.verdict != "held"}

    def one(self, story: Story, clause: str, *waivers: Waiver) -> ClauseVerdict:
        """The verdict on the clause whose id ends with ``clause``."""
        (found,) = [item for item in self.judge(story, *waivers) if item.clause.id.endswith(clause)]
        return found

    def progress(self, story: Story, step: int = 1) -> Iterator[dict[str, str]]:
        """Judgements on every ``step``-th prefix, from none to all."""
        evidence, records = Evidence(planned=(CELL,)), story.records()
        yield {clause.id: clause.judge(evidence).verdict for clause in self.clauses}
        for index, record in enumerate(records, start=1):
            evidence.add(record)
            if index % step == 0 or index == len(records):
                yield {clause.id: clause.judge(evidence).verdict for clause in self.clauses}


@pytest.fixture(scope="session")
def bench(clauses: tuple[Clause, ...]) -> Bench:
    """A judge of stories of the tiny campaign."""
    return Bench(clauses)
