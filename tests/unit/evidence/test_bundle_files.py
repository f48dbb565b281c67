"""Bundles on disk: what was written is read again, and damage is named with its place."""

import dataclasses
import math
import zipfile
from pathlib import Path
from typing import Any, get_args

import pytest

from harness.core.errors import HarnessError, MachineError
from harness.evidence.bundle import BundleWriter, open_bundle, read_evidence, read_manifest
from harness.evidence.records import (
    CAMPAIGN,
    RECORD_TYPES,
    AlertSnapshot,
    Barrier,
    Canary,
    CellFinished,
    CellStarted,
    ComponentState,
    Document,
    Exposition,
    FaultAction,
    Federated,
    Gaps,
    HttpAnswer,
    IndexMapping,
    LoadedRule,
    LogLine,
    Notification,
    PhaseMark,
    Reading,
    Record,
    Request,
    Routing,
    RuleState,
    ScrapeRefused,
    Series,
    Silence,
    Unmet,
    Watched,
)
from harness.evidence.store import Evidence

T = 1_800_000_000.123456
LABELS = {"job": "tiny", "le": "+Inf"}
SAMPLES: list[Any] = [
    CellStarted("c", T, 60.0, 0.166, 0.25, ("tiny-0", "tiny-1")),
    CellFinished("c", T, completed=False, reason="cancelled ⏹"),
    PhaseMark("c", T, "some fail", "start", planned_s=300.0),
    FaultAction("c", T, "p", "errors", "confirm", "40%", kind="signal"),
    Series("c", T, "up", LABELS, ((T, 1.0), (T + 1, math.inf), (T + 2, -math.inf))),
    RuleState("c", T, "g", "A", "firing", "ok", "", T, ({"labels": LABELS, "value": math.inf, "state": "firing"},)),
    LoadedRule("c", T, "g", "A", "alert", "up == 0", 60.0, 0.0, LABELS, {"summary": "down"}),
    Routing("c", T, {"route": {"receiver": "r"}, "receivers": [{"name": "r"}]}),
    AlertSnapshot("c", T, LABELS, "f", "suppressed", T, ("a", "b"), ("s",), ("r1", "r2")),
    Silence("failing", 1.5, "Watchdog", "switch", 0.5),
    Notification("c", T, "r", "email", "firing", "k", ({"labels": LABELS, "status": "firing"},), "title", "a\nb"),
    Document("c", T, "i", "id", "access", {"a": [1, [2, {"b": None}]]}),
    IndexMapping("c", T, "i", {"a.b": "long"}),
    LogLine("c", T, "access", "tiny-0", "access.log", 7, {"a": [1, 2]}),
    LogLine("c", T, "access", "tiny-0", "access.log", 8, None, "no json \u2028"),
    HttpAnswer("c", T, "tiny-0", "health", 200, 0.01, "application/json", [1, [2]]),
    Exposition("c", T, "tiny-0", "# TYPE a counter\na 1\n", "text/plain"),
    Federated("c", T, "# TYPE a untyped\na 1 1\n"),
    Request("c", "p", "k", 1, "r1", "tiny-0", T, None, None, None, None, 0, False, labels={"a": "b"}, dropped=True),
    Request(
        "c", "p", "k", 2, "r2", "tiny-0", T, T, T, T, T, 200, True, gaps=Gaps(9, 0.1, 0.1, 1 / 3, 0.5), worker="w1"
    ),
    Canary(CAMPAIGN, T, "key", "cnry01"),
    Reading("c", T, "prometheus", "x_total", math.inf),
    ScrapeRefused("c", T, "tiny tiny:8080", 'unsupported Content-Type ""'),
    ComponentState(CAMPAIGN, T, "filebeat", "stack", "exited", False, None, ("a", "b")),
    Barrier("c", T, "logs", passed=False, detail="3 of 4"),
    Unmet("c", T, "query up", "refused"),
    Watched("c", T),
]


def write(folder: Path, records: list[Record], **manifest: Any) -> Path:
    with BundleWriter(folder) as writer:
        writer.write_manifest({"name": "x", **manifest})
        for record in records:
            writer.add(record)
    return folder


def test_there_is_a_sample_of_every_type() -> None:
    assert {type(sample) for sample in SAMPLES} == set(RECORD_TYPES.values()) == set(get_args(Record))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_what_was_written_is_read_again(tmp_path: Path, sample: Any) -> None:
    evidence = read_evidence(write(tmp_path, [sample, sample]))
    assert list(evidence.of(type(sample), sample.cell)) == [sample, sample]
    assert {f.name for f in dataclasses.fields(sample)} == set(type(sample).__slots__)


def test_no_number_stays_no_number(tmp_path: Path) -> None:
    evidence = read_evidence(write(tmp_path, [Series("c", T, "q", {}, ((T, math.nan),))]))
    assert math.isnan(evidence.of(Series, "c")[0].points[0][1])


def test_planned_cells_come_back(tmp_path: Path) -> None:
    assert read_evidence(write(tmp_path / "a", SAMPLES, cells=["c", "d"])).planned == ("c", "d")
    assert read_evidence(write(tmp_path / "b", SAMPLES)).planned == ()
    (tmp_path / "b" / "manifest.json").unlink()
    assert read_evidence(tmp_path / "b").planned == ()


def test_a_half_written_last_line_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, [Watched("c", 1.0)])
    with (tmp_path / "records/watched.ndjson").open("ab") as file:
        file.write(b'{"cell":"c","t":')
    assert list(read_evidence(tmp_path).of(Watched, "c")) == [Watched("c", 1.0)]


@pytest.mark.parametrize("line", [b"{", b"", b"[1]", b"7", b'{"cell":"c"}', b'{"cell":"c","t":1,"odd":2}', b"\xff"])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    write(tmp_path, [Watched("c", 1.0)])
    with (tmp_path / "records/watched.ndjson").open("ab") as file:
        file.write(line + b'\n{"cell":"c","t":2.0}\n')
    with pytest.raises(HarnessError, match="not a record of this version") as caught:
        read_evidence(tmp_path)
    assert str(caught.value.location) == f"{tmp_path}/records/watched.ndjson:2"
    assert "take the original" in caught.value.remedy


@pytest.mark.parametrize("line", ['{"points":3}', '{"points":[[1]]}', '{"points":[[1,"x"]]}', "{}"])
def test_a_damaged_series_is_named(tmp_path: Path, line: str) -> None:
    (write(tmp_path, []) / "records/series.ndjson").write_text(line + "\n")
    with pytest.raises(HarnessError, match="not a record of this version"):
        read_evidence(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"schema": 2}', b"{}"])
def test_a_foreign_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(HarnessError, match=r"schema|cannot be read") as caught:
        read_manifest(tmp_path)
    assert str(caught.value.location) == str(tmp_path / "manifest.json")


def test_a_manifest_says_what_was_run(tmp_path: Path) -> None:
    assert read_manifest(write(tmp_path, [], speed=60.0)) == {"schema": 1, "name": "x", "speed": 60.0}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "records"]


def test_an_archive_is_as_good_as_a_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", SAMPLES)
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, Path("deep/down") / path.relative_to(folder))
    found = open_bundle(archive, tmp_path / "scratch")
    assert found == tmp_path / "scratch/deep/down"
    assert list(read_evidence(found).of(Series, "c")) == list(read_evidence(folder).of(Series, "c"))
    assert open_bundle(folder, tmp_path / "unused") == folder


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("manifest.json", "{}" * 50)
    damaged = bytearray(archive.read_bytes())
    damaged[45:60] = b"x" * 15
    archive.write_bytes(bytes(damaged))
    with pytest.raises(HarnessError, match="the archive is damaged"):
        open_bundle(archive, tmp_path / "scratch")


@pytest.mark.parametrize("kind", ["missing", "empty folder", "text", "empty archive"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it"
    if kind == "empty folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("hello")
    elif kind == "empty archive":
        zipfile.ZipFile(path, "w").close()
    with pytest.raises(HarnessError, match=r"holds no manifest\.json"):
        open_bundle(path, tmp_path / "scratch")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """Whether it is noticed by a record or at the end."""
    writer = BundleWriter(tmp_path)
    (tmp_path / "records/watched.ndjson").symlink_to("/dev/full")
    with pytest.raises(MachineError, match="No space left on device") as caught:
        writer.add(Watched("c", 1.0))
    assert "--bundle-dir" in caught.value.remedy
    with pytest.raises(MachineError, match="No space left on device"):
        writer.__exit__(None, None, None)


def test_the_first_error_stays_the_one_that_is_told(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path)
    (tmp_path / "records/watched.ndjson").symlink_to("/dev/full")
    with pytest.raises(MachineError):
        writer.add(Watched("c", 1.0))
    writer.__exit__(KeyError, KeyError("the first"), None)


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written"):
        BundleWriter(tmp_path / "file" / "below")
    writer = BundleWriter(tmp_path)
    (tmp_path / "manifest.json.part").mkdir()
    with pytest.raises(MachineError, match="cannot be written"):
        writer.write_manifest({})


def test_asking_for_a_cell_does_not_start_it() -> None:
    evidence = Evidence([CellStarted("c", T, 60.0, 1.0, 1.0)])
    assert evidence.started("ghost") is None
    assert evidence.finished("ghost") is None
    assert evidence.cells() == ("c",)
    assert Evidence().cells() == ()
    assert not Evidence().all_completed()
    assert not Evidence([CellFinished("c", T, completed=True)], planned=("c", "d")).all_completed()
    with pytest.raises(LookupError, match="ghost has not started"):
        evidence.production_s("ghost", T)


def test_watching_ends_where_a_part_of_the_stack_died() -> None:
    evidence = Evidence([Watched("c", 10.0), Watched("c", 20.0)])
    assert evidence.horizon("c") == 20.0
    assert evidence.horizon("ghost") == -math.inf
    evidence.add(ComponentState("c", 15.0, "helper", "helper", "exited", expected=False))
    evidence.add(ComponentState("c", 15.0, "prometheus", "stack", "exited", expected=True))
    assert evidence.horizon("c") == 20.0
    evidence.add(ComponentState(CAMPAIGN, 15.0, "elasticsearch", "stack", "exited", expected=False))
    assert evidence.horizon("c") == 10.0


def test_a_second_attempt_begins_anew_and_keeps_the_first_aside(tmp_path: Path) -> None:
    kept, unfit = Watched("fit", 1.0), Watched("unfit", 1.0)
    evidence = Evidence([kept, unfit, Unmet("unfit", T, "q", "r")])
    with BundleWriter(tmp_path) as writer:
        writer.write_manifest({})
        for record in evidence.records():
            writer.add(record)
        evidence.forget(["unfit"])
        writer.begin_again(evidence.records())
        writer.add(Watched("unfit", 2.0))
    assert (tmp_path / "attempts/1/watched.ndjson").read_bytes().count(b"\n") == 2
    again = read_evidence(tmp_path)
    assert list(again.of(Watched, "fit")) == [kept]
    assert list(again.of(Watched, "unfit")) == [Watched("unfit", 2.0)]
    assert list(again.of(Unmet, "unfit")) == []


def test_a_second_attempt_without_a_first_is_told(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path)
    (tmp_path / "attempts").write_text("in the way")
    with pytest.raises(MachineError, match="cannot be written"):
        writer.begin_again([])


def test_an_archive_that_cannot_be_unpacked_is_told(tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("manifest.json", "{}")
    (tmp_path / "scratch").write_text("in the way")
    with pytest.raises(MachineError, match="cannot be written"):
        open_bundle(archive, tmp_path / "scratch")
