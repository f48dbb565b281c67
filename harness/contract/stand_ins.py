"""Faults of exporters that the harness stands in for, checked against the text that is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.contract.campaign import Campaign
from harness.contract.exposition import matching, series_names
from harness.contract.flows import Flow, read_flow
from harness.core.errors import ConfigError, Location
from harness.core.source import nearest, read_text

__all__ = ["changes_of", "check_stand_ins"]


def changes_of(written: Mapping[str, str | int | float], value: str | int | float) -> dict[str, Flow]:
    """What each series does, with ``{{value}}`` replaced by the story's value; raises ``ValueError`` for nonsense."""
    return {name: read_flow(_filled(flow, value)) for name, flow in written.items()}


def _filled(flow: str | int | float, value: str | int | float) -> str | int | float:
    return flow.replace("{{value}}", str(value)) if isinstance(flow, str) else flow


def check_stand_ins(campaign: Campaign) -> None:
    """Raises ``ConfigError`` for a fault of a stand-in, or a value that a story gives it, that cannot be."""
    profile = campaign.profile
    texts = {entry.exposition: _series(campaign, entry.exposition) for entry in profile.stands_for if entry.exposition}
    for index, entry in enumerate(profile.stands_for):
        for name in entry.does:
            _check_series(name, texts[entry.exposition or ""], _place(campaign, "stands_for", index, "does", name))
    for fault, hook in profile.faults.items():
        if hook.stand_in is None:
            continue
        if hook.stand_in not in texts:
            remedy = nearest(hook.stand_in, texts) or f"served are: {', '.join(texts) or 'none'}"
            place = _place(campaign, "faults", fault, "stand_in")
            raise ConfigError(f"nothing serves the exposition {hook.stand_in!r}", location=place, remedy=remedy)
        for name in hook.set:
            _check_series(name, texts[hook.stand_in], _place(campaign, "faults", fault, "set", name))
    _check_values(campaign)


def _check_values(campaign: Campaign) -> None:
    for scenario in campaign.scenarios:
        for index, phase in enumerate(scenario.phases):
            for fault, value in phase.fault.items():
                try:
                    changes_of(campaign.profile.faults[fault].set, value)
                except ValueError as error:
                    place = scenario.place("phases", index, "fault", fault)
                    raise ConfigError(f"{fault} {value}: {error}", location=place) from None


def _series(campaign: Campaign, name: str) -> list[str]:
    path = campaign.profile_source.folder / name
    return series_names(read_text(path, shown_as=campaign.shown(path)))


def _check_series(name: str, known: Iterable[str], place: Location) -> None:
    if not any(matching(name, each) for each in known):
        remedy = nearest(name, known) or "write a sample of it into the exposition file"
        raise ConfigError(f"the exposition holds no series {name}", location=place, remedy=remedy)


def _place(campaign: Campaign, *path: str | int) -> Location:
    return campaign.profile_source.document.locate(path)
