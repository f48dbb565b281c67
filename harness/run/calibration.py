"""How much CPU time this machine needs beside the figures of ``costs``: measured by every campaign, kept in the cache.

The first campaign on a machine knows nothing and plans with the figures as they stand. Each subject has a factor of
its own, and only campaigns that keep the machine busy count: a lone story shares its processors with nobody.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import time
from pathlib import Path
from typing import Final

import orjson

from harness.provision import Settings

__all__ = ["WORTH_S", "calibrated", "learn", "place"]

WORTH_S: Final = 30.0
"""CPU seconds by plan below which a campaign teaches nothing."""
_STALE_S: Final = 30 * 86400.0
_LEAST, _MOST = 0.2, 10.0
"""Factors outside say that something else was measured."""
_SHARE: Final = 0.5
"""How much the newest campaign counts: one that had to share its machine is forgotten soon."""


def place(subject: str) -> Path:
    """The subject's file in the user cache."""
    name = re.sub(r"[^\w.-]+", "-", subject)
    return Settings.from_environment().cache / f"calibration-{name}.json"


def _machine() -> str:
    return f"{platform.machine()} {os.cpu_count()} {platform.python_version()}"


def calibrated(file: Path, now: float) -> float:
    """The factor for this machine, 1 where none was measured here lately (``now`` is epoch seconds)."""
    try:
        kept = orjson.loads(file.read_bytes())
        if kept["machine"] == _machine() and now - kept["t"] < _STALE_S:
            return float(kept["factor"])
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        pass
    return 1.0


def learn(file: Path, planned_s: float, spent_s: float) -> float:
    """Take in what a campaign cost beside its plan, and answer the new factor; a cache that is read-only stays."""
    before = calibrated(file, time.time())
    if planned_s <= 0 or spent_s <= 0:
        return before
    seen = before * spent_s / planned_s
    factor = round(min(_MOST, max(_LEAST, before + _SHARE * (seen - before))), 3)
    half = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        half.write_bytes(orjson.dumps({"machine": _machine(), "t": time.time(), "factor": factor}))
        half.replace(file)
    return factor
