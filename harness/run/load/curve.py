"""Rates over time with exact integrals: pieces that are straight or a sine, one after the other. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

__all__ = ["Piece", "RateCurve"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a rate: straight from one rate to the other, or a sine between them.

    Rates are per production second, ``lasts_s`` and ``period_s`` production seconds. A sine begins in
    its trough, ``rate_per_s``, and is at its crest, ``to_per_s``, half a period later.
    """

    lasts_s: float
    rate_per_s: float
    to_per_s: float
    period_s: float | None = None

    @property
    def total(self) -> float:
        """The integral over the whole piece."""
        return self.amount(self.lasts_s)

    def rate(self, at: float) -> float:
        """The rate ``at`` seconds after the piece began."""
        low, high = self.rate_per_s, self.to_per_s
        if self.period_s is None:
            return low + (high - low) * at / self.lasts_s
        return (low + high) / 2 - (high - low) / 2 * math.cos(2 * math.pi * at / self.period_s)

    def amount(self, at: float) -> float:
        """The integral of the rate over the first ``at`` seconds."""
        low, high = self.rate_per_s, self.to_per_s
        if self.period_s is None:
            return low * at + (high - low) * at * at / (2 * self.lasts_s)
        turn = 2 * math.pi / self.period_s
        return (low + high) / 2 * at - (high - low) / (2 * turn) * math.sin(turn * at)

    def when(self, amount: float) -> float:
        """The first instant at which the integral reaches ``amount`` (0 <= amount <= total)."""
        if amount <= 0:
            return 0.0
        if self.period_s is not None:
            return _solved(self.amount, self.rate, amount, self.lasts_s)
        slope = (self.to_per_s - self.rate_per_s) / self.lasts_s
        # The root of slope/2·x² + rate·x − amount, in the form that does not cancel and allows slope 0.
        root = math.sqrt(max(self.rate_per_s**2 + 2 * slope * amount, 0.0))
        return min(2 * amount / (self.rate_per_s + root), self.lasts_s)


def _solved(rising: Callable[[float], float], slope: Callable[[float], float], goal: float, high: float) -> float:
    """Where ``rising`` reaches ``goal`` between 0 and ``high``: Newton's steps, halved where they leave the bracket."""
    low, at, close = 0.0, high * goal / rising(high), 1e-12 * high
    for _ in range(200):
        excess = rising(at) - goal
        low, high = (low, at) if excess > 0 else (at, high)
        incline = slope(at)
        step = at - excess / incline if incline > 0 else low
        better = step if low < step < high else (low + high) / 2
        if abs(better - at) <= close:
            return better
        at = better
    return at


class RateCurve:
    """Pieces one after the other, with the integral from the beginning and its inverse."""

    __slots__ = ("_begins", "_pieces", "_sums")

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = tuple(pieces)
        self._begins = list(accumulate((piece.lasts_s for piece in self._pieces), initial=0.0))
        self._sums = list(accumulate((piece.total for piece in self._pieces), initial=0.0))

    def amount(self, at: float) -> float:
        """Requests expected in the first ``at`` seconds; after the last piece nothing is added."""
        if at >= self._begins[-1]:
            return self._sums[-1]
        index = bisect_right(self._begins, at) - 1
        return self._sums[index] + self._pieces[index].amount(at - self._begins[index])

    def when(self, amount: float) -> float:
        """The first instant at which the integral reaches ``amount`` (0 < amount < total), in seconds."""
        index = min(max(bisect_right(self._sums, amount) - 1, 0), len(self._pieces) - 1)
        return self._begins[index] + self._pieces[index].when(amount - self._sums[index])
