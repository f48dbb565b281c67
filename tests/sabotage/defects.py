"""The kept table of planted defects, from ``data/defects/*.yaml``: what each breaks, how it is planted, what tells.

A sheet holds the defects that one way of looking shows: a story played for real, the files alone, examples of
discovery, or the mutants of every alert. Defects of one gate are planted together: their clauses are apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["SHEETS", "Change", "Defect", "Sheet", "matching", "plant", "sheets", "unplanted"]

HERE: Final = Path(__file__).resolve().parent
SHEETS: Final = HERE / "data" / "defects"


@dataclass(frozen=True, slots=True)
class Change:
    """A text that stands exactly once in a file of the repository, and what stands there instead."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Defect:
    """What is planted, the rows of the specification that it breaks, and exactly the clauses that tell.

    ``violated`` maps ids (``*`` stands for any words) to words that must be told; ``undecided`` are clauses that it
    leaves without evidence, ``either`` those of which chance decides. ``gateways`` says what of real gateways it is.
    """

    name: str
    rows: tuple[tuple[int, str], ...]
    violated: Mapping[str, str]
    changes: tuple[Change, ...] = ()
    undecided: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    gate: int = 1
    gateways: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Defects that are shown in one way: ``story`` is played, or ``by`` says how else.

    ``without`` are words of clauses that the story is too short for, ``undecided`` clauses that it cannot decide in any
    case. Gates that are ``nightly`` are left to ``make soak``.
    """

    name: str
    defects: tuple[Defect, ...]
    story: str = ""
    by: str = ""
    without: str = ""
    nightly: bool = False
    undecided: tuple[str, ...] = ()

    @property
    def gates(self) -> dict[int, tuple[Defect, ...]]:
        """Defects that are planted together, by number."""
        numbers = sorted({each.gate for each in self.defects})
        return {number: tuple(each for each in self.defects if each.gate == number) for number in numbers}


@cache
def sheets() -> tuple[Sheet, ...]:
    """All sheets, in the order of their names."""
    return tuple(_sheet(path) for path in sorted(SHEETS.glob("*.yaml")))


@cache
def unplanted() -> dict[str, str]:
    """Promises of the campaign that nothing here violates (``PLANE PROMISE``), each with the reason."""
    found: dict[str, str] = yaml.safe_load((HERE / "data" / "unplanted.yaml").read_text(encoding="utf-8"))
    return found


def plant(folder: Path, defect: Defect) -> None:
    """Make every change of ``defect`` in a copy of the repository's files."""
    for change in defect.changes:
        path = folder / change.file
        text = path.read_text(encoding="utf-8")
        found = text.count(change.before)
        assert found == 1, f"{defect.name}: {change.before!r} stands {found} times in {change.file}"
        path.write_text(text.replace(change.before, change.after), encoding="utf-8")


def matching(pattern: str, ids: Iterable[str]) -> set[str]:
    """The ids that ``pattern`` means; only ``*`` is special in it."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return {each for each in ids if fnmatchcase(each, literal)}


def _sheet(path: Path) -> Sheet:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    defects = tuple(_defects(document.pop("defects")))
    document["undecided"] = tuple(document.get("undecided", ()))
    return Sheet(name=path.stem, defects=defects, **document)


def _defects(found: Mapping[str, dict[str, Any]]) -> Iterator[Defect]:
    for name, said in found.items():
        said["rows"] = tuple((section, row) for section, rows in said["rows"].items() for row in rows)
        said["changes"] = tuple(Change(**each) for each in said.get("changes", ()))
        for key in ("undecided", "either"):
            said[key] = tuple(said.get(key, ()))
        yield Defect(name=name, **said)
