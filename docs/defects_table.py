"""The kept table of planted defects as Markdown: what each breaks, and exactly the clauses that tell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.sabotage.defects import Defect, Sheet, sheets, unplanted

__all__ = ["defects_of", "gateways", "left", "table"]


def defects_of(section: int, row: str) -> list[str]:
    """Names of the defects that break a row of the specification."""
    return [each.name for sheet in sheets() for each in sheet.defects if (section, row) in each.rows]


def table() -> str:
    """A table for each way of looking."""
    return "\n\n".join(f"## {_title(sheet)}\n\n{_shown(sheet)}\n\n{_rows(sheet)}" for sheet in sheets())


def gateways() -> str:
    """The defects that real gateways had, by the words under which they are known."""
    rows = [(each.gateways, each.name) for sheet in sheets() for each in sheet.defects if each.gateways]
    return "\n".join(["| Seen in real gateways | Planted as |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def left() -> str:
    """Promises that nothing planted violates, with the reason."""
    return "\n".join(["| Promise | Why |", "|---|---|", *(f"| {each} | {why} |" for each, why in unplanted().items())])


def _title(sheet: Sheet) -> str:
    where = f"the story {Path(sheet.story).stem}" if sheet.story else sheet.by
    return f"Seen in {where}{', nightly' if sheet.nightly else ''}"


def _shown(sheet: Sheet) -> str:
    """How its defects are shown, and when."""
    when = "`make soak`" if sheet.nightly else "`make test`"
    if sheet.by == "files":
        return f"Nothing is started; in every {when}."
    if sheet.by:
        return f"`harness test`, once for all of them; in every {when}."
    gates = "one gate" if len(sheet.gates) == 1 else f"{len(sheet.gates)} gates"
    return f"In {gates}, in every {when}."


def _rows(sheet: Sheet) -> str:
    head = ["| Defect | Breaks | Turns red |", "|---|---|---|"]
    return "\n".join([*head, *(_line(each, len(sheet.gates) > 1) for each in sheet.defects)])


def _line(defect: Defect, grouped: bool) -> str:
    group = f" ({defect.gate})" if grouped else ""
    rows = "<br>".join(f"{section}: {row}" for section, row in defect.rows)
    return f"| {defect.name}{group} | {_cell(rows)} | {_cell('<br>'.join(_clauses(defect)))} |"


def _clauses(defect: Defect) -> Iterator[str]:
    yield from (f"`{clause}`" for clause in defect.violated)
    yield from (f"undecided: `{clause}`" for clause in defect.undecided)


def _cell(text: str) -> str:
    return text.replace("|", "∣")
