"""What people are told of an alert: the right receiver, in time, once, readable, in order, and of its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from harness.artefacts.bounds import AlertTiming, Bound, resolve_bounds, yielding_bound
from harness.artefacts.rules import named_labels
from harness.clauses.alert_hops import notification_hop
from harness.clauses.alert_story import AlertStory, because, fired, settling_s, since, speed_of
from harness.clauses.blemishes import blemish
from harness.clauses.model import Judgement, held, inconclusive, still_open, violated
from harness.clauses.timeline import Cause, alert_instants, healing_of, notices, unhealed_fault
from harness.core.units import format_duration
from harness.evidence.records import AlertSnapshot, Notification, RuleState
from harness.evidence.store import Evidence

__all__ = [
    "judge_also_told",
    "judge_before",
    "judge_inhibits",
    "judge_pages",
    "judge_pages_once",
    "judge_renders",
    "judge_resolves",
]


_REPEAT_SHARE: Final = 0.9
"""A notice that comes sooner than this share of the repeat interval is no repeat."""
_IN_FLIGHT_S: Final = 1.0
"""Wall seconds in which a page may still arrive that went out before another alert began to inhibit it."""


def judge_pages(story: AlertStory, evidence: Evidence) -> Judgement:
    """The declared receiver was told by each of its integrations in time."""
    firing_t = fired(story, evidence)
    if isinstance(firing_t, Judgement):
        return firing_t
    if not story.facts.integrations:
        return violated(f"the receiver {story.facts.receiver} has no integration", hop="receiver")
    told = _first_told(story, evidence, "firing")
    missing = [kind for kind in story.facts.integrations if kind not in told]
    last = max(told.values(), default=firing_t)
    bound, latest, passed = _page_deadline(story, evidence, firing_t)
    if not missing and last <= latest:
        wall = last - firing_t
        message = f"{story.receiver} was told by {', '.join(told)} {wall:.3f} s wall after firing"
        return held(message, at=last, slack_s=latest - last)
    if not passed:
        return still_open(f"not told in time yet by {', '.join(missing or story.facts.integrations)}")
    if not missing:
        when = since(evidence, story.cell, firing_t, last)
        return violated(f"told {when} after firing", f"latest: {bound}", hop="receiver", at=last)
    return _untold(story, evidence, missing, f"latest: {bound}")


def _untold(story: AlertStory, evidence: Evidence, missing: Sequence[str], bound: str) -> Judgement:
    strangers = _strangers(story, evidence)
    if strangers:
        first = strangers[0]
        message = f"{first.receiver} was told by {first.integration}, not {story.receiver}"
        return violated(message, bound, hop="route", at=first.t)
    hop, details = notification_hop(story.facts, evidence, story.cell, story.receiver)
    return violated(f"{story.receiver} was not told by {', '.join(missing)}", *details, bound, hop=hop)


def _strangers(story: AlertStory, evidence: Evidence) -> list[Notification]:
    found = notices(evidence, story.cell, story.alert, "firing")
    return [notice for notice in found if notice.receiver not in {story.receiver, *story.listeners}]


def _ends(story: AlertStory, evidence: Evidence) -> list[Notification]:
    """Notices that the alert is over; the end of a page from before the story is none of its own."""
    began = min((notice.t for notice in notices(evidence, story.cell, story.alert, "firing")), default=math.inf)
    return [notice for notice in notices(evidence, story.cell, story.alert, "resolved") if notice.t >= began]


def _first_told(story: AlertStory, evidence: Evidence, status: str) -> dict[str, float]:
    """When each integration of the story's receiver first told of ``status``."""
    ended = status == "resolved"
    found = _ends(story, evidence) if ended else notices(evidence, story.cell, story.alert, status)
    return {notice.integration: notice.t for notice in reversed(found) if notice.receiver == story.receiver}


def _page_deadline(story: AlertStory, evidence: Evidence, firing_t: float) -> tuple[str, float, bool]:
    """The bound of a page in words, its instant, and whether everything up to it is known."""
    speed = speed_of(evidence, story.cell)
    own = _page_latest(story.facts.timing, firing_t, speed) + settling_s(story, evidence)
    timing = story.timing(evidence, own)
    latest = _page_latest(timing, firing_t, speed)
    wait, evaluation = format_duration(timing.group_wait_s), format_duration(timing.evaluation_s)
    bound = f"{wait} group_wait + {evaluation} evaluation + {timing.delivery_s:g}s delivery (wall)"
    return bound, latest, evidence.horizon(story.cell) >= max(own, latest)


def _page_latest(timing: AlertTiming, fired: float, speed: float) -> float:
    return fired + (timing.group_wait_s + timing.evaluation_s) / speed + timing.delivery_s


def _paged(story: AlertStory, evidence: Evidence) -> Judgement | None:
    judgement = judge_pages(story, evidence)
    if judgement.verdict == "open":
        return still_open(f"{story.alert} has not paged")
    if judgement.verdict == "inconclusive":
        return judgement
    return because(story, "pages") if judgement.verdict == "violated" else None


def judge_pages_once(story: AlertStory, evidence: Evidence) -> Judgement:
    """One page by each integration for one problem; repeats at the repeat interval are no surplus."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    strangers = _strangers(story, evidence)
    if strangers:
        first = strangers[0]
        return violated(f"{first.receiver} was told by {first.integration} as well", hop="route", at=first.t)
    found = notices(evidence, story.cell, story.alert, "firing")
    for kind in story.facts.integrations:
        own = [notice for notice in found if notice.integration == kind]
        surplus = next(_surplus(story, evidence, own), None)
        if surplus:
            after = since(evidence, story.cell, own[0].t, surplus.t)
            return violated(f"{kind} told {story.receiver} again {after} later", surplus.title, at=surplus.t)
    if evidence.completed(story.cell):
        return held(f"one page by each of {', '.join(story.facts.integrations)}")
    return still_open("the story is not over")


def judge_also_told(story: AlertStory, evidence: Evidence) -> Judgement:
    """Every receiver beside the one that is paged was told before the story was over."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    told = {notice.receiver: notice.t for notice in reversed(notices(evidence, story.cell, story.alert, "firing"))}
    missing = [name for name in story.listeners if name not in told]
    if not missing:
        return held(f"{', '.join(story.listeners)} was told", at=max(told[name] for name in story.listeners))
    if evidence.completed(story.cell):
        return violated(f"{', '.join(missing)} was never told", hop="route")
    return still_open(f"{', '.join(missing)} was not told yet")


def _surplus(story: AlertStory, evidence: Evidence, own: Sequence[Notification]) -> Iterator[Notification]:
    """Notices beyond the first page and its repeats.

    Where a notice lists its alerts, pages count, not posts: one is an alert's fingerprint and the instant it began.
    """
    repeat_s = story.facts.route.repeat_interval_s if story.facts.route else 0.0
    soonest_s = _REPEAT_SHARE * repeat_s / speed_of(evidence, story.cell)
    for earlier, later in pairwise(own):
        if later.alerts:
            begun = {(a.get("fingerprint"), a.get("startsAt")) for a in later.alerts if _is(a, story.alert, later)}
            known = {a.get("fingerprint"): a.get("startsAt") for n in own if n.t < later.t for a in n.alerts}
            if any(known.get(name, when) != when for name, when in begun):
                yield later
        elif later.t - earlier.t < soonest_s:
            yield later


def _is(item: Mapping[str, Any], alert: str, notice: Notification) -> bool:
    firing = item.get("status", notice.status) == "firing"
    return firing and (item.get("labels") or {}).get("alertname") == alert


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
    lacking = _lacking(story, evidence)
    if lacking:
        return violated(lacking, hop="template")
    if evidence.completed(story.cell):
        shown = f"{found[0].title}\n{found[0].text}".strip().splitlines()[0]
        return held(f"{len(found)} notices, such as: {shown[:120]}")
    return still_open("the story is not over")


def _lacking(story: AlertStory, evidence: Evidence) -> str:
    """What an annotation prints as nothing: a label that the alert does not carry."""
    states = (state for state in evidence.of(RuleState, story.cell) if state.alert == story.alert)
    carried = [item["labels"] for state in states for item in state.active if item.get("state") == "firing"]
    for name, template in story.facts.rule.annotations.items():
        for label in named_labels(template):
            if any(not labels.get(label) for labels in carried):
                return f"its {name} speaks of the label {label}, which the alert does not carry"
    return ""


def _unrendered(title: str, text: str) -> str:
    if not title.strip() and not text.strip():
        return "the notice is empty"
    empty = [line for line in text.splitlines() if line.rstrip().endswith(" =")]
    return blemish(f"{title}\n{text}") or (f"an empty field: {empty[0].strip()}" if empty else "")


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
    """Alertmanager held ``other`` back while this alert fired, and nobody was paged about it meanwhile."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    page = notices(evidence, story.cell, story.alert, "firing")[0].t
    over = [n.t for n in _ends(story, evidence)]
    end = min(over, default=math.inf)
    leaked = [n for n in notices(evidence, story.cell, other, "firing") if page + _IN_FLIGHT_S < n.t < end]
    if leaked:
        when = since(evidence, story.cell, page, leaked[0].t)
        return violated(f"{other} paged {when} after {story.alert}", hop="inhibition", at=leaked[0].t)
    if not over and not evidence.completed(story.cell):
        return still_open(f"{story.alert} is not resolved yet")
    return _inhibited(story, other, evidence, page, end)


def _inhibited(story: AlertStory, other: str, evidence: Evidence, page: float, end: float) -> Judgement:
    snapshots = evidence.of(AlertSnapshot, story.cell)
    own = {s.fingerprint for s in snapshots if s.labels.get("alertname") == story.alert}
    for snapshot in snapshots:
        if snapshot.labels.get("alertname") == other and own & set(snapshot.inhibited_by):
            return held(f"{other} was inhibited by {story.alert}", at=snapshot.t)
    if not any(page <= t <= end for t in alert_instants(evidence, story.cell, other, "firing")):
        return inconclusive(f"{other} did not fire beside {story.alert}: nothing to inhibit")
    return violated(f"{other} stayed active while {story.alert} fired", hop="inhibition")


def judge_resolves(story: AlertStory, evidence: Evidence) -> Judgement:
    """After healing, every integration that sends resolved notices told of recovery in time."""
    failed = _paged(story, evidence)
    if failed:
        return failed
    ended = evidence.phase(story.cell, story.episode[-1])[1]
    told = _ends(story, evidence)
    early = [notice.t for notice in told if ended is None or notice.t < ended]
    if early and evidence.horizon(story.cell) >= early[0]:
        return violated("it resolved while the fault lasted", hop="expression", at=early[0])
    if not story.facts.resolved_to:
        return violated(f"no integration of {story.receiver} sends resolved notices", hop="receiver")
    unhealed = unhealed_fault(evidence, story.cell, story.episode)
    if unhealed:
        return inconclusive(f"because the fault {unhealed.fault} was not seen to heal: {unhealed.detail}")
    within_s = resolve_bounds(story.facts.timing).latest.wall_s(speed_of(evidence, story.cell))
    healed = healing_of(evidence, story.cell, story.episode, within_s)
    if early or healed is None:
        return still_open("the fault lasts")
    return _judge_resolved_in_time(story, evidence, healed)


def _resolve_bound(story: AlertStory, evidence: Evidence, until: float) -> Bound:
    """The alert's own bound; where it was inhibited, its notice also waits for the inhibiting alert to resolve."""
    own = resolve_bounds(story.timing(evidence, until)).latest
    if story.inhibitor is None or not notices(evidence, story.cell, story.inhibitor.rule.name, "firing"):
        return own
    name, timing = story.inhibitor.rule.name, story.inhibitor.timing
    held_back = yielding_bound(story.facts.timing, timing, name, story.resend_s)
    speed = speed_of(evidence, story.cell)
    return max(own, held_back, key=lambda bound: bound.wall_s(speed))


def _judge_resolved_in_time(story: AlertStory, evidence: Evidence, healed: Cause) -> Judgement:
    told = _first_told(story, evidence, "resolved")
    missing = [kind for kind in story.facts.resolved_to if kind not in told]
    speed, horizon = speed_of(evidence, story.cell), evidence.horizon(story.cell)
    settled = healed.t + resolve_bounds(story.facts.timing).latest.wall_s(speed) + settling_s(story, evidence)
    bound = _resolve_bound(story, evidence, settled)
    latest = healed.t + bound.wall_s(speed)
    last = max(told.values(), default=healed.t)
    when = f"{since(evidence, story.cell, healed.t, last)} after the {healed.what}"
    if not missing and last <= latest:
        return held(when, f"latest: {bound}", at=last, slack_s=latest - last)
    if horizon < max(latest, settled):
        return still_open(f"not resolved yet; at the latest {bound}, counted from the {healed.what}")
    if not missing:
        return violated(f"too late: {when}", f"latest: {bound}", hop="resolved", at=last)
    return _unresolved(story, evidence, missing, latest, f"latest: {bound}")


def _unresolved(story: AlertStory, evidence: Evidence, missing: Sequence[str], latest: float, bound: str) -> Judgement:
    speed = speed_of(evidence, story.cell)
    firing = alert_instants(evidence, story.cell, story.alert, "firing")
    fires_on = bool(firing) and firing[-1] >= latest - story.facts.timing.evaluation_s * 2 / speed
    details = (f"last seen firing {since(evidence, story.cell, firing[0], firing[-1])} after it began",)
    message = f"{story.receiver} was not told of recovery by {', '.join(missing)}"
    known = {story.receiver, *story.listeners}
    strays = [notice for notice in _ends(story, evidence) if notice.receiver not in known]
    if strays and not fires_on:
        told = f"{strays[0].receiver} was, by {strays[0].integration}"
        return violated(f"{message}; {told}", *details, bound, hop="route")
    return violated(message, *details, bound, hop="expression" if fires_on else "receiver")
