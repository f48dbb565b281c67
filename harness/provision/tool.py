"""What provisioning hands out: a tool that can be started, a planned step, a line of the doctor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DoctorLine", "PlannedStep", "Progress", "Tool"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tool:
    """A real part that is ready to start.

    ``source`` says in words where it came from; ``extra`` holds its companions: ``promtool``,
    ``amtool``, and for Elasticsearch ``java`` (the executable as well), ``jars`` (a folder),
    ``launcher`` and, where one was made, ``archive``.
    """

    name: str
    version: str
    executable: Path
    source: str
    extra: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """How one component will be had; megabytes and minutes are 0 for a part that is there already."""

    name: str
    version: str
    source: str
    megabytes: int = 0
    minutes: float = 0.0

    def __str__(self) -> str:
        cost = f"{self.megabytes} MB, about {self.minutes:.1f} min" if self.megabytes else "nothing to fetch"
        return f"{self.name} {self.version}: {self.source} ({cost})"


@dataclass(frozen=True, slots=True)
class DoctorLine:
    """One finding of the doctor; ``remedy`` mends it.

    ``state`` is ``ok``, ``missing``, ``broken``, or ``without``: not there, and a gate does without it.
    """

    name: str
    state: str
    version: str
    where: str
    remedy: str = ""

    def __str__(self) -> str:
        head = f"{self.state:8}{self.name:15}{self.version:10}{self.where}".rstrip()
        return f"{head}\n        remedy: {self.remedy}" if self.remedy else head
