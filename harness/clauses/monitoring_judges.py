"""Was the death of a hop noticed in time, by a way that does not lead through it; and was its return?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.artefacts.bounds import Bound
from harness.clauses.alert_hops import expression_hop, notification_hop
from harness.clauses.alert_story import since, speed_of
from harness.clauses.fitness import GAP_LIMIT, widest_gaps
from harness.clauses.hops import kind_of
from harness.clauses.model import Judgement, held, inconclusive, still_open, violated
from harness.clauses.production import AlertFacts
from harness.clauses.timeline import alert_instants, notices
from harness.core.units import format_duration
from harness.evidence.records import FaultAction, Silence
from harness.evidence.store import Evidence

__all__ = ["HopStory", "judge_noticed", "judge_recovers"]


@dataclass(frozen=True, slots=True)
class HopStory:
    """One hop that one story cuts in ``manner``, and the alert that is to notice: by its silence if it is always on."""

    cell: str
    hop: str
    manner: str
    alert: str
    always: bool
    facts: AlertFacts
    phases: tuple[str, ...]
    """The phases that cut it."""
    notice: Bound
    recovery: Bound
    doubts: tuple[str, ...] = ()
    """Why the alert cannot notice, as far as the files alone tell."""

    def instants(self, evidence: Evidence) -> dict[str, FaultAction]:
        """What was done to the hop, by action: the first of each."""
        found: dict[str, FaultAction] = {}
        for action in evidence.of(FaultAction, self.cell):
            if action.fault == f"cut {self.hop}":
                found.setdefault(action.action, action)
        return found


@dataclass(frozen=True, slots=True)
class _Notice:
    t: float
    by: str


def judge_noticed(story: HopStory, evidence: Evidence) -> Judgement:
    """Somebody was told, or missed the watchdog, while the hop was dead and within the window."""
    done = story.instants(evidence)
    if "confirm" not in done:
        if "failed" in done:
            return inconclusive(f"because {story.hop} was not seen dead: {done['failed'].detail}")
        return still_open(f"{story.hop} was not seen dead")
    dead_t = done["confirm"].t
    healed_t = done["heal"].t if "heal" in done else math.inf
    notice = _first_notice(story, evidence, done["inject"].t, healed_t)
    latest = _latest(story, evidence, dead_t, story.notice)
    if notice is None:
        return _unnoticed(story, evidence, healed_t, dead_t)
    when = f"{since(evidence, story.cell, dead_t, notice.t)} after {story.hop} was seen dead: {notice.by}"
    if notice.t <= latest.t:
        return held(when, f"latest: {story.notice}", at=notice.t)
    if evidence.horizon(story.cell) < latest.settled:
        return still_open(when)
    return violated(f"too late: {when}", f"latest: {story.notice}", *story.doubts, hop=story.hop, at=notice.t)


@dataclass(frozen=True, slots=True)
class _Latest:
    """The latest instant of a window, as known so far; after ``settled`` no gap in the monitoring moves it any more."""

    t: float
    settled: float


def _latest(story: HopStory, evidence: Evidence, start_t: float, bound: Bound) -> _Latest:
    """Gaps in scrapes and evaluations that are no wider than a fit cell may have move a notice as they come."""
    timing, speed = story.facts.timing, speed_of(evidence, story.cell)
    own = start_t + bound.wall_s(speed)
    settled = own + (GAP_LIMIT - 1) * (timing.scrape_s + timing.evaluation_s) / speed
    scrape_s, evaluation_s = widest_gaps(evidence, story.cell, settled)
    late_s = max(0.0, scrape_s - timing.scrape_s) + max(0.0, evaluation_s - timing.evaluation_s)
    return _Latest(own + late_s / speed, settled)


def _first_notice(story: HopStory, evidence: Evidence, begun_t: float, healed_t: float) -> _Notice | None:
    if story.always:
        silences = [s for s in evidence.of(Silence, story.cell) if s.alert == story.alert and begun_t <= s.t < healed_t]
        if not silences:
            return None
        first = silences[0]
        heard = format_duration((first.t - first.since_t) * speed_of(evidence, story.cell))
        return _Notice(first.t, f"the dead man's switch behind {first.receiver} had heard nothing for {heard}")
    found = notices(evidence, story.cell, story.alert, "firing")
    told = [n for n in found if begun_t <= n.t < healed_t and kind_of(n.integration) != story.hop]
    return _Notice(told[0].t, f"{told[0].receiver} was told by {told[0].integration}") if told else None


def _unnoticed(story: HopStory, evidence: Evidence, healed_t: float, dead_t: float) -> Judgement:
    """Violated once its phases are over: how long a hop may be dead without anybody knowing, the story says."""
    over = all(evidence.phase(story.cell, phase)[1] is not None for phase in story.phases)
    if not over or math.isinf(healed_t) or evidence.horizon(story.cell) < healed_t:
        return still_open(f"not noticed yet; at the latest {story.notice}")
    hop, details = (story.hop, ()) if story.always else _missing(story, evidence, healed_t)
    by = f"the silence of {story.alert}" if story.always else story.alert
    message = f"nobody noticed in {since(evidence, story.cell, dead_t, healed_t)}: not {by}"
    return violated(message, *story.doubts, *details, f"latest: {story.notice}", hop=hop)


def _missing(story: HopStory, evidence: Evidence, healed_t: float) -> tuple[str, tuple[str, ...]]:
    """Where the chain of the alert that was to notice ends."""
    if any(t < healed_t for t in alert_instants(evidence, story.cell, story.alert, "firing")):
        return notification_hop(story.facts, evidence, story.cell, story.facts.receiver)
    return expression_hop(story.facts, evidence, story.cell)


def judge_recovers(story: HopStory, evidence: Evidence) -> Judgement:
    """The watchdog was heard again, or the end of the alert was told, within the window after healing."""
    noticed = judge_noticed(story, evidence)
    if noticed.verdict == "open":
        return still_open(f"{story.hop} is dead")
    if noticed.verdict != "held":
        return inconclusive(f"because of {story.cell}::monitoring::{story.hop}::noticed")
    healed = story.instants(evidence).get("healed")
    if healed is None:
        return still_open(f"{story.hop} was not seen alive again")
    latest = _latest(story, evidence, healed.t, story.recovery)
    told = _end_told(story, evidence)
    if told is not None and told <= latest.t:
        when = since(evidence, story.cell, healed.t, told)
        return held(f"{when} after {story.hop} was seen alive again", f"latest: {story.recovery}", at=told)
    if evidence.horizon(story.cell) < latest.settled:
        return still_open(f"{story.alert} has not recovered yet; at the latest {story.recovery}")
    what = "was not heard again" if story.always else "was not told to be over"
    return violated(f"{story.alert} {what}", f"latest: {story.recovery}", hop=story.hop)


def _end_told(story: HopStory, evidence: Evidence) -> float | None:
    heal_t = story.instants(evidence)["heal"].t
    found = notices(evidence, story.cell, story.alert, "firing" if story.always else "resolved")
    return next((notice.t for notice in found if notice.t > heal_t), None)
