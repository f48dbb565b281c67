"""How figures and exit codes read on a screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["counted", "exit_words", "production", "seconds", "table", "tally"]

_EXITS: Final = {
    0: "every promise was kept",
    1: "a promise was broken",
    2: "configuration or harness error, no verdicts",
    3: "lint findings only",
    4: "not everything could be proved",
}


def seconds(value: float) -> str:
    """Wall seconds."""
    return f"{value:.2f} s"


def production(value: float) -> str:
    """Production seconds with minutes and hours above one minute: ``9.3s``, ``5m00.4s``, ``1h02m03.0s``."""
    tenths = round(abs(value) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if value < 0 and (hours or minutes or tenths) else ""
    whole, tenth = divmod(tenths, 10)
    if hours:
        return f"{sign}{hours}h{minutes:02d}m{whole:02d}.{tenth}s"
    return f"{sign}{minutes}m{whole:02d}.{tenth}s" if minutes else f"{sign}{whole}.{tenth}s"


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 clause``, ``2 clauses``, ``2 stories``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def tally(counts: Mapping[str, int]) -> str:
    """``30 held, 2 violated``."""
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "no verdict"


def exit_words(code: int) -> str:
    """What an exit code of ``harness`` says."""
    return f"exit code {code}: {_EXITS.get(code, 'unknown')}"


def table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Rows as aligned columns, those in ``right`` at their right edge; columns empty everywhere are left out."""
    if not rows:
        return []
    kept = [column for column in range(len(rows[0])) if any(row[column] for row in rows)]
    width = {column: max(len(row[column]) for row in rows) for column in kept}
    return [
        "  ".join(row[c].rjust(width[c]) if c in right else row[c].ljust(width[c]) for c in kept).rstrip()
        for row in rows
    ]
