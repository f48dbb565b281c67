"""Who a container belongs to: labels by which the living are told from the dead, and by which clean-up finds it.

A container carries the id of its run, and of the campaign's process what makes it one of a kind: the boot of the
machine, the namespace of its pid, the pid, and when it started. Nothing is ever found by its name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from harness.run.stack import procfs

__all__ = ["RUN", "Owner"]

_PREFIX: Final = "observability-harness"
RUN: Final = f"{_PREFIX}.run"
"""The label that every container, network and volume of a campaign carries; its value is the run's id."""
COMPONENT: Final = f"{_PREFIX}.component"
_FIELDS: Final = ("boot", "namespace", "pid", "started")


@dataclass(frozen=True, slots=True)
class Owner:
    """A campaign's process: ``started`` is in clock ticks since boot, as the kernel tells it."""

    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def this_process(cls) -> Self:
        """The owner of what this process starts."""
        pid = os.getpid()
        return cls(_boot(), _namespace(), pid, procfs.start_ticks(pid) or 0)

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Self | None:
        """The owner that ``labels`` name; None where they name none."""
        try:
            boot, namespace, pid, started = (labels[f"{_PREFIX}.{name}"] for name in _FIELDS)
            return cls(boot, namespace, int(pid), int(started))
        except (KeyError, ValueError):
            return None

    def labels(self, run_id: str, component: str) -> dict[str, str]:
        """What ``component`` of the run is labelled with."""
        own = {f"{_PREFIX}.{name}": str(getattr(self, name)) for name in _FIELDS}
        return {RUN: run_id, COMPONENT: component, **own}

    def is_dead(self, here: Owner, started: Callable[[int], int | None] = procfs.start_ticks) -> bool:
        """Whether it has certainly ended, as seen by ``here``; of another namespace nobody here can know.

        ``started`` tells when a process of this machine started, None where there is none of that pid.
        """
        if self.boot != here.boot:
            return True
        return self.namespace == here.namespace and started(self.pid) != self.started


def _boot() -> str:
    return _read(Path("/proc/sys/kernel/random/boot_id"))


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
