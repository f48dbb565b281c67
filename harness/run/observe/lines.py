"""Log lines as the subject wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.clauses.model import Need
from harness.contract.joining import Entry, Joining
from harness.contract.line_formats import parse_json
from harness.evidence.records import LogLine, Reading, Record
from harness.run.observe.source import Clock, Moment
from harness.run.observe.tail import Tail
from harness.run.observe.targets import LogTarget

__all__ = ["LineSource"]

_EVERY_S: Final = 0.1


class LineSource:
    """One stream of one instance, from the beginning of its files."""

    every_s = _EVERY_S

    def __init__(self, cell: str, target: LogTarget, clock: Clock) -> None:
        self.target = target
        self.needs = (Need("lines", target.stream),)
        # Lines that were written stay readable after their writer died.
        self.components: frozenset[str] = frozenset()
        self.cells = (cell,)
        self._cell, self._clock = cell, clock
        self._tail = Tail(target.pattern, from_end=target.from_end)
        self._joining = Joining(target.begins)
        self._left_out = 0

    @property
    def count(self) -> int:
        """Records that were begun so far, without those that are not to arrive as documents."""
        return self._joining.begun - self._left_out

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """Records completed since the last read; at the end also how many files stop in the middle of a line."""
        t, target = self._clock(), self.target
        records: list[Record] = []
        for file, number, line in self._tail.read(everything=moment != "poll"):
            records += map(self._record, self._joining.add(t, file, number, line))
        if moment == "finish":
            records += map(self._record, self._joining.end())
            name = f"log {target.stream} {target.instance}".rstrip()
            records.append(Reading(self._cell, t, name, "incomplete_lines", float(self._tail.incomplete)))
            records.append(Reading(self._cell, t, name, "files", float(self._tail.files)))
            self._tail.close()
        return records

    def _record(self, entry: Entry) -> LogLine:
        target, raw = self.target, entry.text
        fields = target.parse(raw)
        is_whole = target.parse is parse_json and fields is not None  # its fields are all that the line says
        text = "" if is_whole and not target.keeps_text else raw.decode("utf-8", "replace")
        line = LogLine(self._cell, entry.t, target.stream, target.instance, entry.file, entry.number, fields, text)
        self._left_out += target.is_due is not None and not target.is_due(line)
        return line
