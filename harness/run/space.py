"""Disks that are full: recognised in whatever error they caused, and named with what to do about them."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from harness.core.errors import Location, MachineError

__all__ = ["disk_full", "scarcity"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_SCARCE_BYTES = 64 << 20
_REMEDY = "free space there, or name another place: TMPDIR for the run's files, --bundle-dir for its evidence"


def disk_full(error: BaseException) -> MachineError | None:
    """What to tell a person if a full disk is behind ``error``, however it was wrapped; else None."""
    found: BaseException | None = error
    place = ""
    is_full = False
    while found is not None:
        if isinstance(found, OSError) and found.errno in _FULL:
            is_full, place = True, place or str(found.filename or "")
        found = found.__cause__ or found.__context__
    if not is_full:
        return None
    return MachineError("no space is left on the disk", location=Location(place) if place else None, remedy=_REMEDY)


def scarcity(folder: Path) -> str:
    """How little is free where ``folder`` lies, in words; empty if there is enough to look elsewhere for a cause."""
    free = shutil.disk_usage(folder).free
    return f"no space: only {free >> 10} KiB are left where {folder} lies" if free < _SCARCE_BYTES else ""
