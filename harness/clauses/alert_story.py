"""One alert in one story: the facts that its windows are derived from, and whether it pended and fired."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from harness.artefacts.bounds import AlertTiming, FaultTiming, Window, fire_bounds
from harness.clauses.alert_hops import expression_hop
from harness.clauses.fitness import GAP_LIMIT, widest_gaps
from harness.clauses.model import Judgement, held, inconclusive, still_open, violated
from harness.clauses.production import AlertFacts
from harness.clauses.timeline import Cause, alert_instants, cause_of, confirmations, injections, unconfirmed
from harness.contract.expectations import ExpectAlert
from harness.core.errors import Location
from harness.core.units import format_duration
from harness.evidence.store import Evidence

__all__ = [
    "AlertStory",
    "because",
    "fire_window",
    "fired",
    "judge_fires",
    "judge_pends",
    "settling_s",
    "since",
    "speed_of",
]


@dataclass(frozen=True, slots=True)
class AlertStory:
    """One alert in one story: the facts that its windows are derived from."""

    cell: str
    alert: str
    phase: str
    facts: AlertFacts
    receiver: str
    rule: ExpectAlert
    source: Location
    listeners: tuple[str, ...] = ()
    """Receivers that are told as well."""
    as_run: tuple[str, ...] = ()
    """The expression in the cell's time, and each change that made it so."""
    inhibitor: AlertFacts | None = None
    """The alert that this one yields to: while it fires, notices of this one are held back."""
    resend_s: float = 0.0
    """Production seconds after which Prometheus tells Alertmanager again of an alert that is resolved."""

    injects: tuple[str, ...] = ()
    """Faults that the phase injects; without any, its beginning is the cause."""
    episode: tuple[str, ...] = ()
    """The phases from the one that makes the alert fire to the last before healing."""

    def timing(self, evidence: Evidence, until: float = math.inf) -> AlertTiming:
        """Timing with the widest gaps recorded by ``until`` in place of the configured intervals."""
        scrape_s, evaluation_s = widest_gaps(evidence, self.cell, until)
        timing = self.facts.timing
        wider = max(1.0, evaluation_s / timing.evaluation_s)
        return replace(
            timing,
            scrape_s=max(timing.scrape_s, scrape_s),
            evaluation_s=timing.evaluation_s * wider,
            recorded_s=timing.recorded_s * wider,
        )

    def premise(self, evidence: Evidence, seen: float = math.inf) -> Cause | Judgement:
        """The cause that windows count from, or why there is none; ``seen`` is when its effect was seen."""
        sign = self.sign(evidence)
        if isinstance(sign, Judgement):
            return sign
        if self.injects and all(name.startswith("cut ") for name in self.injects):
            return sign  # no request tells of the monitoring
        latest_s = fire_window(self.facts.timing).latest.wall_s(speed_of(evidence, self.cell))
        return cause_of(evidence, self.cell, self.phase, sign, min(seen, sign.t + latest_s))

    def sign(self, evidence: Evidence) -> Cause | Judgement:
        """The first confirmation of the phase's faults, or, where it injects none, its beginning."""
        if not self.injects:
            start = evidence.phase(self.cell, self.phase)[0]
            began = f"beginning of {self.phase}"
            return still_open(f"no {began}") if start is None else Cause(start, began, start)
        failed = unconfirmed(evidence, self.cell, self.phase)
        if failed:
            return failed
        confirmed = confirmations(evidence, self.cell, self.phase)
        if set(self.injects) - set(confirmed):
            return still_open(f"no fault was confirmed in the phase {self.phase}")
        first = min(confirmed[name] for name in self.injects)
        injected = injections(evidence, self.cell, self.phase)
        acts_from = min((injected[name] for name in self.injects if name in injected), default=first)
        return Cause(first, f"fault confirmed in {self.phase}", first, acts_from=acts_from)


def fire_window(timing: AlertTiming) -> Window:
    """Bounds of the firing itself: the page's bounds without grouping and delivery."""
    silent = replace(timing, group_wait_s=0.0, delivery_s=0.0)
    return fire_bounds(silent, FaultTiming(crossing_s=timing.range_s))


def since(evidence: Evidence, cell: str, start: float, t: float) -> str:
    """Production time from wall instant ``start`` to ``t``, in words."""
    start_record = evidence.started(cell)
    speed = start_record.speed if start_record else 1.0
    return f"{format_duration(max(0.0, (t - start) * speed))} production"


def speed_of(evidence: Evidence, cell: str) -> float:
    """Speed of the cell; 1 before it has started."""
    start = evidence.started(cell)
    return start.speed if start else 1.0


def judge_pends(story: AlertStory, evidence: Evidence) -> Judgement:
    """The alert became pending within scrape, crossing and evaluation of its cause."""
    cause = story.premise(evidence)
    if isinstance(cause, Judgement):
        return cause
    sign = story.sign(evidence)
    begun = min(cause.t, sign.t) if isinstance(sign, Cause) else cause.t
    instants = [
        *alert_instants(evidence, story.cell, story.alert, "pending"),
        *alert_instants(evidence, story.cell, story.alert, "firing"),
    ]
    first = min((t for t in instants if t >= begun), default=None)
    deadline = _Deadline.of(story, evidence, cause, for_s=0.0)
    if first is None:
        return _absent(story, evidence, cause, deadline)
    when = f"pending {since(evidence, story.cell, cause.t, first)} after the {cause.what}"
    if first <= deadline.surely:
        return held(when, at=first)
    if first <= deadline.t or not deadline.passed:
        return still_open(when)
    return violated(f"too late: {when}", f"latest: {deadline.window.latest}", hop="expression", at=first)


@dataclass(frozen=True, slots=True)
class _Deadline:
    """The latest instant of a window, as known so far: gaps in the monitoring may still widen it."""

    window: Window
    t: float
    surely: float
    """The latest instant that no record still to come can bring nearer."""
    passed: bool
    """Whether everything up to it is known, and every gap that could still widen it."""

    @classmethod
    def of(cls, story: AlertStory, evidence: Evidence, cause: Cause, for_s: float | None = None) -> _Deadline:
        speed, horizon = speed_of(evidence, story.cell), evidence.horizon(story.cell)
        own = story.facts.timing if for_s is None else replace(story.facts.timing, for_s=for_s)
        settled = cause.t + fire_window(own).latest.wall_s(speed) + settling_s(story, evidence)
        seen = story.timing(evidence, settled)
        window = fire_window(replace(seen, for_s=own.for_s))
        latest_s = window.latest.wall_s(speed)
        t = cause.t + latest_s
        return cls(window, t, cause.earliest + latest_s, horizon >= max(t, settled))


def settling_s(story: AlertStory, evidence: Evidence) -> float:
    """Wall seconds after an instant in which a gap may still end that widens bounds up to it."""
    timing = story.facts.timing
    return GAP_LIMIT * max(timing.scrape_s, timing.evaluation_s) / speed_of(evidence, story.cell)


def _absent(story: AlertStory, evidence: Evidence, cause: Cause, deadline: _Deadline) -> Judgement:
    """Open while the latest instant has not been watched; violated after it, with the missing hop."""
    window = deadline.window
    if not deadline.passed:
        return still_open(f"not by now; at the latest {window.latest}, counted from the {cause.what}")
    name, details = expression_hop(story.facts, evidence, story.cell)
    place = story.facts.rule.location
    return violated(
        f"not within {format_duration(window.latest.production_s(speed_of(evidence, story.cell)))} of the {cause.what}",
        *details,
        f"latest: {window.latest}",
        f"rule: {place}: {story.facts.rule.expression.strip()}",
        *story.as_run,
        hop=name,
    )


def judge_fires(story: AlertStory, evidence: Evidence) -> Judgement:
    """The alert fired neither before its earliest nor after its latest instant."""
    instants = alert_instants(evidence, story.cell, story.alert, "firing")
    cause = story.premise(evidence, instants[0] if instants else math.inf)
    if isinstance(cause, Judgement):
        return cause
    if instants:
        return _in_window(story, evidence, cause, instants[0])
    if story.facts.timing.for_s and judge_pends(story, evidence).verdict == "violated":
        return because(story, "pends")
    return _absent(story, evidence, cause, _Deadline.of(story, evidence, cause))


def _in_window(story: AlertStory, evidence: Evidence, cause: Cause, t: float) -> Judgement:
    speed = speed_of(evidence, story.cell)
    deadline = _Deadline.of(story, evidence, cause)
    window = deadline.window
    when = f"{since(evidence, story.cell, cause.t, t)} after the {cause.what}"
    earliest_t = min(cause.t, cause.acts_from) + window.earliest.wall_s(speed)
    if t < earliest_t:
        if evidence.horizon(story.cell) < t:
            return still_open(f"{when}; an earlier cause may still be recorded")
        when = when if t >= cause.t else f"{since(evidence, story.cell, t, cause.t)} before the {cause.what}"
        return violated(f"too early: {when}", f"earliest: {window.earliest}", hop="expression", at=t)
    if t > deadline.t and deadline.passed:
        return violated(f"too late: {when}", f"latest: {window.latest}", hop="rule state", at=t)
    if t > deadline.surely or cause.may_be_later:
        return still_open(when)
    after_s, latest_s = t - cause.t, window.latest.wall_s(speed)
    told = f"slack to the latest: {format_duration((latest_s - after_s) * speed)}"
    slack_s = min(latest_s - after_s, t - earliest_t)
    return held(when, f"window: {window}", told, at=t, slack_s=slack_s)


def because(story: AlertStory, promise: str, alert: str = "") -> Judgement:
    """A clause whose premise failed: inconclusive because of the clause that is violated."""
    return inconclusive(f"because of {story.cell}::alerts::{alert or story.alert}::{promise}")


def fired(story: AlertStory, evidence: Evidence) -> float | Judgement:
    """The instant of firing, or the judgement of clauses whose premise it is."""
    judgement = judge_fires(story, evidence)
    if judgement.verdict == "open":
        return still_open(f"{story.alert} has not fired")
    if judgement.verdict == "inconclusive":
        return judgement
    if judgement.verdict == "violated":
        return because(story, "fires")
    return alert_instants(evidence, story.cell, story.alert, "firing")[0]
