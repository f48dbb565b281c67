"""A search for the limit as a table: each rate, what broke there, and what it did to the telemetry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from harness.core.events import LimitFound, LoadStep
from harness.report.words import table

__all__ = ["limit_table"]

_TELEMETRY: Final = (
    ("scrape max", "scrape_max_s", 1000.0, "ms"),
    ("scrapes failed", "scrapes_failed", 1.0, ""),
    ("evaluations missed", "evaluations_missed", 1.0, ""),
    ("log lag p99", "log_lag_p99_s", 1.0, "s"),
    ("lost", "documents_lost", 1.0, ""),
)
_HEAD: Final = (
    "offered",
    "sent",
    "failed",
    "answers/s",
    "response p95",
    "late p99",
    *(t[0] for t in _TELEMETRY),
    "broke",
)


def limit_table(steps: Sequence[LoadStep], found: LimitFound | None) -> list[str]:
    """Lines to print, by rising rate; none where nothing was searched."""
    if not steps and found is None:
        return []
    ordered = sorted(steps, key=lambda step: step.rate_per_s)
    lines = table([_HEAD, *map(_row, ordered)], right=frozenset(range(len(_HEAD) - 1)))
    return ["steps, by offered rate", *(f"  {line}" for line in lines), *_words(found)]


def _row(step: LoadStep) -> tuple[str, ...]:
    response, late = step.response_p95_s, step.lateness_p99_s
    return (
        f"{step.rate_per_s:g}/s",
        str(step.sent),
        str(step.failed),
        f"{step.throughput_per_s:.3g}",
        "" if response is None else f"{response:.3g}s",
        "" if late is None else f"{late * 1000:.1f}ms",
        *(_measured(step, name, factor, unit) for _, name, factor, unit in _TELEMETRY),
        ", ".join(step.broke),
    )


def _measured(step: LoadStep, name: str, factor: float, unit: str) -> str:
    value = step.telemetry.get(name)
    return "" if value is None else f"{value * factor:.3g}{unit}"


def _words(found: LimitFound | None) -> Iterator[str]:
    if found is None:
        yield "the search did not end"
        return
    if found.rate_per_s is None:
        yield "no rate was found at which everything holds"
    else:
        yield f"everything holds and conserves at {found.rate_per_s:g}/s"
    if found.broken_at_per_s is not None:
        yield f"at {found.broken_at_per_s:g}/s the {found.broke_first} broke first: {found.reason.partition(': ')[2]}"
    elif found.rate_per_s is not None:
        yield "nothing broke: the limit lies higher"
    if found.cut_short:
        yield f"the search was cut short: {found.cut_short}"
