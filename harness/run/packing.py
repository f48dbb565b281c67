"""Which story starts next: pure. The longest comes first, so that it alone decides how long a campaign takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

__all__ = ["Room", "Weighed", "longest_first", "next_to_start"]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A story as the packing sees it: how long it is expected to take (wall seconds) and the cores that it occupies."""

    name: str
    length_s: float
    cores: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """What the machine has: ``cells`` side by side, ``starting`` of them at once, ``cores`` for all together.

    A start costs in a second what a story costs in ten, and whoever is being watched meanwhile pays for it.
    """

    cells: int
    starting: int = 3
    cores: float = float("inf")

    def beside(self, cores: float) -> Room:
        """What is left beside something that occupies ``cores``."""
        return replace(self, cores=self.cores - cores)


def longest_first(stories: Iterable[Weighed]) -> tuple[Weighed, ...]:
    """The order in which stories start where all fit; equal ones stay as they were written."""
    return tuple(sorted(stories, key=lambda story: -story.length_s))


def next_to_start(
    waiting: Sequence[Weighed], playing: Collection[Weighed], starting: int, room: Room
) -> Weighed | None:
    """The first of ``waiting`` for which there is room beside ``playing``, of which ``starting`` are not ready yet.

    One that is alone always has room: a story that is too heavy for the machine is still played.
    """
    if not waiting or not playing:
        return waiting[0] if waiting else None
    if len(playing) >= room.cells or starting >= room.starting:
        return None
    free = room.cores - sum(story.cores for story in playing)
    return next((story for story in waiting if story.cores <= free), None)
