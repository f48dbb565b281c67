"""The short language of conservation, ``one per [failed|successful|aborted] KIND``, counted in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from harness.evidence.records import Request
from harness.evidence.store import Evidence

__all__ = ["Demand", "demand", "describe", "requests_meant"]


Measure = Literal["requests", "work units", "seconds"]
Outcome = Literal["any", "failed", "successful", "aborted"]
_OUTCOMES: Final[dict[str, Outcome]] = {"failed": "failed", "successful": "successful", "aborted": "aborted"}


@dataclass(frozen=True, slots=True)
class Demand:
    """Which requests of the ledger are counted, their work units or seconds; ``kind`` is ``None`` for every kind."""

    kind: str | None
    outcome: Outcome
    measure: Measure = "requests"


def demand(text: str) -> Demand:
    """Parse ``one per failed generate``, ``work units of successful request`` and the like.

    The loader has checked the grammar.
    """
    measures: tuple[Measure, ...] = ("work units", "seconds")
    measure: Measure = next((each for each in measures if text.startswith(f"{each} of ")), "requests")
    words = text.removeprefix("one per ").removeprefix(f"{measure} of ").split()
    kind = words[-1]
    return Demand(None if kind == "request" else kind, _OUTCOMES.get(words[0], "any") if words[1:] else "any", measure)


def describe(wanted: Demand) -> str:
    """The demand in words, for messages."""
    outcome = "" if wanted.outcome == "any" else f"{wanted.outcome} "
    return f"{outcome}{wanted.kind or 'request'}s"


def requests_meant(evidence: Evidence, cell: str, wanted: Demand) -> list[Request]:
    """Requests of the ledger that the demand counts: those that were sent, whatever came back."""
    return list(_meant(evidence, cell, wanted))


def _meant(evidence: Evidence, cell: str, wanted: Demand) -> Iterator[Request]:
    for request in evidence.of(Request, cell):
        if request.dropped or request.sent_t is None:
            continue
        if wanted.kind is not None and request.kind != wanted.kind:
            continue
        if wanted.outcome in {"any", _outcome(request)}:
            yield request


def _outcome(request: Request) -> Outcome:
    """A request that its client left, as it was meant to, neither failed nor succeeded."""
    if not request.expected:
        return "failed"
    return "aborted" if request.aborted else "successful"
