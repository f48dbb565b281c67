"""Run records: where they lie, when they are alive, what they may remove."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.core.errors import MachineError
from harness.run.stack import procfs, registry
from harness.run.stack.registry import Run, state_folder, sweep


@pytest.fixture(autouse=True)
def _own_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HARNESS_STATE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(registry.tempfile, "gettempdir", lambda: str(tmp_path))


def test_the_state_folder_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_folder() == tmp_path / f"observability-harness-{os.getuid()}"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "absent"))
    assert state_folder() == tmp_path / f"observability-harness-{os.getuid()}"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert state_folder() == tmp_path / "observability-harness"
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "a" / "b"))
    assert state_folder() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "file" / "state"))
    with pytest.raises(MachineError, match=r"cannot write .*/file/state: Not a directory"):
        state_folder()


def test_a_state_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.os, "getuid", lambda: 12345)
    with pytest.raises(MachineError, match="belongs to another user"):
        state_folder()


def test_a_run_is_alive_until_its_lock_is_given_back(tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", tmp_path)
    (run.folder / "deep" / "er").mkdir(parents=True)
    (run.folder / "link").symlink_to(tmp_path)
    (run.folder / "file").write_text("x")
    assert sweep(tmp_path) == []
    run.close()
    assert [(swept.run_id, swept.folder, swept.ended, swept.problem) for swept in sweep(tmp_path)] == [
        (run.id, run.folder, (), "")
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_folder_of_another_run_is_never_removed(tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", tmp_path)
    (run.folder / procfs.FOLDER_MARK).write_text("0" * 32)
    assert "does not carry the mark of this run" in run.discard()
    assert run.folder.exists()
    assert run.record.exists()


def test_a_record_that_was_cut_short_is_cleaned_up(tmp_path: Path) -> None:
    record = tmp_path / f"run-{'0' * 32}.ndjson"
    record.write_bytes(b'{"run": "000')
    assert [swept.problem for swept in sweep(tmp_path)] == [""]
    assert not record.exists()


def test_what_was_recorded_before_the_machine_booted_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.open(tmp_path / "run", tmp_path)
    run._append({"id": "p", "pid": 1, "start": procfs.start_ticks(1), "own": True})
    monkeypatch.setattr(registry, "_boot", lambda: "another boot")
    assert registry._read_record(run.record)[2] == {}
    assert run.discard() == ""


def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(MachineError, match=r"cannot write .*lock: Is a directory"):
        sweep(tmp_path)


def test_processes_that_do_not_end_are_told_and_stay_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.open(tmp_path / "run", tmp_path)
    monkeypatch.setattr(registry, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(registry, "_living", lambda _run_id, _known: {4_190_000})
    assert run.discard() == "processes that do not end: [4190000]"
    assert run.record.exists()
    assert run.folder.exists()


def test_without_proc_nothing_is_known_and_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: str) -> list[str]:
        raise FileNotFoundError

    monkeypatch.setattr(procfs, "os", SimpleNamespace(listdir=fail))
    assert procfs.all_pids() == []
    assert list(procfs.descendants(1)) == []


def test_the_kernel_tells_what_a_process_cost() -> None:
    before = procfs.cpu_s(os.getpid())
    ends = time.process_time() + 0.05
    while time.process_time() < ends:
        pass
    assert procfs.cpu_s(os.getpid()) > before
    assert procfs.cpu_s(2**22 + 1) == 0.0, "there is no such process"


def test_this_process_is_known_by_start_time_and_command_line() -> None:
    assert (procfs.start_ticks(os.getpid()) or 0) > 0
    assert procfs.start_ticks(2**22) is None
    assert "python" in procfs.command_line(os.getpid())
    assert os.getpid() in list(procfs.descendants(os.getppid()))


def test_a_folder_that_cannot_be_emptied_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.open(tmp_path / "run", tmp_path)
    (run.folder / "file").write_text("x")

    def refuse(_path: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(procfs.os, "unlink", refuse)
        assert "Operation not permitted" in run.discard()
    assert procfs.remove_folder(str(run.folder), run.id) == ""
    assert procfs.remove_folder(str(run.folder), run.id) == ""


def test_a_record_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.uuid, "uuid4", lambda: SimpleNamespace(hex="absent/folder"))
    with pytest.raises(MachineError, match=r"cannot write .*run-absent/folder\.ndjson: No such file or directory"):
        Run.open(tmp_path / "run", tmp_path)
    assert not (tmp_path / "run").exists()
