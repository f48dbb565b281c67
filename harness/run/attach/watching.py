"""A running system is read a few times; what could not be read is told with the reason that its owner can mend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from harness.clauses.attached import ATTACHED
from harness.evidence.records import Reading, Record, Unmet
from harness.run.attach.readers import NotThereError, Reader
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient

__all__ = ["SKEW_S", "Watch", "skew_s", "told_fault"]

Clock = Callable[[], float]
_ROUNDS: Final = 3
_EVERY_S: Final = 1.0
"""Wall seconds between two looks at what changes."""
SKEW_S: Final = 2.0
"""Clocks that differ by more are told; servers name whole seconds."""


@dataclass
class Watch:
    """Asks every reader and hands what it says to ``sink``; a reader that fails is asked again in the next round."""

    readers: Sequence[Reader]
    sink: Callable[[Record], None]
    clock: Clock
    cancel: threading.Event

    def run(self) -> bool:
        """Read; whether it went to its end. Needs that nobody could meet are recorded as unmet."""
        failed: dict[int, str] = {}
        read: set[int] = set()
        for number in range(_ROUNDS):
            for key, reader in enumerate(self.readers):
                if self.cancel.is_set():
                    return False
                if reader.once and key in read:
                    continue
                problem = self._read(reader)
                if problem:
                    failed[key] = problem
                else:
                    read.add(key)
            if len(read) == len(self.readers) and all(reader.once for reader in self.readers):
                break
            if number + 1 < _ROUNDS and self.cancel.wait(_EVERY_S):
                return False
        for key, reader in enumerate(self.readers):
            if key not in read:
                self._unmet(reader, failed[key])
        return True

    def _read(self, reader: Reader) -> str:
        """Why it failed; empty where it did not."""
        try:
            for record in list(reader.read(self.clock())):
                self.sink(record)
        except HttpFault as fault:
            return told_fault(reader.server, fault)
        except NotThereError as absent:
            return f"{reader.server}: {absent}"
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return f"{reader.server} answered what cannot be understood: {type(error).__name__}: {error}"
        return ""

    def _unmet(self, reader: Reader, reason: str) -> None:
        for need in reader.needs:
            self.sink(Unmet(ATTACHED, self.clock(), str(need), reason))


def told_fault(server: str, fault: HttpFault) -> str:
    """A failed exchange in words that say who has to mend what."""
    if fault.status == 401:
        return f"{server} wants credentials, or others than these: {fault.method} {fault.url} answered 401"
    if fault.status == 403:
        return f"{server} does not permit it to these credentials: {fault.method} {fault.url} answered 403"
    if not fault.status:
        return f"{server} does not answer at {fault.url}: {fault.reason}"
    return f"{server}: {fault}"


def skew_s(name: str, http: Http, clock: Clock) -> float | None:
    """By how many seconds the clock of a server is ahead of ours; ``None`` where it does not tell, or not answer."""
    before = clock()
    try:
        if name == "Prometheus":
            told: float | None = PrometheusClient(http).query("time()").series[0].points[0][1]
        else:
            date = http.get("/").date if name == "Elasticsearch" else http.send("HEAD", "/").date
            told = parsedate_to_datetime(date).timestamp() + 0.5 if date else None
    except (HttpFault, LookupError, TypeError, ValueError):
        return None
    return None if told is None else told - (before + clock()) / 2


def readings_of(skews: dict[str, float], t: float) -> Iterator[Record]:
    """The skews as records."""
    for name, value in skews.items():
        yield Reading(ATTACHED, t, name.lower(), "clock_skew_s", round(value, 3))
