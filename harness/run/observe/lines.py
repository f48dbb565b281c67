"""Log lines as the subject wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.clauses.model import Need
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
        self.count = 0
        self.cells = (cell,)
        self._cell, self._clock = cell, clock
        self._tail = Tail(target.pattern, from_end=target.from_end)

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """Lines completed since the last read; at the end also how many files stop in the middle of a line."""
        t, target, parse = self._clock(), self.target, self.target.parse
        whole = parse is parse_json  # its fields are all that the line says
        records: list[Record] = []
        for file, number, line in self._tail.read(everything=moment != "poll"):
            fields = parse(line)
            text = "" if whole and fields is not None else line.decode("utf-8", "replace")
            records.append(LogLine(self._cell, t, target.stream, target.instance, file, number, fields, text))
        self.count += len(records)
        if moment == "finish":
            name = f"log {target.stream} {target.instance}".rstrip()
            records.append(Reading(self._cell, t, name, "incomplete_lines", float(self._tail.incomplete)))
            records.append(Reading(self._cell, t, name, "files", float(self._tail.files)))
            self._tail.close()
        return records
