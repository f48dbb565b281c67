"""The table that maps every row of docs/specification.md to the clauses that prove it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from harness.clauses.compiled import compile_campaign
from harness.contract import load_campaign

sys.path.insert(0, str(Path(__file__).resolve().parent))
from defects_table import defects_of

__all__ = ["known_ids", "matching", "proofs", "sections", "table", "table_rows"]

DOCS: Final = Path(__file__).resolve().parent
VIRTUAL: Final = ("standard conditions", "reaches", "yields to", "notices", "renders")
"""What ``harness test`` tells of every alert."""
CAMPAIGN: Final = DOCS.parent / "scenarios" / "campaign.yaml"


@cache
def sections() -> dict[int, str]:
    """Number of each section of the specification → its text, in one line."""
    text = (DOCS / "specification.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"(?m)^## (\d+)\. ", text)
    return {int(number): body for number, body in zip(parts[::2], parts[1::2], strict=True)}


def table_rows(section: int) -> Iterator[list[str]]:
    """Cells of each row of the section's table, its head left out."""
    rows = [line for line in sections()[section].splitlines() if line.startswith("| ")]
    for line in rows[1:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


@cache
def proofs() -> dict[int, list[dict[str, Any]]]:
    """The rows of ``specification.yaml`` by section."""
    found: dict[int, list[dict[str, Any]]] = yaml.safe_load(
        (DOCS / "reference" / "specification.yaml").read_text("utf-8")
    )
    return found


@cache
def known_ids() -> tuple[str, ...]:
    """Ids of all clauses of the campaign, and what ``harness test`` judges beside them."""
    campaign = load_campaign([CAMPAIGN])
    contract = campaign.contract
    virtual = [f"virtual::{name}::{line}" for name in contract.alerts for line in VIRTUAL]
    virtual += [f"virtual::job {job}::{name}" for job, named in contract.discovery.items() for name in named]
    return (*(clause.id for clause in compile_campaign(campaign)), *virtual)


def matching(pattern: str) -> list[str]:
    """The ids that ``pattern`` means; only ``*`` is special in it."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return [each for each in known_ids() if fnmatchcase(each, literal)]


def _tests(row: Mapping[str, Any]) -> Iterator[str]:
    """What tests prove of the row, each with its words."""
    for words, names in row.get("tests", {}).items():
        yield f"{words}: {', '.join(f'`{name}`' for name in names)}"


def table() -> str:
    """Every row with its proofs, as Markdown."""
    rows = ["| Section | Row | Clauses | Defects | Beside clauses |", "|---|---|---|---|---|"]
    for section, listed in proofs().items():
        for each in listed:
            by = "<br>".join(f"`{pattern}`" for pattern in each["by"]) or f"**no clause**: {each['why']}"
            planted = "<br>".join(defects_of(section, each["row"])) or each.get("unplanted", "")
            cells = (str(section), each["row"], by, planted, "<br>".join(_tests(each)))
            rows.append(f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |")
    proved = sum(bool(each["by"]) for listed in proofs().values() for each in listed)
    total = sum(map(len, proofs().values()))
    return "\n".join([*rows, "", f"{proved} of {total} rows have clauses."])
