"""A runbook as data: the pieces of code in its Markdown, and which of them ask the logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.core.errors import Location
from harness.core.source import read_text

__all__ = ["CodePiece", "LogQuery", "Runbook", "read_runbook"]

_CODE: Final = re.compile(
    r"""^(?P<fence>```+|~~~+)[^\n]*\n(?P<block>.*?)^(?P=fence)\s*$
    |(?P<ticks>`+)(?P<inline>[^\n]+?)(?P=ticks)""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_TERM: Final = (
    r'(?:not\s+)?\(*(?P<field{0}>[A-Za-z_@][\w.@-]*)(?:\s*:\s+|\s*[<>]=?\s*)(?P<value{0}>"[^"]*"|[^\s"()]+)\)*'
)
_ONE: Final = re.compile(_TERM.format(""))
_QUERY: Final = re.compile(rf"{_TERM.format(1)}(?:\s+(?i:and|or)\s+{_TERM.format(2)})*")


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A search in the Kibana query language: pairs of field and value."""

    terms: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CodePiece:
    """One piece of code: a query of metrics, of logs, or anything else."""

    text: str
    location: Location

    @property
    def log_query(self) -> LogQuery | None:
        """The piece as a search of logs (``field: value and field: "two words"``), if it is one."""
        text = self.text.strip()
        if ": " not in text or not _QUERY.fullmatch(text):  # a comparison alone may as well be PromQL
            return None
        return LogQuery(tuple((each["field"], each["value"].strip('"')) for each in _ONE.finditer(text)))


@dataclass(frozen=True, slots=True)
class Runbook:
    """One runbook."""

    file: str
    text: str
    pieces: tuple[CodePiece, ...]

    def names(self, word: str) -> bool:
        """Whether the text holds ``word`` as a word of its own."""
        return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.text) is not None


def read_runbook(path: Path, *, shown_as: str) -> Runbook:
    """The runbook at ``path``; raises ``ConfigError`` for a file that is not text."""
    text = read_text(path, shown_as=shown_as)
    return Runbook(shown_as, text, tuple(_pieces(text, shown_as)))


def _pieces(text: str, file: str) -> Iterator[CodePiece]:
    for found in _CODE.finditer(text):
        name = "block" if found["block"] is not None else "inline"
        start = found.start(name)
        line = text.count("\n", 0, start) + 1
        yield CodePiece(found[name], Location(file, line, start - text.rfind("\n", 0, start)))
