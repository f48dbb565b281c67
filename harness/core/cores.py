"""How many processors this process may use now: what it is pinned to, and what a limit of its container leaves.

A container that is limited to two processors of a large machine still sees all of them; whoever plans for those is
throttled. Sources: ``cpu.max`` in the kernel's guide to control groups version 2, ``cpu.cfs_quota_us`` of version 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["cores"]

_GROUPS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def cores(groups: Path = _GROUPS, own: Path = _OWN) -> int:
    """Processors that may be used at once, at least one; both can change while a process runs.

    ``groups`` is where control groups are mounted, ``own`` the file that names those of this process.
    """
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([float(pinned), *_quotas(groups, own)])))


def _quotas(groups: Path, own: Path) -> Iterator[float]:
    for folder in _folders(groups, own):
        for quota, period in (_version_2(folder), _version_1(folder)):
            if quota.isdigit() and period.isdigit() and int(period):
                yield int(quota) / int(period)


def _folders(groups: Path, own: Path) -> Iterator[Path]:
    """The groups of this process and those around them; a limit on any of them counts."""
    for line in _text(own).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = (groups / controllers, groups / "cpu") if controllers else (groups, groups / "unified")
        inside = Path(path.lstrip("/"))
        yield from (mount / part for mount in mounts for part in (inside, *inside.parents) if ".." not in part.parts)


def _version_2(folder: Path) -> tuple[str, str]:
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    return quota, period


def _version_1(folder: Path) -> tuple[str, str]:
    return _text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
