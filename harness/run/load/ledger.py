"""The ledger: one row per intended request, written by the driver and read while it still grows.

Every request that was intended is in it exactly once: sent, or dropped because as many were in
flight as allowed. A request is *intended* when its time in the schedule lies before the end of its
phase; what a phase that was cut early would have sent after the cut was never intended.
All times are epoch seconds of one clock that does not step, written as they were measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import orjson

from harness.core.errors import HarnessError, Location, MachineError
from harness.evidence.requests import Gaps

__all__ = ["ErrorKind", "Gaps", "LedgerTail", "LedgerWriter", "Request", "read_ledger", "read_row", "written"]

ErrorKind = Literal["connect", "timeout", "reset", "status", "protocol", "dropped", "aborted"]


@dataclass(frozen=True, slots=True)
class Request:
    """One row. A time is None where that point was never reached.

    ``sent_t`` is when the driver took the request up, before it connects, so ``sent_t - intended_t``
    is the generator's own lateness and nothing of the target's. ``expected`` says that the request
    ended as its kind declares; ``aborted`` that the client went away, as declared (``error_kind``
    None) or because the driver was stopped (``error_kind`` ``aborted``). Bytes are whole messages.
    In a closed loop nothing is intended before a user's turn comes: ``intended_t`` is ``sent_t`` there.
    ``worker`` is the process whose stripe of the schedule it belongs to, empty where there is only one.
    What is intended in the ``warm_up`` of a phase is sent and counted, but no figure is taken of it. ``answer`` is the
    body where its kind keeps it.
    """

    cell: str
    phase: str
    kind: str
    seq: int
    request_id: str | None
    instance: str
    intended_t: float
    sent_t: float | None = None
    first_byte_t: float | None = None
    first_token_t: float | None = None
    gaps: Gaps | None = None
    end_t: float | None = None
    status: int | None = None
    expected: bool = False
    bytes_in: int = 0
    bytes_out: int = 0
    work_units: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    error_kind: ErrorKind | None = None
    aborted: bool = False
    dropped: bool = False
    loop: Literal["open", "closed"] = "open"
    worker: str = ""
    warm_up: bool = False
    answer: str = ""

    @property
    def response_s(self) -> float | None:
        """Seconds from the intended send time to the end: what a user of an open system waits."""
        return None if self.end_t is None else self.end_t - self.intended_t

    @property
    def service_s(self) -> float | None:
        """Seconds from sending to the end: what the target itself took."""
        return None if self.end_t is None or self.sent_t is None else self.end_t - self.sent_t

    @property
    def lateness_s(self) -> float | None:
        """Seconds by which the generator sent it late."""
        return None if self.sent_t is None else self.sent_t - self.intended_t


# Filled by position: naming 21 arguments per row costs twice the time of the rest of the reading.
_COLUMNS = tuple(column.name for column in fields(Request))
_in_order = itemgetter(*_COLUMNS)


def written(row: Request) -> bytes:
    """``row`` as a line of a ledger."""
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def read_row(line: bytes) -> Request:
    """The row in a line. Raises ``ValueError``, ``TypeError`` or ``KeyError`` where it is none."""
    values: dict[str, Any] = orjson.loads(line)
    if values["gaps"] is not None:
        values["gaps"] = Gaps(**values["gaps"])
    if len(values) != len(_COLUMNS):
        raise ValueError(f"{len(values)} columns instead of {len(_COLUMNS)}")
    return Request(*_in_order(values))


def _rows(path: Path, lines: Iterable[bytes], first: int) -> list[Request]:
    rows = []
    for number, line in enumerate(lines, first):
        try:
            rows.append(read_row(line))
        except (ValueError, TypeError, KeyError) as error:
            raise HarnessError(f"not a ledger row: {error}", location=Location(str(path), number)) from error
    return rows


def read_ledger(path: Path) -> list[Request]:
    """All whole rows of a ledger, in order of their ends; a half-written last line is left out.

    Raises ``HarnessError`` with file and line for any other line that is not a row.
    """
    return LedgerTail(path).poll()


class LedgerTail:
    """Reads a ledger while it grows; each row is handed out once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._lines = 0

    def poll(self) -> list[Request]:
        """The rows that became whole since the last call; none while the file does not exist.

        Raises ``HarnessError`` with file and line for a line that is not a row.
        """
        try:
            with self.path.open("rb") as source:
                source.seek(self._offset)
                grown = source.read()
        except FileNotFoundError:
            return []
        whole = grown[: grown.rfind(b"\n") + 1]
        lines = whole.splitlines()
        rows = _rows(self.path, lines, self._lines + 1)
        self._offset += len(whole)
        self._lines += len(lines)
        return rows


class LedgerWriter:
    """Appends rows to a new ledger; rows wait in memory until ``flush``."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise MachineError(f"ledger cannot be written: {error}", location=Location(str(path))) from error
        self._path = path
        self._waiting: list[bytes] = []

    def append(self, row: Request) -> None:
        """Take ``row`` in, to be written with the next flush."""
        self._waiting.append(written(row))

    def append_written(self, rows: bytes) -> None:
        """Take in whole lines that another writer made."""
        self._waiting.append(rows)

    def close(self) -> None:
        """Write what waits and close the file."""
        self.flush()
        self._file.close()

    def flush(self) -> None:
        """Write what waits. Raises ``MachineError`` where the file cannot take it, such as on a full disk."""
        if not self._waiting:
            return
        left = memoryview(b"".join(self._waiting))
        self._waiting.clear()
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise MachineError(f"ledger cannot be written: {error}", location=Location(str(self._path))) from error
