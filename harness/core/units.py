"""Two kinds of seconds that must never mix, and the duration syntax of Prometheus and Alertmanager.

``ProductionSeconds`` is time as the operator wrote it; ``WallSeconds`` is time as this machine lives
it. A cell at speed *k* turns one into the other by dividing by *k*; mypy refuses any other mixing.
"""

from __future__ import annotations

import re
from typing import NewType

__all__ = [
    "ProductionSeconds",
    "WallSeconds",
    "format_duration",
    "parse_duration",
    "to_production",
    "to_wall",
]

ProductionSeconds = NewType("ProductionSeconds", float)
WallSeconds = NewType("WallSeconds", float)

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_TERM = re.compile(r"(\d+)(ms|[smhdwy])")
_WHOLE = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?")


def parse_duration(text: str) -> float:
    """Seconds in a Prometheus duration such as ``1h30m`` or ``250ms``.

    The grammar is that of Prometheus' ``model.ParseDuration``: whole numbers, units from large to
    small, each at most once; a bare ``0`` is allowed. Raises ``ValueError`` for anything else.
    """
    if text == "0":
        return 0.0
    if not text or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m or 1h30m")
    milliseconds = sum(int(count) * round(_UNITS_S[unit] * 1000) for count, unit in _TERM.findall(text))
    return milliseconds / 1000


def format_duration(seconds: float) -> str:
    """Shortest Prometheus duration for ``seconds``, rounded to whole milliseconds; ``0s`` for zero."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 0:
        raise ValueError(f"a duration cannot be negative: {seconds}")
    parts: list[str] = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def to_wall(production_s: ProductionSeconds, speed: float) -> WallSeconds:
    """Wall time that ``production_s`` takes in a cell that runs at ``speed``."""
    return WallSeconds(production_s / speed)


def to_production(wall_s: WallSeconds, speed: float) -> ProductionSeconds:
    """Production time that passes during ``wall_s`` in a cell that runs at ``speed``."""
    return ProductionSeconds(wall_s * speed)
