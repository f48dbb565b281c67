"""What a driver counts while it runs: the state of a phase, and what was spent of each host's ceiling. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Any
from zlib import crc32

from harness.run.load.figures import spread
from harness.run.load.ledger import Request
from harness.run.load.plan import Ceiling
from harness.run.load.schedule import LoadPhase, expected_count, lay_out

__all__ = ["Allowance", "PhaseRun"]


class PhaseRun:
    """A phase of one cell while it runs. Times are epoch seconds.

    ``cpu_start_s`` is the process's CPU time when it began; ``first_body`` is the number of each
    kind's first body, so that no phase repeats the prompts of an earlier one.
    """

    def __init__(self, load: LoadPhase, start_t: float, *, speed: float, seed: int) -> None:
        self.load = load
        self.start_t = start_t
        self.end_t = start_t + load.duration_s / speed
        self.arrivals = lay_out(load, speed, seed ^ crc32(load.name.encode()))
        self.over = False
        self.in_flight = 0
        self.intended = 0
        self.sent = 0
        self.dropped = 0
        self.aborted = 0
        self.unexpected = 0
        self.cpu_start_s = 0.0
        self.first_body: dict[str, int] = {}
        self._lateness_s = array("d")

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

    def summary(self) -> dict[str, Any]:
        """Counts and lateness, as the driver reports them when the phase has drained."""
        lateness = spread(self._lateness_s)
        return {
            "started_t": self.start_t,
            "ended_t": self.end_t,
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
            return True
        first = self._first_t.setdefault(host, now)
        if self._spent[host] >= ceiling.requests or now - first > ceiling.seconds:
            return False
        self._spent[host] += 1
        return True
