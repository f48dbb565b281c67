"""Quantities as people write them: ``30s``, ``1s wall``, ``0.5/s``, ``40%``.

Each is parsed once into a float with a distinct type. Durations are production time unless they end in
``wall``; the two never convert into one another here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from harness.core.units import ProductionSeconds, WallSeconds, parse_duration

__all__ = ["Duration", "HttpPath", "PerSecond", "Ratio", "WallDuration"]

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_PER_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _production(value: Any) -> ProductionSeconds:
    if not isinstance(value, str):
        raise ValueError("a duration is written with its unit, such as 30s, 5m or 1h30m")
    if value.endswith("wall"):
        raise ValueError("this is production time: leave out the word wall")
    return ProductionSeconds(parse_duration(value.strip()))


def _wall(value: Any) -> WallSeconds:
    if not isinstance(value, str) or not value.endswith(" wall"):
        raise ValueError("this is real time on the wall: write it as in '1s wall'")
    return WallSeconds(parse_duration(value.removesuffix(" wall").strip()))


def _rate(value: Any) -> float:
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("a rate is written per unit of production time, such as 0.5/s or 30/m")
    return float(found[1]) / _PER_S[found[2]]


def _ratio(value: Any) -> float:
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if not found or float(found[1]) > 100:
        raise ValueError("a share is written in percent, such as 40%")
    return float(found[1]) / 100


def _path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError(f"a path begins with /, as in /{value}")
    return value


HttpPath = Annotated[str, AfterValidator(_path), WithJsonSchema({"type": "string", "pattern": "^/"})]
"""Path of a server, with its query."""

Duration = Annotated[
    ProductionSeconds,
    BeforeValidator(_production),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$", "examples": ["30s", "5m"]}),
]
"""Production seconds, written as ``30s``."""

WallDuration = Annotated[
    WallSeconds,
    BeforeValidator(_wall),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+ wall$", "examples": ["1s wall"]}),
]
"""Wall seconds, written as ``1s wall``."""

PerSecond = Annotated[
    float,
    BeforeValidator(_rate),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*/\s*(s|m|h)$", "examples": ["0.5/s"]}),
]
"""Events per production second, written as ``0.5/s``."""

Ratio = Annotated[
    float,
    BeforeValidator(_ratio),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$", "examples": ["40%"]}),
]
"""A share between 0 and 1, written as ``40%``."""
