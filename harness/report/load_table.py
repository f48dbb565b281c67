"""The load of a story as a table: what was offered, what came back, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from harness.core.events import LoadMeasured
from harness.report.account import CellAccount
from harness.report.words import table

__all__ = ["load_table"]

_SATURATED: Final = 0.9
"""Share of one processor above which the generator had nothing left."""
_LOOPS: Final = {"closed": "closed loop", "both": "open and closed loop"}
_TIMES: Final = (
    ("response p50", "response", "p50_s"),
    ("p95", "response", "p95_s"),
    ("p99", "response", "p99_s"),
    ("max", "response", "max_s"),
    ("service p95", "service", "p95_s"),
    ("first token p95", "first token", "p95_s"),
    ("inter-token p95", "inter-token", "p95_s"),
)
_COUNTS: Final = ("", "sent", "failed", "dropped", "per s", "good", "work/s")
_HEAD: Final = (*_COUNTS, *(name for name, _, _ in _TIMES), "late p99")


def load_table(cell: CellAccount, *, verbose: bool) -> list[str]:
    """Lines to print, none where there was no load; by kind of request only if ``verbose``."""
    shown = [event for event in cell.loads if verbose or not event.kind]
    if not shown:
        return []
    rows = [_row(event) for event in shown]
    head = tuple(name if any(row[column] for row in rows) else "" for column, name in enumerate(_HEAD))
    rows.insert(0, head)
    lines = [f"  {line}" for line in table(rows, right=frozenset(range(1, len(_HEAD))))]
    clock = "production" if shown[0].clock == "production" else "wall"
    return [f"{cell.name}: load, times in {clock} seconds, lateness in wall seconds", *lines, *_remarks(cell.loads)]


def _row(event: LoadMeasured) -> tuple[str, ...]:
    times = (_time(event.spreads, measure, name) for _, measure, name in _TIMES)
    return (
        _name(event),
        str(event.sent),
        str(event.unexpected),
        str(event.dropped) if event.dropped else "",
        f"{event.throughput_per_s:.3g}",
        f"{event.good / event.intended:.1%}" if event.intended else "",
        f"{event.work_per_s:.3g}" if event.work_per_s else "",
        *times,
        f"{event.spreads['lateness']['p99_s'] * 1000:.1f}ms" if "lateness" in event.spreads else "",
    )


def _name(event: LoadMeasured) -> str:
    phase = event.phase or "whole story"
    name = f"  {event.kind}" if event.kind else phase
    return name if event.loop == "open" else f"{name} ({_LOOPS[event.loop]})"


def _time(spreads: dict[str, dict[str, float]], measure: str, name: str) -> str:
    """In seconds with three digits; milliseconds below one."""
    if measure not in spreads:
        return ""
    value = spreads[measure][name]
    return f"{value * 1000:.3g}ms" if value < 0.9995 else f"{value:.3g}s" if value < 1000 else f"{value:.0f}s"


def _remarks(events: Sequence[LoadMeasured]) -> Iterator[str]:
    if any(event.loop != "open" for event in events):
        yield "  users of a closed loop wait for their answers: what a stall kept them from sending is in no figure"
    for event in events:
        if event.saturated:
            yield f"  {event.phase} is saturated: requests in flight and response times rose together"
    ratios = [event.generator_cpu_ratio for event in events if event.generator_cpu_ratio is not None]
    if ratios and max(ratios) > _SATURATED:
        yield f"  the generator used {max(ratios):.0%} of one processor: what it measured includes its own limits"
