"""Units as Grafana names them, as quantities: does a panel show what its query computes?"""

from __future__ import annotations

import re
from typing import Final

from harness.artefacts.dimensions import Quantity

__all__ = ["limits_of", "misfit", "shown_quantity"]

_PLAIN: Final = frozenset({"", "none", "short", "locale", "sci", "string", "si: ", "number"})
_SECONDS: Final = {
    "s": 1.0,
    "ms": 1e3,
    "µs": 1e6,
    "ns": 1e9,
    "m": 1 / 60,
    "h": 1 / 3600,
    "d": 1 / 86400,
    "dtdurations": 1.0,
    "dthms": 1.0,
    "dtdhms": 1.0,
    "clocks": 1.0,
    "dtdurationms": 1e3,
    "clockms": 1e3,
    "timeticks": 100.0,
}
_INSTANTS: Final = re.compile(r"(dateTime|date|time:).*")
_PER_SECOND: Final = re.compile("(req|rec|rows|row|c|r|w|io|e|m|t|p|iop)?ps|ops|iops|c/s|ct/s|hertz")
_PER_MINUTE: Final = re.compile("(req|c|r|w|e|m|o|iop|rotr)pm|opm")
_STEPS: Final = {"": 0, "k": 1, "K": 1, "m": 2, "M": 2, "g": 3, "G": 3, "t": 4, "T": 4, "p": 5, "P": 5}
_SIZE: Final = re.compile(r"(?P<dec>dec)?(?P<step>[kmgtp]?)(?P<what>bytes|bits)")
_SPEED: Final = re.compile(r"(?P<bin>bin)?(?P<step>[KMGTP]?)(?P<i>i?)(?P<what>Bs|bits|Bps|bps)")
_AFFIX: Final = re.compile(r"(?:suffix|prefix|si|count):\s*(?P<word>.*)")
_ROUNDED: Final = 0.01


def shown_quantity(unit: str) -> Quantity | None:
    """What a panel with this unit takes its values for; ``None`` for a unit of something else, such as money."""
    if unit in {"percent", "percentunit"}:
        return Quantity(kind="share", scale=100 if unit == "percent" else 1)
    if unit in _SECONDS:
        return Quantity(seconds=1, scale=_SECONDS[unit])
    if _PER_SECOND.fullmatch(unit) or _PER_MINUTE.fullmatch(unit):
        return Quantity(seconds=-1, scale=60 if _PER_MINUTE.fullmatch(unit) else 1)
    if _INSTANTS.match(unit):
        return Quantity(seconds=1, kind="instant", scale=1000)
    affix = _AFFIX.fullmatch(unit)
    if unit in _PLAIN or affix:
        per = re.search(r"/\s*(?:s|sec|second)$", affix["word"]) if affix else None
        return Quantity(seconds=-1) if per else Quantity(kind="count")
    return _sized(unit)


def _sized(unit: str) -> Quantity | None:
    size, speed = _SIZE.fullmatch(unit), _SPEED.fullmatch(unit)
    if size:
        base = 1000 if size["dec"] else 1024
        return _bytes(0, size["what"] == "bits", base, _STEPS[size["step"]])
    if speed:
        base = 1024 if speed["bin"] or speed["i"] else 1000
        return _bytes(-1, speed["what"] in {"bits", "bps"}, base, _STEPS[speed["step"]])
    return None


def _bytes(seconds: int, bits: bool, base: int, step: int) -> Quantity:
    return Quantity(seconds=seconds, bytes=1, scale=(8 if bits else 1) / base**step)


def misfit(unit: str, computed: Quantity) -> str:
    """What is wrong with showing ``computed`` in ``unit``; empty where it fits."""
    shown = shown_quantity(unit)
    if shown is None:
        return ""
    if shown.kind == "count" and (computed.seconds, computed.bytes) == (0, 0):
        # a plain number claims nothing, whatever it is a number of
        return ""
    if shown.is_share and computed.kind == "count":
        return f"{_named(unit)} shows a share, but the query computes a count"
    alike = (shown.seconds, shown.bytes) == (computed.seconds, computed.bytes)
    alike &= (shown.kind == "instant") == (computed.kind == "instant")
    if alike and abs(computed.scale / shown.scale - 1) <= _ROUNDED:
        return ""
    return f"{_named(unit)} shows {shown}, but the query computes {computed}"


def _named(unit: str) -> str:
    return f"the unit {unit!r}" if unit else "no unit"


def limits_of(unit: str, computed: Quantity | None) -> tuple[float, float]:
    """The range that values shown in ``unit`` can lie in; infinite where anything is possible."""
    if computed is None or shown_quantity(unit) is None:
        return float("-inf"), float("inf")
    return 0.0, computed.scale if computed.kind == "part" else float("inf")
