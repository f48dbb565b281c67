"""Windows of dead hops: until somebody notices, and until it is known to be over. Sums of named terms.

They count from the instant at which the hop was seen dead, or alive again.
"""

from __future__ import annotations

from typing import Final

from harness.artefacts.bounds import Bound, FaultTiming, Term, fire_bounds, resolve_bounds
from harness.clauses.hops import is_integration, is_link
from harness.clauses.production import AlertFacts, Production
from harness.clauses.watchdog import MISSED_REPEATS

__all__ = ["heard_bound", "resolved_bound", "silent_bound", "told_bound"]

_RETRY_S: Final = 10.0
"""Wall seconds that Alertmanager goes on trying a delivery at least, whatever its group_interval."""
_GIVEN_UP: Final = "alertmanager_notifications_failed_total"
"""Its counter of deliveries given up; every other one moves at the first refusal."""
_HELD_ENDS: Final = 4
"""Prometheus tells Alertmanager to hold an alert for so many resend delays without another word."""


def silent_bound(production: Production, facts: AlertFacts, hop: str, manner: str) -> Bound:
    """Until the dead man's switch gives the alarm at the latest; a living Alertmanager repeats for a while."""
    repeat_s = facts.route.repeats_after_s if facts.route else 0.0
    holds = hop in {"prometheus", "rules"} or is_link(hop, manner)
    held_s = _HELD_ENDS * production.resend_s(facts) if holds else 0.0
    delivery_s = facts.timing.delivery_s
    return Bound(
        (
            Term("until Alertmanager lets go of the alert", held_s),
            Term("delivery of the last notice", delivery_s, "wall"),
            Term(f"{MISSED_REPEATS} missed repeats", MISSED_REPEATS * repeat_s),
            Term("delivery", delivery_s, "wall"),
        )
    )


def told_bound(facts: AlertFacts, hop: str) -> Bound:
    """Until somebody is told at the latest; a counter of deliveries given up moves only then."""
    given_up = any(each.metric == _GIVEN_UP for each in facts.rule.query.selectors)
    retries = (Term("Alertmanager's retries", _RETRY_S, "wall"),) if given_up and is_integration(hop) else ()
    latest = fire_bounds(facts.timing, FaultTiming(crossing_s=facts.timing.range_s)).latest
    return Bound((*retries, *latest.terms))


def heard_bound(production: Production, facts: AlertFacts, hop: str) -> Bound:
    """Until the watchdog is heard again at the latest."""
    timing = facts.timing
    retries = (Term("Alertmanager's next try", _RETRY_S, "wall"),) if is_integration(hop) else ()
    return Bound(
        (
            *retries,
            Term("evaluation", timing.evaluation_s),
            Term("resend delay", production.resend_s(facts)),
            Term("group_wait", timing.group_wait_s),
            Term("group_interval", timing.group_interval_s),
            Term("delivery", timing.delivery_s, "wall"),
        )
    )


def resolved_bound(facts: AlertFacts, hop: str) -> Bound:
    """Until the end of the alert is told at the latest: a group waits for its integrations, dead ones included."""
    retries = (Term("Alertmanager's next try", _RETRY_S, "wall"),) if is_integration(hop) else ()
    return Bound((*retries, *resolve_bounds(facts.timing).latest.terms))
