"""What the contract says an alert should do, and where it says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.alert import CONDITIONS, word_problem
from harness.core.errors import ConfigError
from harness.core.source import nearest
from harness.virtual.design import Examined
from harness.virtual.examples import PREFIX
from harness.virtual.verdicts import Cell

__all__ = ["Expected", "check_declared", "check_words", "placed", "promised"]

Expected = Mapping[tuple[str, str], str]
"""(alert, condition) → one of the contract's words; what is not there has the built-in default."""


def promised(campaign: Campaign, known: Sequence[Examined]) -> dict[tuple[str, str], str]:
    """The contract's words; a promise holds for every rule of the alert's name."""
    promises = campaign.contract.alerts
    return {
        (each.name, condition): word
        for each in known
        if each.rule.name in promises
        for condition, word in promises[each.rule.name].under.items()
    }


def check_declared(campaign: Campaign, production: Production) -> None:
    """Raises ``ConfigError`` for an alert that the contract declares and no rule file defines."""
    for name in campaign.contract.alerts:
        if name not in production.alert_names:
            known = ", ".join(production.alert_names) or "none"
            remedy = nearest(name, production.alert_names) or f"defined: {known}"
            place = campaign.promise("alerts", name)
            raise ConfigError(f"no rule file defines the alert {name}", location=place, remedy=remedy)


def placed(campaign: Campaign, examined: Examined, cell: Cell) -> Cell:
    """``cell`` with the places of the rule and of the contract's word."""
    promise = campaign.contract.alerts.get(examined.rule.name)
    place = None
    if promise and cell.condition.startswith(PREFIX):
        place = campaign.promise("alerts", examined.rule.name, "examples", cell.condition.removeprefix(PREFIX))
    elif promise and cell.condition in promise.under:
        place = campaign.promise("alerts", examined.rule.name, "under", cell.condition)
    return replace(cell, rule=examined.rule.location, promise=place)


def check_words(expected: Expected) -> None:
    """Raises ``ConfigError`` for a condition or a word that nobody knows."""
    for (alert, condition), word in expected.items():
        if condition not in CONDITIONS:
            raise ConfigError(f"{alert}: there is no condition {condition!r}", remedy=nearest(condition, CONDITIONS))
        if problem := word_problem(condition, word):
            raise ConfigError(f"{alert}, {condition}: {problem}")
