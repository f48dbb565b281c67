"""Asks the process that binds what it would refuse; nothing but that process is started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["binds"]

_COMMAND: Final = (sys.executable, "-P", "-m", "harness.run.linting")


def binds(paths: Sequence[Path]) -> bool:
    """Whether everything that the campaign of ``paths`` names can be bound; what cannot is told on standard error."""
    return subprocess.run([*_COMMAND, *map(str, paths)], check=False).returncode == 0
