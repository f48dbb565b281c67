"""The course of a load from beginning to end, for whoever plays it without a campaign: its phases. Pure.

A course is one of a few plain ones around a highest rate, or the load of a story.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from harness.contract.campaign import Scenario
from harness.run.load.curve import Piece
from harness.run.load.schedule import Flow, LoadPhase, Users
from harness.run.load.written import load_phase

__all__ = ["PLAIN", "Course", "Stage", "offered", "plain_course", "story_course"]

PLAIN = ("steady", "ramp", "step", "sine", "spike")
_STEPS = 4
_TROUGH = 0.2
"""Rate of a spike before and after it, as a share of its height."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A phase that begins ``begins_s`` production seconds after the course; None where nothing is sent."""

    begins_s: float
    lasts_s: float
    load: LoadPhase | None


@dataclass(frozen=True)
class Course:
    """Stages one after the other, played at ``speed`` production seconds a second."""

    stages: tuple[Stage, ...]
    speed: float = 1.0

    @property
    def lasts_s(self) -> float:
        """Wall seconds from beginning to end."""
        return (self.stages[-1].begins_s + self.stages[-1].lasts_s) / self.speed

    def users(self, at_s: float, over_s: float = 1.0) -> float:
        """How many users play the ``over_s`` wall seconds from ``at_s``: one for each request a second, and its own."""
        at, over = at_s * self.speed, over_s * self.speed
        stage = next((found for found in reversed(self.stages) if found.begins_s <= at), None)
        if stage is None or stage.load is None:
            return 0.0
        since, until = at - stage.begins_s, min(at - stage.begins_s + over, stage.lasts_s)
        flows = [item for item in stage.load.traffic if not isinstance(item, Users)]
        sent = sum(item.expected(until) - item.expected(since) for item in flows)
        own = sum(item.users for item in stage.load.traffic if isinstance(item, Users))
        return own + (sent / (until - since) * self.speed if until > since else 0.0)

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """Request kinds with what each is of all requests; those of users count as if each sent one a second."""
        found: Counter[str] = Counter()
        for stage in self.stages:
            for item in stage.load.traffic if stage.load else ():
                if isinstance(item, Flow | Users):
                    sent = item.users * stage.lasts_s if isinstance(item, Users) else item.expected(stage.lasts_s)
                    whole = sum(item.mix.values())
                    found.update({kind: sent * weight / whole for kind, weight in item.mix.items() if whole})
                else:
                    found.update(kind for _, kind in item.timed(stage.lasts_s, 0))
        return {kind: amount / found.total() for kind, amount in found.items() if amount}


def plain_course(name: str, peak_per_s: float, period_s: float, lasts_s: float, mix: Mapping[str, float]) -> Course:
    """One of ``PLAIN``, up to ``peak_per_s``; a ramp or the steps rise, a sine or spike unfolds in ``period_s``."""
    pieces = _PIECES[name](peak_per_s, period_s, lasts_s)
    load = LoadPhase(name, lasts_s, (Flow(tuple(pieces), mix),))
    return Course((Stage(0.0, lasts_s, load),))


_PIECES: Mapping[str, Callable[[float, float, float], list[Piece]]] = {
    "steady": lambda peak, _, lasts: [Piece(lasts, peak, peak)],
    "ramp": lambda peak, period, lasts: [Piece(period, 0.0, peak), Piece(lasts, peak, peak)],
    "step": lambda peak, period, lasts: [
        *(Piece(period / _STEPS, peak * n / _STEPS, peak * n / _STEPS) for n in range(1, _STEPS)),
        Piece(lasts, peak, peak),
    ],
    "sine": lambda peak, period, lasts: [Piece(lasts, 0.0, peak, period)],
    "spike": lambda peak, period, lasts: [
        Piece(0.4 * period, _TROUGH * peak, _TROUGH * peak),
        Piece(0.2 * period, peak, peak),
        Piece(lasts, _TROUGH * peak, _TROUGH * peak),
    ],
}


def offered(scenarios: Iterable[Scenario]) -> dict[str, Scenario]:
    """Stories with a load by the names by which they are chosen: one called like a plain course gets more."""
    found = [story for story in scenarios if any(phase.load for phase in story.phases)]
    return {f"story-{story.name}" if story.name in PLAIN else story.name: story for story in found}


def story_course(scenario: Scenario, speed: float, open_end_s: float) -> Course:
    """The load of ``scenario``; a phase without a length of its own lasts ``open_end_s`` production seconds."""
    stages, begins_s = [], 0.0
    for phase in scenario.phases:
        lasts_s = float(phase.lasts or phase.at_most or open_end_s)
        load = load_phase(phase, lasts_s, scenario.source.folder) if phase.load else None
        stages.append(Stage(begins_s, lasts_s, load and replace(load, duration_s=lasts_s)))
        begins_s += lasts_s
    return Course(tuple(stages), speed)
