"""What was seen of a service, and the names that its files are written with."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.core.tls import Tls
from harness.sketch.families import word_of
from harness.sketch.log_lines import Stream
from harness.sketch.looking import Answered, Place, Seen
from harness.sketch.ruled import Ruled
from harness.sketch.starting import Starter

__all__ = ["OUTPUTS", "Draft", "Log", "bare"]

OUTPUTS: Final = frozenset({"stdout", "stderr"})
_BARE: Final = re.compile(r"[A-Za-z/][\w/.-]*")
_WORDS: Final = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
"""What YAML reads as something else than itself."""


def bare(value: str) -> str:
    """A YAML scalar, quoted where it could be misread."""
    return value if _BARE.fullmatch(value) and value.lower() not in _WORDS else json.dumps(value)


@dataclass(frozen=True, slots=True)
class Log:
    """A log: ``named`` as on the command line, ``is_own`` where every run can have one of its own."""

    named: str
    stream: Stream
    is_own: bool

    @property
    def name(self) -> str:
        """The name of its stream."""
        return re.sub(r"[^a-z]+", "_", Path(self.named).name.removesuffix(".log").lower()).strip("_") or "log"

    @property
    def path(self) -> str:
        """Where a run finds it."""
        if self.named in OUTPUTS:
            return self.named
        return f"{{logs}}/{Path(self.named).name}" if self.is_own else str(Path(self.named).resolve())

    @property
    def note(self) -> str:
        """Which of its lines count."""
        if self.named in OUTPUTS:
            return "what the process says there"
        return "its own in every run" if self.is_own else "read from where it ends when a gate begins"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was seen, and where the files are to lie."""

    folder: Path
    seen: Seen
    rules: Ruled | None
    log: Log | None
    starter: Starter | None
    speed: float
    credentials: str = ""
    """How a profile names what opens the metrics."""

    @property
    def service(self) -> str:
        """What most metrics call it."""
        return word_of(self.seen.families)[0]

    @property
    def job(self) -> str:
        """The scrape job, as rules name it."""
        return (self.rules.job if self.rules else "") or self.service

    @property
    def ports(self) -> dict[int, str]:
        """Number → name."""
        answers = (*self.seen.health, *self.seen.requests)
        numbers = dict.fromkeys((self.seen.metrics.port, *(answer.place.port for answer in answers)))
        return {number: "app" if i == 0 else f"port{number}" for i, number in enumerate(numbers)}

    @property
    def secured(self) -> dict[str, Tls]:
        """Names of ports that speak https → how they were entered."""
        places = (self.seen.metrics, *(answer.place for answer in (*self.seen.health, *self.seen.requests)))
        return {self.ports[place.port]: place.tls for place in places if place.tls}

    def at(self, place: Place) -> str:
        """A place as files write it."""
        return f"port: {self.ports[place.port]}, path: {bare(place.path)}"

    @property
    def endpoints(self) -> dict[str, Answered]:
        """Health answers by the names of their endpoints."""
        return {name: answer for name, answer in self.asked.items() if answer in self.seen.health}

    @property
    def asked(self) -> dict[str, Answered]:
        """All answers by the names under which stories ask for them."""
        found: dict[str, Answered] = {}
        for answer in (*self.seen.health, *self.seen.requests):
            name = "_".join(re.findall("[a-z]+", answer.place.path.partition("?")[0].lower())) or "root"
            found[name if name not in found else f"{name}_{len(found)}"] = answer
        return found
