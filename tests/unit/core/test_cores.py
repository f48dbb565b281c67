"""How many processors may be used: by what a process is pinned to, and by the limits of its control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.core.cores import cores


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    return tmp_path / "own"


def limited(groups: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text)
    return groups


def test_without_a_limit_it_is_what_the_process_is_pinned_to(own: Path, tmp_path: Path) -> None:
    assert cores(tmp_path / "absent", own) == 64
    own.write_text("0::/\n")
    assert cores(limited(tmp_path / "groups", {"cpu.max": "max 100000\n"}), own) == 64


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("0::/\n", {"cpu.max": "250000 100000\n"}),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}),
        ("0::/../a\n", {"cpu.max": "200000 100000\n"}),
        ("4:memory:/x\n1:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000"}),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}),
        ("0::/\n", {"unified/cpu.max": "200000 100000\n"}),
    ],
)
def test_a_limit_of_any_group_around_it_counts(own: Path, tmp_path: Path, path: str, files: dict[str, str]) -> None:
    own.write_text(path)
    assert cores(limited(tmp_path / "groups", files), own) == 2


@pytest.mark.parametrize("text", ["", "-1 100000", "200000", "200000 0", "two 100000"])
def test_a_limit_that_is_none_is_none(own: Path, tmp_path: Path, text: str) -> None:
    own.write_text("0::/\n1:cpu:/\nnot a line\n")
    files = {"cpu.max": text, "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}
    assert cores(limited(tmp_path / "groups", files), own) == 64


def test_less_than_one_is_one(own: Path, tmp_path: Path) -> None:
    own.write_text("0::/\n")
    assert cores(limited(tmp_path / "groups", {"cpu.max": "50000 100000"}), own) == 1


def test_this_process_has_some() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
