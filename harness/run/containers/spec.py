"""How one component is started as a container: data, without the libraries that do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM, Signals
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.run.containers.component import ComponentContainer

__all__ = ["ContainerSpec"]


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """How one component is started as a container.

    ``make`` describes it. ``ports`` are those of loopback that lead to it. ``stop_signal`` asks it to end and SIGKILL
    follows after ``grace_s``. ``outputs`` are files that its ``stdout`` and ``stderr`` are appended to.
    """

    id: str
    make: Callable[[], ComponentContainer]
    ports: tuple[int, ...] = ()
    stop_signal: Signals = SIGTERM
    grace_s: float = 5.0
    outputs: Mapping[str, Path] = field(default_factory=dict)
