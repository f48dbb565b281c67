"""What stands beside every alert, metric and log event of a campaign, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.clauses.coverage import Coverage, coverage_of, name_of
from harness.clauses.coverage_rows import Row
from harness.clauses.production import read_production
from harness.contract import Campaign

__all__ = ["covering"]


def covering(campaign: Campaign, *, only_missing: bool = False) -> Iterator[str]:
    """One line for each row; with ``only_missing`` the gaps that nobody excuses, as a baseline lists them."""
    coverage = coverage_of(campaign, read_production(campaign))
    if only_missing:
        yield from (f"- {name_of(row)}" for row in coverage.rows if not row.by and not coverage.excuse(row))
        return
    subject = ""
    for row in coverage.rows:
        if row.subject != subject:
            subject = row.subject
            yield subject
        yield _line(coverage, row)
    counts = Counter(_word(coverage, row) for row in coverage.rows)
    yield ", ".join(f"{count} {word}" for word, count in counts.items())


def _line(coverage: Coverage, row: Row) -> str:
    return f"  {_word(coverage, row):9}{row.kind:17}{row.by or coverage.excuse(row) or row.missing}"


def _word(coverage: Coverage, row: Row) -> str:
    if row.by:
        return "there"
    return "MISSING" if coverage.fails(row) else ("excused" if coverage.excuse(row) else "missing")
