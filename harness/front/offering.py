"""``harness load``: a load without the whole gate, written as a story of its own, and the search for the limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from harness.clauses.limit import Search
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.files import Phase
from harness.contract.thresholds import parse_threshold
from harness.contract.wording import Reader
from harness.core.errors import ConfigError, Location
from harness.core.source import nearest

__all__ = ["STORY", "LoadWish", "offered_story", "search_of"]

STORY: Final = "offered_load"
"""Name of the story that is made of the wish; its file lies in the bundle."""
_LASTS: Final = "5m"
_STEPS: Final = 10
_ALL_WELL: Final = "failed < 1%"
"""The objective where nobody names one."""


@dataclass(frozen=True, slots=True)
class LoadWish:
    """What a command line asks for; texts are in the words of the scenario file."""

    story: str = ""
    rate: str = ""
    mix: Mapping[str, float] | None = None
    lasts: str = ""
    thresholds: Sequence[str] = ()
    find_limit: bool = False
    steps: int = _STEPS
    at_most: str = ""

    @property
    def whole_story(self) -> bool:
        """Whether a story is to be played as it is written."""
        return bool(self.story) and not (self.find_limit or self.rate or self.mix or self.lasts or self.thresholds)


def offered_story(campaign: Campaign, wish: LoadWish) -> str:
    """The text of the story to play; raises ``ConfigError`` for a wish that does not add up."""
    base = _story(campaign, wish.story) if wish.story else None
    phase = _loaded(base) if base else None
    mix = dict(wish.mix or (phase.load.mix if phase and phase.load else None) or {})
    if not mix:
        known = ", ".join(campaign.profile.requests) or "none"
        raise ConfigError("it is not said what to send", remedy=f"give --story NAME, or --mix KIND=1 (known: {known})")
    rate = _rate(wish, phase)
    phases = [
        {"name": name, "lasts": wish.lasts or _LASTS, "load": {"rate": rate, "mix": mix}}
        for name in ([f"step {number}" for number in range(1, wish.steps + 1)] if wish.find_limit else ["load"])
    ]
    stories = [base] if base else list(campaign.scenarios)
    document: dict[str, Any] = {"harness": "scenario/1", "story": _words(wish), "phases": phases}
    document["expect"] = list(_conserving(stories, mix))
    lent = _objectives(base, phase, wish.thresholds) if base and phase else ()
    document["thresholds"] = [*wish.thresholds, *lent] or [_ALL_WELL]
    if base and base.spec.speed:
        document["speed"] = base.spec.speed
    if base and base.spec.instances:
        document["instances"] = base.spec.instances
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)


def search_of(campaign: Campaign, wish: LoadWish) -> dict[str, float] | None:
    """The bounds of the search for the limit, None where none is asked for."""
    if not wish.find_limit:
        return None
    base = _story(campaign, wish.story) if wish.story else None
    first = _per_second(_rate(wish, _loaded(base) if base else None), "--rate")
    most = {"most_per_s": _per_second(wish.at_most, "--at-most")} if wish.at_most else {}
    found: dict[str, float] = {"first_per_s": first, "steps": wish.steps, **most}
    Search.of(found)  # what does not add up is refused before anything starts
    return found


def _per_second(text: str, option: str) -> float:
    line = Reader(text, lambda _: Location(option))
    value = line.per_second()
    line.finish((), "write it as in 0.5/s or 30/m")
    return value


def _rate(wish: LoadWish, phase: Phase | None) -> str:
    own = phase.load.rate if phase and phase.load else None
    if not wish.rate and own is None:
        raise ConfigError("it is not said how much to send", remedy="give --rate, such as 0.5/s")
    return wish.rate or f"{own:g}/s"


def _words(wish: LoadWish) -> str:
    of = f" of {wish.story}" if wish.story else ""
    return f"The rate rises until something breaks, with the load{of}." if wish.find_limit else f"The load{of} alone."


def _story(campaign: Campaign, name: str) -> Scenario:
    table = {scenario.name: scenario for scenario in campaign.scenarios}
    if name not in table:
        remedy = nearest(name, table) or f"known: {', '.join(table)}"
        raise ConfigError(
            f"there is no story {name!r}", location=campaign.source.document.locate(("scenarios",)), remedy=remedy
        )
    return table[name]


def _loaded(scenario: Scenario) -> Phase:
    found = next((phase for phase in scenario.phases if phase.load), None)
    if found is None:
        raise ConfigError(
            f"the story {scenario.name} has no load", location=scenario.place("phases"), remedy="give --mix"
        )
    return found


def _objectives(scenario: Scenario, phase: Phase, instead: Sequence[str]) -> Iterator[str]:
    """Thresholds of the story that hold for the load of ``phase`` by itself, but for those given ``instead``."""
    taken = {_name(text) for text in instead}
    for item in scenario.thresholds:
        if item.subject in {"time", "share"} and item.during in {None, phase.name} and _name(item.text) not in taken:
            yield item.text


def _name(text: str) -> str:
    return parse_threshold(text, lambda offset: Location("--threshold", 1, offset + 1)).name


def _conserving(stories: Sequence[Scenario], mix: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """What stories promise to count one for one, where the load can show it."""
    seen: set[str] = set()
    for scenario in stories:
        for entry in scenario.spec.expect:
            for key, body in entry.items():
                kept = _kept(key, body, mix)
                if kept is not None and repr((key, kept)) not in seen:
                    seen.add(repr((key, kept)))
                    yield {key: kept}


def _kept(key: str, body: Mapping[str, Any], mix: Mapping[str, float]) -> dict[str, Any] | None:
    """None for what says nothing of this load; a log that is shipped is kept, if only so that its lines are counted."""
    subject = key.partition(" ")[0]
    counted = {"metric": "counts", "log": "events"}.get(subject)
    demand = str(body.get(counted, "")).split() if counted else []
    # "one per failed …" has nothing to compare while all is well
    if not demand or "failed" in demand or demand[-1] not in {"request", *mix}:
        return {} if subject == "log" else None
    return {name: value for name, value in body.items() if name in {counted, "where", "at", "joined_by"}}
