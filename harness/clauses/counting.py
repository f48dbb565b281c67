"""The short language of conservation, ``one per [failed|successful] KIND``, counted in the generator's ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.evidence.records import Request
from harness.evidence.store import Evidence

__all__ = ["Demand", "demand", "describe", "requests_meant"]


@dataclass(frozen=True, slots=True)
class Demand:
    """Which requests of the ledger are counted; ``kind`` is ``None`` for every kind."""

    kind: str | None
    outcome: Literal["any", "failed", "successful"]


def demand(text: str) -> Demand:
    """Parse ``one per failed generate`` and the like; the loader has checked the grammar."""
    words = text.split()[2:]
    outcome: Literal["any", "failed", "successful"] = "any"
    if words[0] == "failed":
        outcome = "failed"
    elif words[0] == "successful":
        outcome = "successful"
    kind = words[-1]
    return Demand(None if kind == "request" else kind, outcome)


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
        if wanted.outcome == "any" or (wanted.outcome == "successful") == request.expected:
            yield request
