"""The evidence as judges read it: an append-only collection of records, by type and cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from harness.evidence.records import CAMPAIGN, CellFinished, CellStarted, ComponentState, PhaseMark, Record, Watched

__all__ = ["Evidence"]

_R = TypeVar("_R", bound=Any)


class Evidence:
    """All records of a campaign so far. Growing it never changes what was already there."""

    def __init__(self, records: Iterable[Record] = (), planned: Iterable[str] = ()) -> None:
        self.planned: tuple[str, ...] = tuple(planned)
        """The cells that were planned, started or not."""
        self._by_type: dict[type[Any], dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Append one record."""
        self._by_type[type(record)][record.cell].append(record)

    def forget(self, cells: Iterable[str]) -> None:
        """Drop everything seen by ``cells``: they were unfit and are played again."""
        for table in self._by_type.values():
            for cell in cells:
                table.pop(cell, None)

    def records(self) -> Iterator[Record]:
        """Everything, type by type and cell by cell, each in the order in which it was added."""
        for table in self._by_type.values():
            for found in table.values():
                yield from found

    def of(self, kind: type[_R], cell: str) -> Sequence[_R]:
        """Records of ``kind`` seen by ``cell``, in the order in which they were added."""
        return self._by_type.get(kind, {}).get(cell, ())

    def cells(self) -> tuple[str, ...]:
        """Cells that started, in order."""
        return tuple(self._by_type.get(CellStarted, ()))

    def started(self, cell: str) -> CellStarted | None:
        """The zero of the cell's production time; ``None`` before its stack is ready."""
        found = self.of(CellStarted, cell)
        return found[0] if found else None

    def finished(self, cell: str) -> CellFinished | None:
        """How the cell ended; ``None`` while its story goes on."""
        found = self.of(CellFinished, cell)
        return found[0] if found else None

    def completed(self, cell: str) -> bool:
        """True when all phases of the cell's story have run."""
        end = self.finished(cell)
        return end is not None and end.completed

    def all_completed(self) -> bool:
        """True when every planned cell ran its whole story."""
        cells = self.planned or self.cells()
        return bool(cells) and all(self.completed(cell) for cell in cells)

    def horizon(self, cell: str) -> float:
        """Wall instant up to which the cell's evidence is complete; minus infinity before any.

        It stands still once a part of the stack has died unasked: what is not seen from then on proves nothing.
        """
        lost = min((state.t for state in self._deaths(cell)), default=float("inf"))
        return next((item.t for item in reversed(self.of(Watched, cell)) if item.t <= lost), float("-inf"))

    def _deaths(self, cell: str) -> Iterator[ComponentState]:
        for where in (cell, CAMPAIGN):
            for state in self.of(ComponentState, where):
                if state.role == "stack" and state.action == "exited" and not state.expected:
                    yield state

    def production_s(self, cell: str, t: float) -> float:
        """Production seconds of the cell's story at wall instant ``t``."""
        start = self.started(cell)
        if start is None:
            raise LookupError(f"cell {cell} has not started")
        return (t - start.t) * start.speed

    def phase(self, cell: str, name: str) -> tuple[float | None, float | None]:
        """Wall start and end of the phase ``name``; ``None`` for what has not happened."""
        start = end = None
        for mark in self.of(PhaseMark, cell):
            if mark.phase == name and mark.action == "start":
                start = mark.t
            elif mark.phase == name:
                end = mark.t
        return start, end
