"""Mixes: names drawn in their proportion at every point, never at random. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import count

__all__ = ["proportional"]


def proportional(weights: Mapping[str, float]) -> Iterator[str]:
    """Names for ever, each in its proportion at every point.

    After any number *n* of draws each name was drawn its exact quota ``n·weight/sum`` times, to
    within less than one (Tijdeman's chairman assignment), so short windows keep the mix too.
    """
    shares = [(name, weight / sum(weights.values())) for name, weight in weights.items() if weight > 0]
    slack = 1 / (2 * len(shares) - 2) if len(shares) > 1 else 0.0
    drawn = dict.fromkeys((name for name, _ in shares), 0)
    for turn in count(1):
        name = _most_urgent(shares, drawn, turn, slack)
        yield name
        drawn[name] += 1


def _most_urgent(shares: list[tuple[str, float]], drawn: dict[str, int], turn: int, slack: float) -> str:
    best, soonest = "", math.inf
    for name, share in shares:
        done = drawn[name]
        due = (done + 1 - slack) / share
        # The tolerance keeps a name eligible whose quota misses the slack by rounding alone.
        if turn * share - done >= slack - 1e-9 and due < soonest:
            best, soonest = name, due
    return best or min(shares, key=lambda pair: (drawn[pair[0]] + 1) / pair[1])[0]
