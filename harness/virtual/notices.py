"""Who is told of an alert, how, when and with whom, against what the contract promises of its notices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.artefacts.notice_texts import address_of
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.core.units import format_duration
from harness.virtual.answers import FiredAlert
from harness.virtual.told import Told, all_told, cell_about
from harness.virtual.verdicts import Cell

__all__ = ["notice_cells"]


def notice_cells(
    campaign: Campaign, production: Production, alerts: Mapping[str, Sequence[FiredAlert]]
) -> Iterator[Cell]:
    """How and when people are told of each declared alert: the cell ``notices``. Raises as ``all_told`` does."""
    for told in all_told(campaign, production, alerts):
        yield cell_about(campaign, told, "notices", _does(told), "; ".join(_differences(told)))


def _does(told: Told) -> str:
    ways = ", ".join(f"{name} {address_of(told.document, each)}".strip() for name, each in told.integrations.items())
    route = told.route
    times = (route.group_wait_s, route.group_interval_s, route.repeat_interval_s)
    first, more, again = map(format_duration, times)
    grouped = ", ".join(route.group_by) or "nothing"
    return f"{ways or 'nobody'}; grouped by {grouped}; first after {first}, more after {more}, again after {again}"


def _differences(told: Told) -> Iterator[str]:
    promised, route = told.promised, told.route
    if promised.grouped_by is not None and set(promised.grouped_by) != set(route.group_by):
        yield f"grouped by {', '.join(route.group_by) or 'nothing'}; should: {', '.join(promised.grouped_by)}"
    for what, is_s, should_s in (
        ("the first comes", route.group_wait_s, promised.first_after),
        ("more come", route.group_interval_s, promised.more_after),
        ("they come again", route.repeat_interval_s, promised.again_after),
    ):
        if should_s is not None and should_s != is_s:
            yield f"{what} after {format_duration(is_s)}; should: {format_duration(should_s)}"
    for name, each in told.integrations.items():
        if promised.recovery is not None and promised.recovery != each.send_resolved:
            yield f"{name} is {'' if each.send_resolved else 'not '}told of recovery"
    for label, value in told.promise.carries.items():
        if any(alert.labels.get(label, "") != value for alert in told.group.alerts):
            yield f"it carries another {label} than {value}"
    if told.addresses is not None:
        yield from _strays(told, told.addresses)


def _strays(told: Told, meant: Mapping[str, str | list[str]]) -> Iterator[str]:
    wanted = {kind: [value] if isinstance(value, str) else value for kind, value in meant.items()}
    found: dict[str, list[str]] = {}
    for each in told.integrations.values():
        found.setdefault(each.kind, []).append(address_of(told.document, each))
    for kind in {**wanted, **found}:
        is_told, should = sorted(found.get(kind, [])), sorted(wanted.get(kind, []))
        if is_told != should:
            yield f"{kind} tells {', '.join(is_told) or 'nobody'}; should: {', '.join(should) or 'nobody'}"
