"""What people are told of an alert: the right receiver, in time, once, readable, in order, and of its end."""

from __future__ import annotations

from harness.artefacts.bounds import AlertTiming, Bound, Term, resolve_bounds
from harness.clauses.alert_hops import notification_hop
from harness.clauses.alert_story import AlertStory, because, fired, since, speed_of
from harness.clauses.model import Judgement, held, inconclusive, still_open, violated
from harness.clauses.timeline import Cause, alert_instants, healing_of, notices
from harness.core.units import format_duration
from harness.evidence.records import AlertSnapshot
from harness.evidence.store import Evidence

__all__ = [
    "judge_before",
    "judge_inhibits",
    "judge_pages",
    "judge_pages_once",
    "judge_renders",
    "judge_resolves",
]


def judge_pages(story: AlertStory, evidence: Evidence) -> Judgement:
    """The declared receiver, and no other, was told by each of its integrations in time."""
    firing_t = fired(story, evidence)
    if isinstance(firing_t, Judgement):
        return firing_t
    found = notices(evidence, story.cell, story.alert, "firing")
    strangers = [notice for notice in found if notice.receiver != story.receiver]
    if strangers:
        first = strangers[0]
        return violated(
            f"{first.receiver} was told by {first.integration}, not {story.receiver}", hop="route", at=first.t
        )
    if not story.facts.integrations:
        return violated(f"the receiver {story.facts.receiver} has no integration", hop="receiver")
    told = {notice.integration: notice.t for notice in reversed(found)}
    missing = [kind for kind in story.facts.integrations if kind not in told]
    timing = story.timing(evidence)
    latest = _page_latest(timing, firing_t, speed_of(evidence, story.cell))
    bound = _page_bound(timing)
    if not missing:
        last = max(told.values())
        if last > latest:
            return violated(
                f"told {since(evidence, story.cell, firing_t, last)} after firing", f"latest: {bound}", hop="receiver"
            )
        wall = last - firing_t
        return held(f"{story.receiver} was told by {', '.join(told)} {wall:.3f} s wall after firing", at=last)
    if evidence.horizon(story.cell) < latest:
        return still_open(f"not told yet by {', '.join(missing)}")
    hop, details = notification_hop(story.facts, evidence, story.cell, story.receiver)
    return violated(f"{story.receiver} was not told by {', '.join(missing)}", *details, f"latest: {bound}", hop=hop)


def _page_bound(timing: AlertTiming) -> str:
    wait, evaluation = format_duration(timing.group_wait_s), format_duration(timing.evaluation_s)
    return f"{wait} group_wait + {evaluation} evaluation + {timing.delivery_s:g}s delivery (wall)"


def _page_latest(timing: AlertTiming, fired: float, speed: float) -> float:
    return fired + (timing.group_wait_s + timing.evaluation_s) / speed + timing.delivery_s


def _paged(story: AlertStory, evidence: Evidence) -> Judgement | None:
    judgement = judge_pages(story, evidence)
    if judgement.verdict == "open":
        return still_open(f"{story.alert} has not paged")
    if judgement.verdict != "held":
        return because(story, "fires" if judgement.verdict == "inconclusive" else "pages")
    return None


def judge_pages_once(story: AlertStory, evidence: Evidence) -> Judgement:
    """One page by each integration for one problem; repeats at the repeat interval are no surplus."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    found = notices(evidence, story.cell, story.alert, "firing")
    speed = speed_of(evidence, story.cell)
    repeat_s = (story.facts.route.repeat_interval_s if story.facts.route else 0.0) / speed
    for kind in story.facts.integrations:
        own = [notice for notice in found if notice.integration == kind]
        surplus = [notice for notice in own[1:] if notice.t - own[0].t < 0.9 * repeat_s]
        if surplus:
            after = since(evidence, story.cell, own[0].t, surplus[0].t)
            return violated(f"{kind} told {story.receiver} again {after} later", surplus[0].title, at=surplus[0].t)
    if evidence.completed(story.cell):
        return held(f"one page by each of {', '.join(story.facts.integrations)}")
    return still_open("the story is not over")


_UNRENDERED = ("<no value>", "{{", "}}", "<error expanding template", "%!", "<nil>")


def judge_renders(story: AlertStory, evidence: Evidence) -> Judgement:
    """No notice holds a template mark, an empty field or nothing at all."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    found = [
        *notices(evidence, story.cell, story.alert, "firing"),
        *notices(evidence, story.cell, story.alert, "resolved"),
    ]
    for notice in found:
        problem = _unrendered(notice.title, notice.text)
        if problem:
            return violated(
                f"{notice.integration}: {problem}", notice.title, notice.text[:400], hop="template", at=notice.t
            )
    if evidence.completed(story.cell):
        first = found[0]
        return held(f"{len(found)} notices, such as: {(first.title or first.text).strip().splitlines()[0][:120]}")
    return still_open("the story is not over")


def _unrendered(title: str, text: str) -> str:
    if not title.strip() and not text.strip():
        return "the notice is empty"
    for mark in _UNRENDERED:
        if mark in title or mark in text:
            return f"it holds {mark!r}"
    empty = [line for line in text.splitlines() if line.rstrip().endswith((" =", ":  ")) and line.strip()]
    return f"an empty field: {empty[0].strip()}" if empty else ""


def judge_before(story: AlertStory, other: str, evidence: Evidence) -> Judgement:
    """The first page came before the first page of ``other``."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    own = notices(evidence, story.cell, story.alert, "firing")[0].t
    others = notices(evidence, story.cell, other, "firing")
    if others and others[0].t <= own:
        return violated(f"{other} paged first", at=others[0].t)
    if others:
        return held(f"{since(evidence, story.cell, own, others[0].t)} before {other}", at=others[0].t)
    if evidence.completed(story.cell):
        return because(story, "pages", other)
    return still_open(f"{other} has not paged")


def judge_inhibits(story: AlertStory, other: str, evidence: Evidence) -> Judgement:
    """Alertmanager held ``other`` back while this alert fired."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    page = notices(evidence, story.cell, story.alert, "firing")[0].t
    snapshots = [s for s in evidence.of(AlertSnapshot, story.cell) if s.labels.get("alertname") == other]
    for snapshot in snapshots:
        if snapshot.state == "suppressed" and snapshot.inhibited_by:
            return held(f"{other} was inhibited by {story.alert}", at=snapshot.t)
    resolved = notices(evidence, story.cell, story.alert, "resolved")
    if resolved or evidence.completed(story.cell):
        during = [s for s in snapshots if s.t >= page and s.state == "active"]
        if not snapshots or (not during and not alert_instants(evidence, story.cell, other, "firing")):
            return inconclusive(f"{other} did not fire beside {story.alert}: nothing to inhibit")
        return violated(f"{other} stayed active while {story.alert} fired", hop="inhibition")
    return still_open(f"{other} is not inhibited yet")


def judge_resolves(story: AlertStory, evidence: Evidence) -> Judgement:
    """After healing, every integration that sends resolved notices told of recovery in time."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    healed = healing_of(evidence, story.cell)
    told = notices(evidence, story.cell, story.alert, "resolved")
    if healed is None:
        if told:
            return violated("it resolved while the fault lasted", hop="expression", at=told[0].t)
        return still_open("the fault lasts")
    early = [notice for notice in told if notice.t < healed.t]
    if early:
        return violated("it resolved while the fault lasted", hop="expression", at=early[0].t)
    if not story.facts.resolved_to:
        return violated(f"no integration of {story.receiver} sends resolved notices", hop="receiver")
    return _judge_resolved_in_time(story, evidence, healed)


def _resolve_bound(story: AlertStory, evidence: Evidence) -> Bound:
    """The alert's own bound; where it was inhibited, its notice also waits for the inhibiting alert to resolve."""
    own = resolve_bounds(story.timing(evidence)).latest
    if story.inhibitor is None or not notices(evidence, story.cell, story.inhibitor.rule.name, "firing"):
        return own
    wait = Term(
        f"group_interval after {story.inhibitor.rule.name} ceased to inhibit", story.facts.timing.group_interval_s
    )
    held_back = Bound((*resolve_bounds(story.inhibitor.timing).latest.terms, wait))
    speed = speed_of(evidence, story.cell)
    return max(own, held_back, key=lambda bound: bound.wall_s(speed))


def _judge_resolved_in_time(story: AlertStory, evidence: Evidence, healed: Cause) -> Judgement:
    told = {n.integration: n.t for n in reversed(notices(evidence, story.cell, story.alert, "resolved"))}
    missing = [kind for kind in story.facts.resolved_to if kind not in told]
    bound = _resolve_bound(story, evidence)
    speed = speed_of(evidence, story.cell)
    latest = healed.t + bound.wall_s(speed)
    if not missing:
        last = max(told.values())
        when = f"{since(evidence, story.cell, healed.t, last)} after the {healed.what}"
        if last > latest:
            return violated(f"too late: {when}", f"latest: {bound}", hop="resolved", at=last)
        return held(when, f"latest: {bound}", at=last)
    if evidence.horizon(story.cell) < latest:
        return still_open(f"not resolved yet; at the latest {bound}, counted from the {healed.what}")
    firing = alert_instants(evidence, story.cell, story.alert, "firing")
    hop = "expression" if firing and firing[-1] >= latest - story.facts.timing.evaluation_s * 2 / speed else "receiver"
    details = (f"last seen firing {since(evidence, story.cell, healed.t, firing[-1])} after",) if firing else ()
    message = f"{story.receiver} was not told of recovery by {', '.join(missing)}"
    return violated(message, *details, f"latest: {bound}", hop=hop)
