"""A clause, what it needs recorded, and the judgement that evidence allows so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from harness.core.errors import Location
from harness.evidence.store import Evidence

__all__ = [
    "BECAUSE",
    "REFUSED",
    "Abort",
    "Clause",
    "Judge",
    "Judgement",
    "Need",
    "NeedKind",
    "held",
    "inconclusive",
    "recorded_as",
    "still_open",
    "violated",
]

BECAUSE: Final = "because of "
"""How the message of a clause begins that another clause, named next, left undecided."""
REFUSED: Final = "Prometheus refuses it: "
"""How the reason begins for which an expression could not be recorded that the server answers with an error."""
NeedKind = Literal[
    "query",  # detail: a PromQL expression, recorded over the whole story
    "snapshot",  # detail: a PromQL expression, asked at the end of every phase
    "series",  # detail: a selector, recorded as raw samples over the whole story
    "rules",  # state of the alerting rules
    "loaded",  # rules as Prometheus has loaded them
    "routing",  # routes, inhibition and receivers as Alertmanager runs them
    "alerts",  # alerts as Alertmanager holds them
    "pages",  # notifications at the sinks
    "documents",  # documents of a log stream in Elasticsearch; detail: the stream
    "mapping",  # fields of the indices that documents are in, as Elasticsearch maps them
    "lines",  # lines of a log stream as the subject wrote them; detail: the stream
    "answers",  # answers of an HTTP endpoint; detail: the endpoint
    "expositions",  # the metrics endpoint's own text
    "federated",  # what Prometheus holds of the subject's metrics, once all is at rest
    "ledger",  # the load generator's requests
    "subject",  # life and death of the subject's instances
    "faults",  # what was injected, confirmed and healed
    "barriers",  # conservation barriers; detail: the plane
]


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """Something that must be recorded for a clause to be judged."""

    kind: NeedKind
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.detail}".rstrip()


def recorded_as(need: Need) -> str:
    """The ``query`` of the series that meet ``need``: snapshots are told apart from what is recorded throughout."""
    return str(need) if need.kind == "snapshot" else need.detail


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the evidence says so far. ``open`` means: more evidence may still decide either way.

    ``at`` is the wall instant that decided, where there is one. ``hop`` names the first missing hop of
    a causal chain.
    """

    verdict: Literal["held", "violated", "inconclusive", "open"]
    message: str
    details: tuple[str, ...] = ()
    hop: str = ""
    at: float | None = None
    slack_s: float | None = None
    """Wall seconds that were left to the nearest bound; ``None`` for a promise without one."""


@dataclass(frozen=True, slots=True)
class Abort:
    """When a violation ends its story: from ``after_s`` production seconds after the phase (None: the story) began."""

    after_s: float
    during: str | None = None


Judge = Callable[[Evidence], Judgement]


@dataclass(frozen=True, slots=True)
class Clause:
    """One atomic promise: it gets one verdict.

    ``scope`` is a scenario's name or ``campaign``; ``cells`` are the scenarios whose evidence is read;
    ``statement`` says the promise in words, with its numbers; ``source`` is where a person wrote it.
    """

    scope: str
    plane: str
    name: str
    promise: str
    source: Location
    statement: str
    needs: tuple[Need, ...]
    judge: Judge
    cells: tuple[str, ...]
    not_applicable: str = ""
    """Why it cannot be judged, where that is known before anything runs; empty for every clause that can."""
    abort: Abort | None = None
    """Where set, the story of the scope ends early once this clause is violated."""

    @property
    def id(self) -> str:
        """``<scope>::<plane>::<name>::<promise>``, independent of folders."""
        return f"{self.scope}::{self.plane}::{self.name}::{self.promise}"


def held(message: str, *details: str, at: float | None = None, slack_s: float | None = None) -> Judgement:
    """The promise was kept, and nothing that may still come can change that."""
    return Judgement("held", message, details, at=at, slack_s=slack_s)


def violated(message: str, *details: str, hop: str = "", at: float | None = None) -> Judgement:
    """The promise was broken."""
    return Judgement("violated", message, details, hop=hop, at=at)


def inconclusive(message: str, *details: str) -> Judgement:
    """The evidence cannot decide, and no further evidence will."""
    return Judgement("inconclusive", message, details)


def still_open(message: str, *details: str) -> Judgement:
    """Not decided yet; at the end of the evidence this becomes inconclusive, with this message."""
    return Judgement("open", message, details)
