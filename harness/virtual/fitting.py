"""Which input brings an expression to a chosen value: fitted on answers of the real engine, never guessed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Curve", "fit", "trigger_levels"]

_SAME = 1e-7


@dataclass(frozen=True, slots=True)
class Curve:
    """``(a + b x) / (1 + c x)``: sums, averages and quotients of what grows evenly all have this form."""

    a: float
    b: float
    c: float

    def value(self, x: float) -> float:
        """The expression's value for the input ``x``."""
        return (self.a + self.b * x) / (1 + self.c * x)

    def solve(self, value: float) -> float | None:
        """The input that brings the expression to ``value``; ``None`` where none does."""
        slope = self.b - self.c * value
        if abs(slope) <= _SAME * max(abs(self.b), abs(self.c * value)):  # it only comes close to that value
            return None
        x = (value - self.a) / slope
        return x if math.isfinite(x) and 1 + self.c * x > 0 else None


def fit(points: Sequence[tuple[float, float]]) -> Curve | None:
    """The curve through ``points`` (input, value); ``None`` where they lie on none or do not move."""
    known = [(x, y) for x, y in points if math.isfinite(y)]
    if len(known) < 2 or max(y for _x, y in known) == min(y for _x, y in known):
        return None
    curve = _line(known) if len(known) < 4 else _line(known) or _quotient(known)
    return curve if curve and all(_near(curve.value(x), y) for x, y in known) else None


def trigger_levels(operator: str, threshold: float) -> dict[str, tuple[float, ...]]:
    """Values of the compared expression by name, the most wanted first.

    ``trigger`` lies on the firing side, ``healthy`` clearly on the quiet side, ``near`` one hundredth off the
    threshold on the quiet side, ``exact`` on it.
    """
    step = abs(threshold) or 1.0
    above = tuple(threshold + step * part for part in (1.0, 0.5, 0.2, 0.05, 0.01))
    below = tuple(threshold - step * part for part in (0.5, 0.2, 0.05, 0.01))
    exact = (threshold,)
    if operator in {">", ">="}:
        quiet = below if threshold else (0.0, *below)
        return {"trigger": above, "healthy": quiet, "near": below[-1:], "exact": exact}
    if operator in {"<", "<="}:
        return {"trigger": below, "healthy": above, "near": above[-1:], "exact": exact}
    if operator == "==":
        return {"trigger": exact, "healthy": above, "near": (threshold + 1,), "exact": ()}
    return {"trigger": above + below, "healthy": exact, "near": (), "exact": exact}


def _line(points: Sequence[tuple[float, float]]) -> Curve | None:
    (x0, y0), (x1, y1) = points[0], points[-1]
    slope = (y1 - y0) / (x1 - x0)
    curve = Curve(y0 - slope * x0, slope, 0.0)
    return curve if all(_near(curve.value(x), y) for x, y in points) else None


def _quotient(points: Sequence[tuple[float, float]]) -> Curve | None:
    rows = [(1.0, x, -x * y, y) for x, y in (points[0], points[len(points) // 2], points[-1])]
    whole = _determinant([row[:3] for row in rows])
    if not whole:
        return None
    parts = [_determinant([(*row[:i], row[3], *row[i + 1 : 3]) for row in rows]) / whole for i in range(3)]
    return Curve(*parts)


def _determinant(rows: Sequence[Sequence[float]]) -> float:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _near(left: float, right: float) -> bool:
    return abs(left - right) <= _SAME * max(1e-12, abs(left), abs(right))
