"""Dead man's switches: the receivers of watchdogs, which give the alarm when nothing arrives any more."""

from __future__ import annotations

from collections.abc import Callable

from harness.clauses.production import AlertFacts
from harness.clauses.timeline import notices
from harness.clauses.watchdog import silence_s
from harness.evidence.records import Silence
from harness.evidence.store import Evidence

__all__ = ["DeadMansSwitch"]


class DeadMansSwitch:
    """The switch behind the receiver of one watchdog in one cell; ``poll`` never waits. It starts with the story."""

    def __init__(
        self, cell: str, speed: float, facts: AlertFacts, receiver: str, sink: Callable[[Silence], None]
    ) -> None:
        self._cell, self._alert, self._receiver, self._sink = cell, facts.rule.name, receiver, sink
        self._allowed_s = silence_s(facts, speed)
        self._told = float("-inf")

    def poll(self, evidence: Evidence, now: float) -> None:
        """Give the alarm, once for each silence, when the silence has lasted too long."""
        start = evidence.started(self._cell)
        if start is None:
            return
        heard = [n.t for n in notices(evidence, self._cell, self._alert, "firing") if n.receiver == self._receiver]
        last = max([start.t, *heard])
        if now - last > self._allowed_s and last > self._told:
            self._told = last
            self._sink(Silence(self._cell, last + self._allowed_s, self._alert, self._receiver, last))
