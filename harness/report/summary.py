"""The account of a campaign as a person reads it, from the parts that started to the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from harness.core.events import ClauseJudged, PlannedClause, Verdict
from harness.report.account import Account, CellAccount, Link, place_of
from harness.report.cost import cost
from harness.report.limit_table import limit_table
from harness.report.load_table import load_table
from harness.report.words import counted, exit_words, production, seconds, table, tally

__all__ = ["Paint", "summary"]

_SHARED_FROM: Final = 4
"""From this many on, undecided clauses of one reason are told once, under the reason."""
_NAMED: Final = 10
"""So many ids are written out under a shared reason."""
_HOP_COLUMNS: Final[tuple[str, ...]] = ("production", "hop", "about", "latency", "since", "detail")
_UNDECIDED: Final[frozenset[Verdict]] = frozenset({"inconclusive", "invalid", "not applicable"})
_BAD: Final[frozenset[Verdict]] = frozenset({"violated", "waived but held"})


class Paint:
    """Colour where a terminal shows it, plain text elsewhere."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def good(self, text: str) -> str:
        """Kept promises."""
        return self._in("32", text)

    def bad(self, text: str) -> str:
        """Broken promises."""
        return self._in("31", text)

    def warning(self, text: str) -> str:
        """What decides nothing, but should be seen."""
        return self._in("33", text)

    def verdict(self, verdict: Verdict) -> str:
        """A verdict in its colour."""
        if verdict == "held":
            return self.good(verdict)
        return self.bad(verdict) if verdict in _BAD else self.warning(verdict)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


Row = tuple[PlannedClause, ClauseJudged]


def summary(account: Account, *, verbose: bool, paint: Paint) -> list[str]:
    """The lines to print at the end; the last one is the bundle's path, where there is one."""
    parts = [_components(account)]
    for cell in account.cells.values():
        parts += [_chain(cell) if cell.hops or cell.end else [], load_table(cell, verbose=verbose)]
        parts += [limit_table(cell.steps, cell.limit)]
    rows = [(clause, verdict) for clause, verdict in account.clauses() if verdict is not None]
    parts += [_held(rows, verbose=verbose, paint=paint), *_not_held(rows, paint)]
    parts += [_unjudged(account, paint), cost(account), _ending(account, paint)]
    lines = [line for part in parts if part for line in ("", *part)]
    return [*lines, account.bundle] if account.bundle else lines


def _components(account: Account) -> list[str]:
    rows = [(item.cell, item.component, item.version, seconds(item.took_s), item.url) for item in account.components]
    return ["ready", *_indented(table(rows, right=frozenset({3})))] if rows else []


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


# --- causal chain


def _chain(cell: CellAccount) -> list[str]:
    rows = [_HOP_COLUMNS, *(_hop(link) for link in cell.chain())] if cell.hops else []
    return [_story(cell), *_indented(table(rows, right=frozenset({0, 3})))]


def _story(cell: CellAccount) -> str:
    name = cell.name if cell.attempt == 1 else f"{cell.name} (attempt {cell.attempt})"
    if cell.end is None:
        return f"{name}: not finished"
    fit = "" if cell.end.fit else "unfit: "
    reason = f", {fit}{cell.end.reason}" if cell.end.reason or fit else ""
    return f"{name}: {production(cell.end.production_s)} production{reason}"


def _hop(link: Link) -> tuple[str, ...]:
    hop, latency = link.hop, ""
    if link.latency_s is not None:
        latency = f"+{link.latency_s:.3f} s wall" if hop.wall else f"+{production(link.latency_s)}"
    return (production(hop.production_s), hop.hop, hop.about, latency, link.since, hop.detail)


# --- clauses


def _held(rows: Iterable[Row], *, verbose: bool, paint: Paint) -> list[str]:
    held = [row for row in rows if row[1].verdict == "held"]
    if verbose:
        return [f"{paint.verdict('held')} {clause.id}: {verdict.message}" for clause, verdict in held]
    places = Counter("::".join(place_of(clause.id)[:2]) for clause, _ in held)
    width = max(map(len, places), default=0)
    return [f"{paint.verdict('held')}  {place:{width}}  {counted(n, 'clause')}" for place, n in places.items()]


def _not_held(rows: Iterable[Row], paint: Paint) -> Iterator[list[str]]:
    """First what a shared reason left undecided, then one by one, by scope and plane."""
    others = [row for row in rows if row[1].verdict != "held"]
    reasons = Counter(_reason(verdict) for _, verdict in others if verdict.verdict in _UNDECIDED)
    shared = {reason for reason, number in reasons.items() if number >= _shared_from(reason[0])}
    for reason in reasons:
        if reason in shared:
            yield _under(reason, [clause.id for clause, verdict in others if _reason(verdict) == reason], paint)
    places: dict[tuple[str, str], list[Row]] = {}
    for clause, verdict in others:
        if _reason(verdict) not in shared:
            places.setdefault(place_of(clause.id)[:2], []).append((clause, verdict))
    for place in places.values():
        for clause, verdict in place:
            yield _in_full(clause, verdict, paint)


def _shared_from(verdict: Verdict) -> int:
    """How many clauses share a reason before it is told once: nothing is to be done about what does not apply."""
    return 2 if verdict == "not applicable" else _SHARED_FROM


def _reason(verdict: ClauseJudged) -> tuple[Verdict, str]:
    return verdict.verdict, verdict.message


def _under(reason: tuple[Verdict, str], ids: list[str], paint: Paint) -> list[str]:
    verdict, message = reason
    return [f"{paint.verdict(verdict)} {counted(len(ids), 'clause')}: {message}", *_indented(_first(ids))]


def _first(ids: list[str]) -> list[str]:
    return [*ids[:_NAMED], f"and {len(ids) - _NAMED} more"] if len(ids) > _NAMED else ids


def _in_full(clause: PlannedClause, verdict: ClauseJudged, paint: Paint) -> list[str]:
    again = f" (attempt {verdict.attempt})" if verdict.attempt > 1 else ""
    lines = [f"promised: {clause.statement}"] if clause.statement else []
    lines += [f"at {verdict.source or clause.source}", *verdict.message.splitlines()]
    lines += [f"  {line}" for detail in verdict.details for line in detail.splitlines()]
    lines += [f"reproduce: {verdict.reproduce}"] if verdict.reproduce else []
    return [f"{paint.verdict(verdict.verdict)} {clause.id}{again}", *_indented(lines)]


# --- the end


def _unjudged(account: Account, paint: Paint) -> list[str]:
    """A failed campaign judged nothing, which needs no list."""
    ids = [clause.id for clause, verdict in account.clauses() if verdict is None]
    if not ids or account.failed is not None:
        return []
    return [f"{paint.warning('not judged')} {counted(len(ids), 'clause')}", *_indented(_first(ids))]


def _ending(account: Account, paint: Paint) -> list[str]:
    if account.failed is not None:
        first, *rest = account.failed.error.splitlines() or ["no reason was given"]
        return [f"{paint.bad('error')} {first}", *rest, exit_words(2)]
    if account.ended is None:
        return [f"{paint.bad('unfinished')}: the campaign ended without saying so; {tally(account.counts())}"]
    ended = account.ended
    cancelled = "cancelled; " if ended.cancelled else ""
    words = paint.good(exit_words(0)) if ended.exit_code == 0 else paint.bad(exit_words(ended.exit_code))
    return [f"{cancelled}{tally(account.counts())}; {seconds(ended.duration_s)}; {words}"]
