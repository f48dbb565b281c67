"""Coverage: every alert, metric and log event has beside it what an operator needs, or a written reason why not.

Judged on files alone. What the contract requires fails where it is missing; the rest is only listed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from harness.clauses.coverage_rows import Row, rows_of
from harness.clauses.model import Clause, Judge, held, violated
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.beside import CoverageKind
from harness.contract.strict import relative_file
from harness.core.errors import ConfigError, Location
from harness.core.source import load_yaml, nearest
from harness.evidence.records import CAMPAIGN

__all__ = ["Coverage", "compile_coverage", "coverage_of", "name_of"]

_KINDS: Final[tuple[str, ...]] = get_args(CoverageKind)


@dataclass(frozen=True, slots=True)
class Coverage:
    """All rows of a campaign, what is required of them, and what is excused."""

    rows: tuple[Row, ...]
    required: frozenset[str]
    waived: Mapping[str, str]
    known: frozenset[str]
    """Gaps that the baseline lists, as ``SUBJECT KIND``."""

    def excuse(self, row: Row) -> str:
        """Why the row may be missing; empty where nobody says."""
        reason = self.waived.get(row.subject) or self.waived.get(name_of(row))
        return f"waived: {reason}" if reason else ("a known gap" if name_of(row) in self.known else "")

    def fails(self, row: Row) -> bool:
        """Whether the row is missing though it is required and not excused."""
        return row.kind in self.required and not row.by and not self.excuse(row)

    @property
    def stale(self) -> tuple[str, ...]:
        """Excuses of what is not missing, or does not exist."""
        missing = {name for row in self.rows if not row.by for name in (row.subject, name_of(row))}
        return tuple(name for name in (*self.waived, *sorted(self.known)) if name not in missing)


def name_of(row: Row) -> str:
    """The row as waivers and baselines name it."""
    return f"{row.subject} {row.kind}"


def coverage_of(campaign: Campaign, production: Production) -> Coverage:
    """What there is beside alerts, metrics and events; raises ``ConfigError`` for a baseline that cannot be read."""
    spec = campaign.contract.coverage
    wanted = _KINDS if spec.require == "all" or (spec.baseline and not spec.require) else spec.require
    return Coverage(rows_of(campaign, production), frozenset(wanted), spec.waived, _baseline(campaign))


def _baseline(campaign: Campaign) -> frozenset[str]:
    name = campaign.contract.coverage.baseline
    if name is None:
        return frozenset()
    source = campaign.contract_source
    path = relative_file(source.folder, name, source.document, ("coverage", "baseline"))
    document = load_yaml(path, shown_as=campaign.shown(path))
    listed: Any = document.data or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ConfigError(
            "a baseline is a list of gaps", location=document.locate(()), remedy="write: - alert NAME panel"
        )
    return frozenset(listed)


def compile_coverage(campaign: Campaign, production: Production) -> Iterator[Clause]:
    """One clause for every alert, metric and event of which something is required, and one on stale excuses.

    None for a campaign of which only some stories were asked for: what the others show is no gap.
    """
    spec = campaign.contract.coverage
    if not campaign.is_whole or (not spec.require and spec.baseline is None):
        return
    coverage = coverage_of(campaign, production)
    by_subject: dict[str, list[Row]] = {}
    for row in coverage.rows:
        if row.kind in coverage.required:
            by_subject.setdefault(row.subject, []).append(row)
    for subject, rows in by_subject.items():
        statement = f"{subject} has: {', '.join(row.kind for row in rows)}"
        yield _clause(subject, "covered", statement, rows[0].source, _judged(coverage, rows))
    if coverage.waived or coverage.known:
        yield _clause(
            "excuses", "current", "what is excused is missing", campaign.promise("coverage"), _current(coverage)
        )


def _clause(name: str, promise: str, statement: str, source: Location, judge: Judge) -> Clause:
    return Clause(CAMPAIGN, "coverage", name, promise, source, statement, (), judge, ())


def _judged(coverage: Coverage, rows: Sequence[Row]) -> Judge:
    gaps = [f"no {row.kind}: {row.missing}" for row in rows if coverage.fails(row)]
    told = [f"{row.kind}: {row.by or coverage.excuse(row)}" for row in rows]
    judgement = violated(gaps[0], *gaps[1:], hop="coverage") if gaps else held("; ".join(told))
    return lambda _: judgement


def _current(coverage: Coverage) -> Judge:
    names = {name for row in coverage.rows for name in (row.subject, name_of(row))}
    remarks = [_remark(name, names) for name in coverage.stale]
    judgement = violated(remarks[0], *remarks[1:], hop="coverage") if remarks else held("every excuse is needed")
    return lambda _: judgement


def _remark(name: str, names: Collection[str]) -> str:
    if name in names:
        return f"{name} is not missing: remove it"
    return "; ".join(part for part in (f"there is no row {name!r}", nearest(name, names)) if part)
