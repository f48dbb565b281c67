"""One alert in one story: the facts that its windows are derived from, and whether it pended and fired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.artefacts.bounds import AlertTiming, FaultTiming, Window, fire_bounds
from harness.clauses.alert_hops import expression_hop
from harness.clauses.fitness import widest_gaps
from harness.clauses.model import Judgement, held, inconclusive, still_open, violated
from harness.clauses.production import AlertFacts
from harness.clauses.timeline import Cause, alert_instants, cause_of, failed_fault
from harness.contract.expectations import ExpectAlert
from harness.core.errors import Location
from harness.core.units import format_duration
from harness.evidence.store import Evidence

__all__ = ["AlertStory", "because", "fire_window", "fired", "judge_fires", "judge_pends", "since", "speed_of"]


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
    as_run: tuple[str, ...] = ()
    """The expression in the cell's time, and each change that made it so."""
    inhibitor: AlertFacts | None = None
    """The alert that this one yields to: while it fires, notices of this one are held back."""

    def timing(self, evidence: Evidence) -> AlertTiming:
        """Timing with the widest gaps recorded in place of the configured intervals."""
        scrape_s, evaluation_s = widest_gaps(evidence, self.cell)
        timing = self.facts.timing
        return replace(
            timing,
            scrape_s=max(timing.scrape_s, scrape_s),
            evaluation_s=max(timing.evaluation_s, evaluation_s),
        )

    def premise(self, evidence: Evidence) -> Cause | Judgement:
        """The cause that windows count from, or why there is none."""
        failed = failed_fault(evidence, self.cell, self.phase)
        if failed:
            return inconclusive(f"because the fault {failed.fault} was not confirmed: {failed.detail}")
        cause = cause_of(evidence, self.cell, self.phase)
        return cause or still_open(f"nothing faulty was recorded in the phase {self.phase}")


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
    instants = [
        *alert_instants(evidence, story.cell, story.alert, "pending"),
        *alert_instants(evidence, story.cell, story.alert, "firing"),
    ]
    if instants:
        first = min(instants)
        return held(f"pending {since(evidence, story.cell, cause.t, first)} after the {cause.what}", at=first)
    timing = story.timing(evidence)
    window = fire_window(replace(timing, for_s=0.0))
    return _absent(story, evidence, cause, window, expression_hop)


Hop = Callable[[AlertFacts, Evidence, str], tuple[str, tuple[str, ...]]]


def _absent(story: AlertStory, evidence: Evidence, cause: Cause, window: Window, hop: Hop) -> Judgement:
    """Open while the latest instant has not been watched; violated after it, with the missing hop."""
    speed = speed_of(evidence, story.cell)
    latest = cause.t + window.latest.wall_s(speed)
    if evidence.horizon(story.cell) < latest:
        return still_open(f"not by now; at the latest {window.latest}, counted from the {cause.what}")
    name, details = hop(story.facts, evidence, story.cell)
    place = story.facts.rule.location
    return violated(
        f"not within {format_duration(window.latest.production_s(speed))} of the {cause.what}",
        *details,
        f"latest: {window.latest}",
        f"rule: {place}: {story.facts.rule.expression.strip()}",
        *story.as_run,
        hop=name,
    )


def judge_fires(story: AlertStory, evidence: Evidence) -> Judgement:
    """The alert fired neither before its earliest nor after its latest instant."""
    cause = story.premise(evidence)
    if isinstance(cause, Judgement):
        return cause
    if story.facts.timing.for_s and judge_pends(story, evidence).verdict == "violated":
        return because(story, "pends")
    window = fire_window(story.timing(evidence))
    instants = alert_instants(evidence, story.cell, story.alert, "firing")
    if not instants:
        return _absent(story, evidence, cause, window, expression_hop)
    return _in_window(story, evidence, cause, window, instants[0])


def _in_window(story: AlertStory, evidence: Evidence, cause: Cause, window: Window, t: float) -> Judgement:
    speed = speed_of(evidence, story.cell)
    when = f"{since(evidence, story.cell, cause.t, t)} after the {cause.what}"
    if t < cause.t + window.earliest.wall_s(speed):
        when = when if t >= cause.t else f"{since(evidence, story.cell, t, cause.t)} before the {cause.what}"
        return violated(f"too early: {when}", f"earliest: {window.earliest}", hop="expression", at=t)
    if t > cause.t + window.latest.wall_s(speed):
        return violated(f"too late: {when}", f"latest: {window.latest}", hop="rule state", at=t)
    slack = format_duration(window.latest.production_s(speed) - (t - cause.t) * speed)
    return held(when, f"window: {window}", f"slack to the latest: {slack}", at=t)


def because(story: AlertStory, promise: str, alert: str = "") -> Judgement:
    """A clause whose premise failed: inconclusive because of the clause that is violated."""
    return inconclusive(f"because of {story.cell}::alerts::{alert or story.alert}::{promise}")


def fired(story: AlertStory, evidence: Evidence) -> float | Judgement:
    """The instant of firing, or the judgement of clauses whose premise it is."""
    judgement = judge_fires(story, evidence)
    if judgement.verdict == "open":
        return still_open(f"{story.alert} has not fired")
    instants = alert_instants(evidence, story.cell, story.alert, "firing")
    return instants[0] if judgement.verdict == "held" else because(story, "fires")
