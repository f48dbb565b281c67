"""What this machine needed beside the figures of ``costs``: measured by every campaign, kept in the cache.

The first campaign on a machine knows nothing and plans with the figures as they stand. Each subject has figures of
its own, each story of it too, and only campaigns that keep the machine busy count: a lone story shares its processors
with nobody.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from harness.core.events import StoryPlan
from harness.provision import Settings

__all__ = ["WORTH_S", "Calibration", "Spent", "StoryRatios", "calibrated", "learn", "place"]

WORTH_S: Final = 30.0
"""CPU seconds by plan below which a campaign teaches nothing."""
_FIGURES: Final = 2
"""Which figures of ``costs`` the ratios belong to: to be raised with every change of them."""
_STALE_S: Final = 30 * 86400.0
_LEAST, _MOST = 0.2, 10.0
"""Factors outside say that something else was measured."""
_SHARE: Final = 0.5
"""How much the newest campaign counts: one that had to share its machine is forgotten soon."""


@dataclass(frozen=True, slots=True)
class StoryRatios:
    """What a story took beside what follows from its text: CPU seconds, and wall seconds from its start to its end."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """``factor`` times the figures is what a story costs here of which nothing is known yet."""

    factor: float = 1.0
    stories: Mapping[str, StoryRatios] = field(default_factory=dict)

    def of(self, story: str) -> StoryRatios:
        """The ratios of ``story``: its own where it was played, else those of an average one."""
        return self.stories.get(story) or StoryRatios(self.factor, 1.0)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a campaign cost: CPU seconds in all, and by story those of its own processes and its wall seconds.

    ``stories`` has only those that were played to their end on a machine that was fit for it.
    """

    cpu_s: float
    stories: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def place(subject: str) -> Path:
    """The subject's file in the user cache."""
    name = re.sub(r"[^\w.-]+", "-", subject)
    return Settings.from_environment().cache / f"calibration-{name}.json"


def _machine() -> str:
    return f"{platform.machine()} {os.cpu_count()} {platform.python_version()}"


def calibrated(file: Path, now: float) -> Calibration:
    """What is known of this machine, nothing where it was not measured lately (``now`` is epoch seconds)."""
    try:
        kept = orjson.loads(file.read_bytes())
        if (kept["machine"], kept["figures"]) == (_machine(), _FIGURES) and now - kept["t"] < _STALE_S:
            stories = {name: StoryRatios(float(cpu), float(wall)) for name, (cpu, wall) in kept["stories"].items()}
            return Calibration(float(kept["factor"]), stories)
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        pass
    return Calibration()


def learn(file: Path, planned: Mapping[str, StoryPlan], shared_s: float, spent: Spent) -> Calibration:
    """Take in what a campaign cost beside its plan, and answer what is known now; a cache that is read-only stays.

    ``shared_s`` are the CPU seconds planned for what all stories share. What the harness and shared parts spent on a
    story is not told by the kernel: it is charged by the CPU seconds of the story's own processes.
    """
    before = calibrated(file, time.time())
    planned_s = shared_s + sum(story.cpu_s for story in planned.values())
    if planned_s <= 0 or spent.cpu_s <= 0:
        return before
    ratio = spent.cpu_s / planned_s
    known = Calibration(_moved(before.factor, ratio), {**before.stories, **_stories(before, planned, spent, ratio)})
    _keep(file, known)
    return known


def _stories(
    before: Calibration, planned: Mapping[str, StoryPlan], spent: Spent, ratio: float
) -> dict[str, StoryRatios]:
    told = {name: (planned[name], *seen) for name, seen in spent.stories.items() if name in planned}
    own_s = sum(own for _, own, _ in told.values())
    charged = ratio * sum(plan.cpu_s for plan, _, _ in told.values()) / own_s if own_s else 0.0
    return {
        name: StoryRatios(
            _moved(before.of(name).cpu, charged * own / plan.cpu_s),
            _moved(before.of(name).wall, took_s / plan.length_s),
        )
        for name, (plan, own, took_s) in told.items()
        if plan.cpu_s > 0 and plan.length_s > 0 and own > 0
    }


def _moved(before: float, ratio: float) -> float:
    return round(min(_MOST, max(_LEAST, before + _SHARE * (before * ratio - before))), 3)


def _keep(file: Path, known: Calibration) -> None:
    stories = {name: (ratios.cpu, ratios.wall) for name, ratios in known.stories.items()}
    kept = {"machine": _machine(), "figures": _FIGURES, "t": time.time(), "factor": known.factor, "stories": stories}
    half = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        half.write_bytes(orjson.dumps(kept))
        half.replace(file)
