"""A counter compared with the ledger exactly, in one sum or by labels: per route, status, model and the like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.clauses.counting import Demand, requests_meant
from harness.evidence.records import Request
from harness.evidence.store import Evidence

__all__ = ["Ledgered", "by_label", "mismatches"]

Key = tuple[str, ...]
_COLUMNS = ("status", "kind", "instance")


@dataclass(slots=True)
class Ledgered:
    """What the ledger says that a counter grew by, under each value of its labels."""

    sure: dict[Key, float] = field(default_factory=lambda: defaultdict(float))
    either: list[tuple[frozenset[Key], float]] = field(default_factory=list)
    """Requests that their client left: each counts once, under one of several keys."""

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.sure.values()) + sum(amount for _, amount in self.either)


def by_label(evidence: Evidence, cell: str, wanted: Demand, columns: Sequence[str], aborted: Sequence[int]) -> Ledgered:
    """The ledger's word on the requests meant. ``columns`` are labels of the ledger, or status, kind, instance.

    ``aborted`` are the status codes under which the service counts a request whose client left; the status that
    was sent already is one more.
    """
    found = Ledgered()
    for request in requests_meant(evidence, cell, wanted):
        amount = request.work_units if wanted.measure == "work units" else 1.0
        keys = _keys(request, columns, aborted)
        if len(keys) == 1:
            found.sure[keys[0]] += amount
        else:
            found.either.append((frozenset(keys), amount))
    return found


def _keys(request: Request, columns: Sequence[str], aborted: Sequence[int]) -> list[Key]:
    if "status" not in columns or not request.aborted:
        return [tuple(_column(request, name) for name in columns)]
    statuses = dict.fromkeys([*map(str, aborted), *([str(request.status)] if request.status else [])])
    return [tuple(s if name == "status" else _column(request, name) for name in columns) for s in statuses or ("0",)]


def _column(request: Request, name: str) -> str:
    return str(getattr(request, name)) if name in _COLUMNS else request.labels.get(name, "")


def mismatches(ledger: Ledgered, grown: Mapping[Key, float]) -> list[str]:
    """One line for each key under which counter and ledger cannot both be right; empty where they agree."""
    possible: Counter[Key] = Counter()
    for keys, amount in ledger.either:
        possible.update(dict.fromkeys(keys, amount))
    found = []
    for key in sorted({*ledger.sure, *grown, *possible}):
        low, growth = ledger.sure.get(key, 0.0), grown.get(key, 0.0)
        if not low <= growth <= low + possible[key]:
            most = f" to {low + possible[key]:g}" if possible[key] else ""
            found.append(f"{', '.join(key) or 'in all'}: grew by {growth:g}, the ledger says {low:g}{most}")
    total = sum(grown.values())
    if not found and total != ledger.total:
        found.append(f"in all: grew by {total:g}, the ledger says {ledger.total:g}")
    return found
