"""Where an alert is seen to fire and where to stay quiet: what the contract says of it, and what no story shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from harness.clauses.model import Clause, Judgement, held, violated
from harness.clauses.monitoring import noticing
from harness.clauses.until import until_alerts
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError
from harness.evidence.records import CAMPAIGN
from harness.evidence.store import Evidence

__all__ = ["alert_gaps", "compile_places", "expects_alert"]

_FIRES, _QUIET = "fires_in_a_story", "stays_quiet_in_a_story"
_GAPS = {_FIRES: "no story makes these alerts fire", _QUIET: "no story shows that these alerts stay quiet"}
_DEMANDS = {_FIRES: "alerts fire", _QUIET: "alerts stay quiet"}


def expects_alert(campaign: Campaign, scenario: Scenario, name: str) -> bool:
    """Whether a story is to make the alert fire: it expects it, waits for it, or cuts a hop that it is to notice."""
    expected = {item.about for item in scenario.expectations if item.subject == "alert"}
    return name in expected | set(until_alerts(scenario)) | noticing(campaign, scenario)


def compile_places(campaign: Campaign, clauses: Sequence[Clause]) -> Iterator[Clause]:
    """Clauses for what the contract demands of all stories together; ``clauses`` are those of the stories.

    They are about the files alone, and about a campaign as a whole: a few stories picked from it demand nothing.
    Raises ``ConfigError`` where an alert is said to fire in a story that does not expect it.
    """
    _check_places(campaign)
    if not campaign.is_whole:
        return
    demands = campaign.contract.coverage.require
    for promise, shown in _shown(campaign, clauses).items():
        for name in shown if _DEMANDS[promise] in demands else ():
            yield Clause(
                CAMPAIGN,
                "alerts",
                name,
                promise,
                campaign.promise("alerts", name),
                f"some story shows that {name} {'fires' if promise == _FIRES else 'stays quiet'}",
                (),
                partial(_judge, shown[name], _lost(campaign, name) if promise == _FIRES else ()),
                (),
            )


def alert_gaps(campaign: Campaign, clauses: Sequence[Clause]) -> tuple[str, ...]:
    """What no story of the whole campaign shows of its alerts, in words; nothing for a few stories picked from it."""
    if not campaign.is_whole or not campaign.contract.artefacts.prometheus:
        return ()
    missing = {
        promise: [name for name, stories in shown.items() if not stories]
        for promise, shown in _shown(campaign, clauses).items()
    }
    return tuple(f"{_GAPS[promise]}: {', '.join(names)}" for promise, names in missing.items() if names)


def _shown(campaign: Campaign, clauses: Sequence[Clause]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """By promise and alert, the stories that show it. A watchdog always fires, and is left out."""
    names = [name for name, alert in campaign.contract.alerts.items() if not alert.always]
    quiet = [(clause.name, clause.scope) for clause in clauses if clause.promise == "stays_quiet"]
    return {
        _FIRES: {name: tuple(s.name for s in campaign.scenarios if expects_alert(campaign, s, name)) for name in names},
        _QUIET: {name: tuple(story for about, story in quiet if about == name) for name in names},
    }


def _places(campaign: Campaign, name: str) -> list[str]:
    named = campaign.contract.alerts[name].fires_in
    return [named] if isinstance(named, str) else named


def _lost(campaign: Campaign, name: str) -> tuple[str, ...]:
    lost = [story for story in _places(campaign, name) if story not in campaign.listed]
    return (f"it is said to fire in {', '.join(lost)}, which the campaign does not list",) if lost else ()


def _check_places(campaign: Campaign) -> None:
    stories = {scenario.name: scenario for scenario in campaign.scenarios}
    for name in campaign.contract.alerts:
        for story in _places(campaign, name):
            if story in stories and not expects_alert(campaign, stories[story], name):
                raise ConfigError(
                    f"{name} is said to fire in {story}, which does not expect it",
                    location=campaign.promise("alerts", name, "fires_in", key=False),
                    remedy=f"add `- alert {name}: {{pages: …}}` to expect in {stories[story].source.shown}",
                )


def _judge(stories: tuple[str, ...], why_not: tuple[str, ...], _evidence: Evidence) -> Judgement:
    if stories:
        return held(f"by {', '.join(stories)}")
    return violated("by no story of the campaign", *why_not)
