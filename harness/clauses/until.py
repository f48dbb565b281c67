"""When a phase that waits may end.

``ALERT pending|firing|paged|resolved`` or ``all resolved``; where hops of the monitoring are cut, ``noticed`` (what
this phase cuts) or ``recovered`` (what was cut before it).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.clauses.model import Clause
from harness.contract.campaign import Scenario
from harness.contract.files import Phase
from harness.core.errors import ConfigError, Location
from harness.core.source import nearest

__all__ = ["awaited", "awaited_alerts", "awaited_hops", "until_alerts"]

_HOPS = {"noticed": "noticed", "recovered": "recovers"}
_PROMISES = {"pending": "pends", "firing": "fires", "paged": "pages", "resolved": "resolves"}


def until_alerts(scenario: Scenario) -> tuple[str, ...]:
    """Alerts that phases of the story wait for, in order."""
    words = [(phase.until or "").split() for phase in scenario.phases if phase.until not in _HOPS]
    return tuple(dict.fromkeys(pair[0] for pair in words if pair and pair[0] != "all"))


def awaited_hops(scenario: Scenario, phase: Phase) -> tuple[str, ...]:
    """Hops of the monitoring whose notice, or recovery, ``phase`` waits for."""
    if phase.until == "noticed":
        return tuple(phase.cut)
    if phase.until != "recovered":
        return ()
    before = scenario.phases[: scenario.phases.index(phase)]
    return tuple(dict.fromkeys(hop for each in before for hop in each.cut))


def awaited_alerts(scenario: Scenario, phase: Phase) -> tuple[str, ...]:
    """Alerts that ``phase`` waits for: the one that it names, or all that the story knows."""
    alert = (phase.until or "").partition(" ")[0]
    if phase.until in _HOPS:
        return ()
    if alert and alert != "all":
        return (alert,)
    expected = [item.about for item in scenario.expectations if item.subject == "alert"]
    return tuple(dict.fromkeys((*until_alerts(scenario), *expected))) if alert else ()


def awaited(scenario: Scenario, phase: Phase, clauses: Sequence[Clause]) -> tuple[Clause, ...]:
    """Clauses that must be decided before ``phase`` ends; none where it has a fixed length."""
    if phase.until is None:
        return ()
    index = scenario.phases.index(phase)
    where = scenario.place("phases", index, "until")
    if phase.until in _HOPS:
        return _of_hops(scenario, phase, clauses, where)
    alert, _, state = phase.until.partition(" ")
    promise = _PROMISES.get(state)
    if promise is None:
        remedy = nearest(state, _PROMISES) or f"write ALERT {'|'.join(_PROMISES)}, all resolved, noticed or recovered"
        raise ConfigError(f"{phase.until!r} is no condition to wait for", location=where, remedy=remedy)
    own = [clause for clause in clauses if clause.scope == scenario.name and clause.plane == "alerts"]
    found = [clause for clause in own if clause.promise == promise and alert in {"all", clause.name}]
    if not found and promise == "pends":
        found = [clause for clause in own if clause.promise == "fires" and clause.name == alert]
    if not found:
        raise ConfigError(f"the story has no alert to wait for in {phase.until!r}", location=where)
    return tuple(found)


def _of_hops(scenario: Scenario, phase: Phase, clauses: Sequence[Clause], where: Location) -> tuple[Clause, ...]:
    hops, promise = awaited_hops(scenario, phase), _HOPS[phase.until or ""]
    own = [clause for clause in clauses if clause.scope == scenario.name and clause.plane == "monitoring"]
    found = tuple(clause for clause in own if clause.promise == promise and clause.name in hops)
    if not found:
        raise ConfigError(
            f"nothing is cut that could be {phase.until}",
            location=where,
            remedy=f"cut a hop, and name it under monitoring.hops of the contract with cut_in: {scenario.name}",
        )
    return found
