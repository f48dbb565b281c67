"""Names that contract and stories have in common with production: one that nothing has is a slip of the pen.

Each would else be seen in a gate alone, as a promise that is broken, or not even there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from harness.artefacts.promql import Query, parse
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.expectations import ExpectAlert, ExpectHealth, ExpectLog, ExpectMetric
from harness.contract.fault_values import parse_value
from harness.contract.strict import known
from harness.core.errors import ConfigError, Location

__all__ = ["check_names", "check_story_names"]

_SUFFIXES = ("", "_total", "_created", "_bucket", "_count", "_sum")


def check_names(campaign: Campaign, production: Production) -> None:
    """Raise ``ConfigError`` at the first receiver or log field that the contract names and nothing has."""
    for name, alert in campaign.contract.alerts.items():
        named = {"reaches": [alert.reaches] if alert.reaches else [], "also_told": alert.listeners}
        for key, receivers in named.items():
            for receiver in receivers:
                _receiver(production, receiver, campaign.promise("alerts", name, key))
    _check_fields(campaign)


def _receiver(production: Production, name: str, where: Location) -> None:
    if production.alertmanager:
        known(name, [each.name for each in production.alertmanager.receivers], "receiver", where)


def _check_fields(campaign: Campaign) -> None:
    """Where no other fields are allowed, what is said of a field is said of a declared one."""
    logs = campaign.contract.logs
    if logs is None or logs.other_fields == "allowed":
        return
    streams = logs.streams.values()
    declared = dict.fromkeys(logs.envelope)
    declared |= dict.fromkeys(field for stream in streams for field in stream.fields)
    declared |= dict.fromkeys(field for stream in streams for event in stream.events.values() for field in event.fields)
    heads = {field.partition(".")[0] for field in declared}
    for key in ("joined_by", "event_time", "counted_by", "identity", "begins_with"):
        named = getattr(logs, key)
        for index, name in enumerate([named] if isinstance(named, str) else named or []):
            place = campaign.promise("logs", key, *([] if isinstance(named, str) else [index]))
            if name not in heads and not any(name.startswith(f"{field}.") for field in declared):
                known(name, declared, "declared log field", place)


def check_story_names(campaign: Campaign, production: Production, scenario: Scenario) -> None:
    """Raise ``ConfigError`` at the first name in a story's expectations and faults that nothing has."""
    for index, phase in enumerate(scenario.phases):
        for fault, written in phase.fault.items():
            _value(campaign, fault, written, scenario.place("phases", index, "fault", fault))
    for item in scenario.expectations:
        match item.rule:
            case ExpectAlert(pages=str(receiver)):
                _receiver(production, receiver, item.source)
            case ExpectHealth(is_=is_, becomes=becomes):
                for state in filter(None, (is_, becomes)):
                    known(state, campaign.contract.health[item.about].codes, "state", item.source)
            case ExpectLog(events=str(counted)):
                _kind(campaign, counted, item.source)
            case ExpectMetric(counts=counted):
                _metrics(campaign, production, parse(item.about, item.source), item.source)
                if counted:
                    _kind(campaign, counted, item.source)
    for threshold in scenario.thresholds:
        if threshold.subject == "promql":
            _metrics(campaign, production, parse(threshold.about, threshold.source), threshold.source)


def _value(campaign: Campaign, fault: str, written: str | int | float, where: Location) -> None:
    hook = campaign.profile.faults[fault]
    if hook.inject is None:  # signals, limits, links and stand-ins read their own words
        return
    try:
        parse_value(written, hook.unit)
    except ConfigError as error:
        raise ConfigError(error.problem, location=where, remedy=error.remedy) from None


def _kind(campaign: Campaign, counted: str, where: Location) -> None:
    known(counted.rpartition(" ")[2], [*campaign.profile.requests, "request"], "request kind", where)


def _metrics(campaign: Campaign, production: Production, query: Query, where: Location) -> None:
    """What bears the prefix of the contract's families is one of them, or recorded by a rule."""
    plane = campaign.contract.metrics
    if plane is None or not plane.prefix:
        return
    exposed = [plane.prefix + name + suffix for name in plane.families for suffix in _SUFFIXES]
    there = {*exposed, *_recorded(production)}
    for name in sorted(query.metric_names):
        if name.startswith(plane.prefix) and name not in there:
            _undeclared(name, there, where)


def _undeclared(name: str, there: Collection[str], where: Location) -> None:
    known(name, sorted(there), "family in the contract, or rule that records,", where)


def _recorded(production: Production) -> Iterator[str]:
    for file in production.rules:
        yield from (rule.name for group in file.groups for rule in group.rules if not rule.is_alert)
