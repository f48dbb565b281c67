"""How often Python looks for cycles of garbage."""

from __future__ import annotations

import gc

__all__ = ["collect_rarely"]

_ALLOCATIONS = 50_000
"""Between two collections: at the 700 of Python itself, judging the records of 22 stories took a quarter longer."""


def collect_rarely() -> None:
    """Set aside what is there by now, and look for cycles among the rest from time to time only.

    For processes that hold very many records, none of which is part of a cycle.
    """
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *gc.get_threshold()[1:])
