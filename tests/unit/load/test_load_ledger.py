from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from harness.core.errors import HarnessError, MachineError
from harness.evidence.figures import Tally, tally
from harness.evidence.figures import figures as evidence_figures
from harness.run.load.figures import Spread, count_by, figures, record_of, spread
from harness.run.load.ledger import Gaps, LedgerTail, LedgerWriter, Request, read_ledger


def row(seq: int = 0, **fields: object) -> Request:
    """A request that went well: intended at 100 + seq, sent 0.25 s later, ended 1 s after that."""
    t = 100.0 + seq
    base = Request("c", "p", "k", seq, f"id{seq}", "i", t, sent_t=t + 0.25, end_t=t + 1.25, status=200, expected=True)
    return replace(base, **fields)  # type: ignore[arg-type]


DROPPED = {"sent_t": None, "end_t": None, "status": None, "expected": False, "error_kind": "dropped", "dropped": True}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.ndjson"


def write(path: Path, *rows: Request) -> None:
    writer = LedgerWriter(path)
    for item in rows:
        writer.append(item)
    writer.close()


def test_rows_come_back_exactly_as_they_were_measured(path: Path) -> None:
    rows = [
        row(
            0,
            intended_t=1795575184.2259874,
            gaps=Gaps(3, 0.1, 0.1, 1 / 3, 1 / 3),
            worker="w1",
            loop="closed",
            labels={"m": "x"},
            work_units=0.1,
        ),
        row(1, **DROPPED),
    ]
    write(path, *rows)
    assert read_ledger(path) == rows


def test_nothing_is_read_before_there_is_a_file(path: Path) -> None:
    assert LedgerTail(path).poll() == []


def test_a_half_written_line_waits_until_it_is_whole(path: Path) -> None:
    write(path, row(0), row(1))
    whole = path.read_bytes()
    tail = LedgerTail(path)
    path.write_bytes(whole[:-10])
    assert tail.poll() == [row(0)]
    assert tail.poll() == []
    path.write_bytes(whole)
    assert tail.poll() == [row(1)]
    assert read_ledger(path) == [row(0), row(1)]


def test_a_tail_hands_out_each_row_once(path: Path) -> None:
    writer = LedgerWriter(path)
    tail = LedgerTail(path)
    writer.append(row(0))
    writer.flush()
    assert tail.poll() == [row(0)]
    writer.append(row(1))
    assert tail.poll() == []
    writer.flush()
    assert tail.poll() == [row(1)]
    writer.close()


@pytest.mark.parametrize("broken", ["{}", "[1]", "no json", '"text"', "missing", "surplus"])
def test_a_line_that_is_no_row_is_named_by_file_and_line(broken: str, path: Path) -> None:
    write(path, row(0))
    fields = orjson.loads(path.read_bytes())
    if broken == "missing":
        del fields["status"]
    if broken == "surplus":
        fields["colour"] = "red"
    line = orjson.dumps(fields) if broken in ("missing", "surplus") else broken.encode()
    with path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(HarnessError, match=r"ledger\.ndjson:2: not a ledger row"):
        read_ledger(path)


def test_a_ledger_is_never_overwritten(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(MachineError, match="ledger cannot be written"):
        LedgerWriter(path)


def test_a_full_disk_is_named() -> None:
    class Full:
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    writer = LedgerWriter.__new__(LedgerWriter)
    writer._file, writer._path, writer._waiting = Full(), Path("l"), [b"x"]  # type: ignore[assignment]
    with pytest.raises(MachineError, match=r"l: ledger cannot be written: .*No space left"):
        writer.flush()


def test_times_of_a_row_are_differences_or_none() -> None:
    assert (row().response_s, row().service_s, row().lateness_s) == (1.25, 1.0, 0.25)
    lost = row(**DROPPED)
    assert (lost.response_s, lost.service_s, lost.lateness_s) == (None, None, None)


def test_a_percentile_is_a_value_that_occurred() -> None:
    assert spread([]) is None
    assert spread([3.0]) == Spread(1, 3.0, 3.0, 3.0, 3.0, 3.0)
    assert spread(float(n) for n in range(200, 0, -1)) == Spread(200, 100.0, 180.0, 190.0, 198.0, 200.0)


def test_figures_conserve_and_keep_response_and_service_apart() -> None:
    rows = [
        *(row(seq, first_token_t=100.5 + seq) for seq in range(4)),
        row(4, status=500, expected=False, error_kind="status"),
        row(5, status=None, expected=False, error_kind="timeout", end_t=165.0),
        row(6, status=None, expected=False, error_kind="connect", end_t=106.3),
        row(7, aborted=True, status=None),
        row(8, aborted=True, expected=False, error_kind="aborted"),
        row(9, **DROPPED),
    ]
    found = figures(rows)
    assert (found.intended, found.sent, found.dropped) == (10, 9, 1)
    assert (found.ended, found.aborted, found.lost, found.unexpected) == (5, 1, 3, 4)
    assert found.response == Spread(6, 1.25, 60.0, 60.0, 60.0, 60.0)
    assert found.service == Spread(6, 1.0, 59.75, 59.75, 59.75, 59.75)
    assert found.first_token == Spread(4, 0.5, 0.5, 0.5, 0.5, 0.5)
    assert found.lateness == Spread(9, 0.25, 0.25, 0.25, 0.25, 0.25)
    assert found.throughput_per_s == pytest.approx(5 / 5.25)


def test_tallies_of_disjoint_sets_add_up_to_that_of_all() -> None:
    rows = [
        record_of(row(seq, end_t=101.0 + seq * 0.37 % 1, work_units=3.0, loop="closed" if seq % 5 else "open"))
        for seq in range(30)
    ]
    rows += [record_of(row(30, **DROPPED)), record_of(row(31, expected=False, error_kind="timeout"))]
    parts = tally(rows[::3]) + (tally(rows[1::3]) + tally(rows[2::3]))
    assert parts == tally(rows) == tally(rows) + Tally()
    assert parts.figures(9.0) == evidence_figures(rows, duration_s=9.0)
    assert parts.loops == {"open", "closed"}
    assert tally(rows, lambda row: row.seq < 7).good == 7


@pytest.mark.parametrize("rows", [[], [row(0, **DROPPED)], [row(0, end_t=100.0)]])
def test_figures_of_nothing_are_nothing(rows: list[Request]) -> None:
    found = figures(rows)
    assert found.throughput_per_s == 0.0
    assert found.first_token is None


def test_counts_by_columns_and_labels() -> None:
    rows = [row(0, labels={"m": "a"}), row(1, labels={"m": "b"}), row(2, status=500)]
    assert count_by(rows, "kind", "status") == {("k", 200): 2, ("k", 500): 1}
    assert count_by(rows, "label:m") == {("a",): 1, ("b",): 1, (None,): 1}
    with pytest.raises(AttributeError):
        count_by(rows, "colour")
