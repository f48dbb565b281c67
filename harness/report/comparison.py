"""Two campaigns side by side: which promises are kept no longer, and what became slower or dearer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.core.events import Verdict
from harness.report.account import Account
from harness.report.words import counted, production, table, tally

__all__ = ["Change", "changes", "comparison", "got_worse"]

_RANK: Final[dict[Verdict, int]] = {
    "held": 0,
    "waived": 1,
    "not applicable": 2,
    "inconclusive": 3,
    "invalid": 3,
    "waived but held": 4,
    "violated": 5,
}
_FAILING_FROM: Final = 3
_TOLD: Final = 10
"""So many figures that moved most are told where not all are asked for."""
_MOVED: Final = 0.1
"""The share by which a figure must differ to be told."""


@dataclass(frozen=True, slots=True)
class Change:
    """A clause whose verdict differs; None where the campaign did not judge it."""

    clause: str
    before: Verdict | None
    after: Verdict | None
    message: str = ""

    @property
    def worse(self) -> bool:
        """Whether a gate that passed would fail by it: a new promise that is broken counts as one kept before."""
        if self.after is None or _RANK[self.after] < _FAILING_FROM:
            return False
        return self.before is None or _RANK[self.after] > _RANK[self.before]

    def __str__(self) -> str:
        told = f"{self.before or 'not there'} → {self.after or 'not there'}"
        return f"{told}: {self.clause}"


@dataclass(frozen=True, slots=True)
class _Moved:
    """A figure in both campaigns."""

    name: str
    before: float
    after: float
    text: str

    @property
    def share(self) -> float:
        """By which share of itself it grew; below 0 where it shrank."""
        return (self.after - self.before) / max(abs(self.before), 1e-9)

    def row(self) -> tuple[str, str]:
        return self.name, f"{self.text} ({self.after - self.before:+.3g}, {100 * self.share:+.0f} %)"


def changes(before: Account, after: Account) -> list[Change]:
    """The clauses whose verdicts differ, the worst first, then in the order of the later campaign."""
    old, new = before.judged, after.judged
    found = [
        Change(name, old[name].verdict if name in old else None, judged.verdict, judged.message)
        for name, judged in new.items()
        if name not in old or old[name].verdict != judged.verdict
    ]
    found += [Change(name, judged.verdict, None) for name, judged in old.items() if name not in new]
    return sorted(found, key=lambda change: (not change.worse, change.before is None, change.after is None))


def got_worse(found: Iterable[Change]) -> bool:
    """Whether any clause failed that held before, or is new and fails."""
    return any(change.worse for change in found)


def comparison(before: Account, after: Account, *, verbose: bool) -> list[str]:
    """The lines to print: verdicts, hop latencies, load, cost. ``verbose`` tells every figure, moved or not."""
    found = changes(before, after)
    parts = [
        _verdicts(before, after, found, verbose=verbose),
        _figures("latencies of hops (production)", _hops(before), _hops(after), verbose=verbose, shown=production),
        _figures("response time p95 by story (seconds of its clock)", _loads(before), _loads(after), verbose=verbose),
        _figures("cost (CPU seconds by part, wall seconds of all)", _costs(before), _costs(after), verbose=verbose),
    ]
    return [line for part in parts if part for line in (*part, "")][:-1]


# --- verdicts


def _verdicts(before: Account, after: Account, found: list[Change], *, verbose: bool) -> list[str]:
    lines = [f"before: {tally(before.counts())}", f"after:  {tally(after.counts())}"]
    if not found:
        return [*lines, f"{counted(len(after.judged), 'verdict')}, none differs"]
    worse = [change for change in found if change.worse]
    other = [change for change in found if not change.worse and change.before and change.after]
    new = [change for change in found if not change.worse and change.before is None]
    gone = [change for change in found if change.after is None]
    lines += [line for change in worse for line in (f"WORSE {change}", *_first_line(change.message))]
    lines += [f"other {change}" for change in other]
    for word, some in (("new", new), ("gone", gone)):
        lines += [f"{word} {change}" for change in some] if verbose else _told_as_number(word, some)
    return lines


def _first_line(message: str) -> Iterator[str]:
    if message:
        yield f"      {message.splitlines()[0]}"


def _told_as_number(word: str, some: list[Change]) -> list[str]:
    return [f"{word}: {counted(len(some), 'clause')} (-v lists them)"] if some else []


# --- figures


def _figures(
    title: str,
    before: Mapping[str, float],
    after: Mapping[str, float],
    *,
    verbose: bool,
    shown: Callable[[float], str] = "{:.3g}".format,
) -> list[str]:
    both = [
        _Moved(name, before[name], value, f"{shown(before[name])} → {shown(value)}")
        for name, value in after.items()
        if name in before
    ]
    moved = both if verbose else sorted((m for m in both if abs(m.share) > _MOVED), key=lambda m: -abs(m.share))
    told = moved if verbose else moved[:_TOLD]
    if not told:
        return []
    rest = f"; {len(moved) - len(told)} more differ by over {_MOVED:.0%}" if len(moved) > len(told) else ""
    return [f"{title}{rest}", *(f"  {line}" for line in table([each.row() for each in told]))]


def _hops(account: Account) -> dict[str, float]:
    """The first latency of each hop by story, in production seconds."""
    found: dict[str, float] = {}
    for cell in account.cells.values():
        for link in cell.chain():
            if link.latency_s is not None:
                found.setdefault(f"{cell.name}: {link.since} → {link.hop.hop} {link.hop.about}", link.latency_s)
    return found


def _loads(account: Account) -> dict[str, float]:
    """In seconds of the subject's clock, of whole stories and all kinds of requests."""
    return {
        cell.name: load.spreads["response"]["p95_s"]
        for cell in account.cells.values()
        for load in cell.loads
        if not load.phase and not load.kind and load.spreads.get("response", {}).get("p95_s") is not None
    }


def _costs(account: Account) -> dict[str, float]:
    found: dict[str, float] = dict(account.spent[0].cpu_s) if account.spent else {}
    if account.started and account.ended:
        found["length"] = account.ended.t - account.started.t
    return found
