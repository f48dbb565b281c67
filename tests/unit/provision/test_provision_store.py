"""The cache: whole entries only, readable without a lock, one writer at a time."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from pathlib import Path

import pytest

from harness.core.errors import MachineError
from harness.provision import store as store_module
from harness.provision.store import Store, disk_errors


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def made(store: Store, text: str = "binary") -> Path:
    bench = store.bench("tool")
    (bench / "bin").mkdir()
    (bench / "bin" / "tool").write_text(text)
    folder = store.folder("tool", "1.0", "abcd")
    store.commit(bench, folder, {"tool": "bin/tool"}, "built here")
    return folder


def test_a_committed_entry_is_found_again(store: Store) -> None:
    entry = store.read(made(store))
    assert entry is not None
    assert entry.source == "built here"
    assert entry.files["tool"].read_text() == "binary"


def test_a_second_commit_replaces_the_first(store: Store) -> None:
    made(store, "old")
    entry = store.read(made(store, "newer"))
    assert entry is not None
    assert entry.files["tool"].read_text() == "newer"


def test_what_is_absent_cut_short_or_mangled_is_no_entry(store: Store) -> None:
    folder = store.folder("tool", "1.0", "abcd")
    assert store.read(folder) is None
    made(store)
    (folder / "bin" / "tool").write_text("bin")
    assert store.read(folder) is None
    made(store)
    (folder / "bin" / "tool").unlink()
    assert store.read(folder) is None
    made(store)
    for damage in ("{", "[]", json.dumps({"sizes": {}, "files": []})):
        (folder / "tool.json").write_text(damage)
        assert store.read(folder) is None


def test_clearing_the_workshop_removes_read_only_folders_too(store: Store) -> None:
    inner = store.bench("half") / "module"
    inner.mkdir()
    (inner / "file").write_text("x")
    inner.chmod(0o555)
    store.clear_workshop()
    assert not store.workshop.exists()
    store.clear_workshop()


def test_the_lock_lets_one_in_and_tells_the_other_who_holds_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_LOCK_REPORT_S", 0.01)
    monkeypatch.setattr(store_module, "_LOCK_POLL_S", 0.01)
    order: list[str] = []
    said: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with Store(store.root).lock(lambda line: (said.append(line), waiting.set())[0]):
            order.append("second")

    with store.lock(said.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
    assert f"process {os.getpid()}" in said[0]


def test_the_lock_is_free_after_an_error(store: Store) -> None:
    with pytest.raises(RuntimeError), store.lock(print):
        raise RuntimeError
    started = time.monotonic()
    with store.lock(print):
        assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("number", "problem", "remedy"),
    [
        (errno.ENOSPC, "no space is left", "larger disk"),
        (errno.EDQUOT, "no space is left", "larger disk"),
        (errno.EACCES, "cannot be written", "HARNESS_CACHE"),
        (errno.EROFS, "cannot be written", "HARNESS_CACHE"),
        (errno.EIO, "cannot be used", "another folder"),
    ],
)
def test_a_failed_write_is_one_clear_line(tmp_path: Path, number: int, problem: str, remedy: str) -> None:
    with pytest.raises(MachineError, match=problem) as caught, disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path) in caught.value.problem
    assert remedy in caught.value.remedy
    assert "\n" not in caught.value.problem


def test_a_cache_below_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be used"), Store(tmp_path / "file" / "cache").lock(print):
        pytest.fail("the lock cannot be had")
