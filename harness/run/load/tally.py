"""What a driver counts while it runs: the state of a phase, and what was spent of each host's ceiling. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from zlib import crc32

from harness.run.load.figures import spread
from harness.run.load.ledger import Request
from harness.run.load.plan import Ceiling
from harness.run.load.schedule import MAX_ARRIVALS, Arrival, LoadPhase, expected_count, lay_out

__all__ = ["Allowance", "PhaseRun", "Stripe"]

_PHASE_NUMBERS = 1 << 25
"""Room for the numbers of one phase: first those of its schedule, after ``MAX_ARRIVALS`` those of its users."""


@dataclass(frozen=True, slots=True)
class Stripe:
    """The part of every schedule that one of several workers sends: disjoint, and together the whole."""

    index: int = 0
    workers: int = 1

    def holds(self, number: int) -> bool:
        """Whether arrival ``number`` of a schedule is in this stripe."""
        # Turned by one at every round, so that a mix whose turn is as long as the workers are many is split as well.
        return (number + number // self.workers) % self.workers == self.index


class PhaseRun:
    """A phase of one cell while it runs. Times are epoch seconds.

    ``cpu_start_s`` is the process's CPU time when it began. ``first`` is the number of the phase's first request
    and body: no phase repeats the numbers or prompts of an earlier one, whoever sends them.
    """

    def __init__(
        self, load: LoadPhase, start_t: float, number: int, *, speed: float, seed: int, stripe: Stripe
    ) -> None:
        self.load = load
        self.start_t = start_t
        self.end_t = start_t + load.duration_s / speed
        self.warm_until_t = start_t + load.warm_up_s / speed
        self.first = number * _PHASE_NUMBERS
        self.closed_numbers = count(self.first + MAX_ARRIVALS + stripe.index, stripe.workers)
        self._laid_out = lay_out(load, speed, seed ^ crc32(load.name.encode()))
        self._stripe = stripe
        self.over = False
        self.in_flight = 0
        self.intended = 0
        self.sent = 0
        self.dropped = 0
        self.aborted = 0
        self.unexpected = 0
        self.cpu_start_s = 0.0
        self._last_end_t = 0.0
        self._lateness_s = array("d")

    def arrivals(self) -> Iterator[tuple[int, Arrival]]:
        """The arrivals of the own stripe in order, each with its number."""
        return ((self.first + n, arrival) for n, arrival in enumerate(self._laid_out) if self._stripe.holds(n))

    @property
    def drained(self) -> bool:
        """The phase is over and every request of it has its row."""
        return self.over and self.in_flight == 0

    def cut(self, instant: float) -> None:
        """End the phase at ``instant`` (epoch seconds) if it would last longer; before its start it never begins."""
        self.end_t = min(self.end_t, instant)

    def count(self, row: Request) -> None:
        """Take ``row`` into the counts."""
        if row.sent_t is None:
            self.dropped += 1
            return
        self.sent += 1
        self.aborted += row.aborted
        self.unexpected += not row.expected
        self._lateness_s.append(row.sent_t - row.intended_t)
        self._last_end_t = row.end_t or self._last_end_t

    def summary(self) -> dict[str, Any]:
        """Counts and lateness, as the driver reports them when the phase has drained."""
        lateness = spread(self._lateness_s)
        return {
            "started_t": self.start_t,
            "ended_t": self.end_t,
            "drained_t": max(self._last_end_t, self.end_t),
            "intended": self.intended,
            "sent": self.sent,
            "dropped": self.dropped,
            "aborted": self.aborted,
            "unexpected": self.unexpected,
            "lateness_p50_s": lateness and lateness.p50_s,
            "lateness_p99_s": lateness and lateness.p99_s,
            "lateness_max_s": lateness and lateness.max_s,
        }


class Allowance:
    """How much each host may still be sent; hosts without a ceiling are loopback and have no limit."""

    def __init__(self, ceilings: Iterable[Ceiling]) -> None:
        self._ceilings = {ceiling.host: ceiling for ceiling in ceilings}
        self._spent = dict.fromkeys(self._ceilings, 0)
        self._first_t: dict[str, float] = {}
        self._told: set[str] = set()

    def refusal(self, load: LoadPhase, hosts: Iterable[str]) -> str | None:
        """Why ``load`` would pass a ceiling if all of it went to one of ``hosts``, None where it cannot."""
        expected = math.ceil(expected_count(load))
        for host in set(hosts) & set(self._ceilings):
            left = self._ceilings[host].requests - self._spent[host]
            if expected > left:
                return f"phase {load.name!r} may send {expected} requests to {host}, whose ceiling leaves {left}"
        return None

    def admit(self, host: str, now: float) -> bool:
        """Count one request to ``host`` at ``now`` (epoch seconds); False where its ceiling is reached."""
        ceiling = self._ceilings.get(host)
        if ceiling is None:
            return True  # loopback: a plan with any other host is refused before its first request
        first = self._first_t.setdefault(host, now)
        if self._spent[host] >= ceiling.requests or now - first > ceiling.seconds:
            return False
        self._spent[host] += 1
        return True

    def reached(self, host: str) -> str | None:
        """What to tell when a request to ``host`` was not admitted, once; None the next time."""
        if host in self._told:
            return None
        self._told.add(host)
        ceiling = self._ceilings[host]
        most = f"{ceiling.requests} requests in {ceiling.seconds:g} s"
        return f"{host} was sent {self._spent[host]} requests; its ceiling is {most}: nothing more is sent there"
