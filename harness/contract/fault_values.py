"""The value of a fault as a story writes it, and the comparisons by which a hook is confirmed."""

from __future__ import annotations

import math
import re
from typing import Final, Literal

from harness.core.errors import ConfigError
from harness.core.units import parse_duration

__all__ = ["COMPARISON", "Unit", "Value", "Written", "parse_value"]

Unit = Literal["ratio", "seconds", "number", "text", "list"]
Written = str | int | float
Value = Written | list[str]
COMPARISON: Final = re.compile(r"(>=|<=|==|!=|>|<)\s*(.+)")
"""``> 0`` and the like."""


def parse_value(written: Written, unit: Unit) -> Value:
    """``40%`` as 0.4, ``35s`` as 35.0 production seconds, ``a, b`` as a list of two, a number as it is.

    A bare number is taken in every unit. Raises ``ConfigError`` for anything that the unit cannot read.
    """
    if unit == "text":
        return str(written)
    if unit == "list":
        return [word.strip() for word in str(written).split(",")]
    if isinstance(written, int | float):
        return written
    try:
        if written.endswith("%"):
            return _ratio(written, unit)
        return parse_duration(written) if unit == "seconds" else _number(written)
    except ValueError:
        examples = {"ratio": "40%", "seconds": "35s", "number": "250"}
        raise ConfigError(f"{written!r} is not a value in {unit}", remedy=f"write it as {examples[unit]}") from None


def _ratio(written: str, unit: Unit) -> float:
    if unit != "ratio":
        raise ValueError
    return round(float(written.removesuffix("%")) / 100, 12)


def _number(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError
    return int(number) if number.is_integer() and "." not in written else number
