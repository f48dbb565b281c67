"""The environment: built once, stamped last, one line for everything that a machine can refuse."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from habits import environment
from habits.trouble import TroubleError, explain

Usage = namedtuple("Usage", "total used free")


class Installer:
    """Stands for the installing programs: records what is run, fails where it is told to."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.fails_at = ""
        self.says = ""

    def __call__(self, command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[bytes]:
        self.commands.append(command)
        if "venv" in command:
            (cwd / command[-1] / "bin").mkdir()
        failed = bool(self.fails_at) and self.fails_at in command
        return subprocess.CompletedProcess(command, int(failed), self.says.encode())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text("pytest==9\n")
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\n[project]\nname = 'x'\n")
    return tmp_path


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Installer:
    fake = Installer()
    monkeypatch.setattr("habits.environment.subprocess.run", fake)
    return fake


def test_it_is_built_once_and_linked(root: Path, installer: Installer) -> None:
    folder = environment.ensure_environment(root)
    assert (root / ".venv").resolve() == folder
    assert len(installer.commands) == 3
    environment.ensure_environment(root)
    assert len(installer.commands) == 3


def test_what_runs_in_it_is_compiled_once(root: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment.ensure_environment(root)
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


def test_it_is_installed_by_hash_and_then_without_looking_anything_up(root: Path, installer: Installer) -> None:
    environment.ensure_environment(root)
    _, locked, own = installer.commands
    assert locked[-3:] == ["--require-hashes", "-r", "requirements.lock"]
    assert own[-4:] == ["--no-deps", "--no-build-isolation", "-e", "."]


@pytest.mark.parametrize("step", ["venv", "--require-hashes", "-e"])
def test_a_broken_install_is_never_used_and_built_again(root: Path, installer: Installer, step: str) -> None:
    installer.fails_at = step
    with pytest.raises(TroubleError):
        environment.ensure_environment(root)
    assert not (root / ".venv").exists()
    half_made = next(path for path in (root / ".venv.d").iterdir() if path.is_dir())
    installer.fails_at = ""
    environment.ensure_environment(root)
    assert (root / ".venv").exists()
    assert not half_made.exists()


@pytest.mark.parametrize(
    ("file", "text"),
    [("requirements.lock", "pytest==10\n"), ("pyproject.toml", "[build-system]\n[project]\nname = 'y'\n")],
)
def test_another_lock_or_package_makes_another_environment(
    root: Path, installer: Installer, file: str, text: str
) -> None:
    old = abandoned(environment.ensure_environment(root))
    (root / file).write_text(text)
    new = environment.ensure_environment(root)
    assert new != old
    assert not old.exists()
    assert (root / ".venv").resolve() == new


def abandoned(folder: Path) -> Path:
    """``folder`` as it is once the process that used it has ended."""
    stamp = folder / "complete"
    text = stamp.read_text()
    stamp.unlink()
    stamp.write_text(text)
    return folder


def test_an_environment_in_use_is_kept(root: Path, installer: Installer) -> None:
    old = environment.ensure_environment(root)
    (root / "requirements.lock").write_text("pytest==10\n")
    environment.ensure_environment(root)
    assert old.exists()


def test_settings_of_tools_do_not_rebuild_it(root: Path, installer: Installer) -> None:
    before = environment.environment_key(root)
    with (root / "pyproject.toml").open("a") as file:
        file.write("[tool.ruff]\nline-length = 100\n")
    assert environment.environment_key(root) == before


def test_a_moved_repository_gets_an_environment_of_its_own(
    root: Path, installer: Installer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environment.ensure_environment(root)
    elsewhere = root.rename(tmp_path_factory.mktemp("elsewhere") / "moved")
    environment.ensure_environment(elsewhere)
    assert len(installer.commands) == 6
    assert (elsewhere / ".venv").resolve().is_relative_to(elsewhere)


def test_two_bootstraps_at_once_build_one_after_the_other(
    root: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []

    def flock(_: object, operation: int) -> None:
        calls.append(operation)
        if operation == fcntl.LOCK_EX | fcntl.LOCK_NB:
            raise BlockingIOError

    monkeypatch.setattr("habits.environment.fcntl.flock", flock)
    environment.ensure_environment(root)
    assert calls[:2] == [fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_EX]
    assert "waiting for it" in capsys.readouterr().out


def test_what_another_bootstrap_finished_meanwhile_is_not_built_again(root: Path, installer: Installer) -> None:
    folder = environment.ensure_environment(root)
    (root / ".venv").unlink()
    environment.ensure_environment(root)
    assert len(installer.commands) == 3
    assert (root / ".venv").resolve() == folder


def test_a_missing_ensurepip_is_one_line(root: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(TroubleError) as caught:
        environment.ensure_environment(root)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert "cannot make an environment" in str(caught.value)
    assert f"apt install python{version}-venv" in str(caught.value)
    assert_one_line(caught.value)


def assert_one_line(trouble: TroubleError) -> None:
    assert "\n" not in str(trouble)
    assert "; remedy: " in str(trouble)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "no permission to write"),
        (errno.EROFS, "no permission to write"),
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "no space left"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_the_file_system_refuses_is_one_line(
    root: Path, installer: Installer, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(TroubleError, match=words) as caught:
        environment.ensure_environment(root)
    assert ".venv.d" in str(caught.value)
    assert_one_line(caught.value)


def test_too_full_a_disk_is_told_before_anything_is_installed(
    root: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("habits.environment.shutil.disk_usage", lambda _: Usage(0, 0, 12 * 2**20))
    with pytest.raises(TroubleError, match="no space: 12 MB are free") as caught:
        environment.ensure_environment(root)
    assert installer.commands == []
    assert_one_line(caught.value)


def test_a_folder_of_somebody_else_is_left_alone(root: Path, installer: Installer) -> None:
    (root / ".venv").mkdir()
    (root / ".venv" / "mine").touch()
    with pytest.raises(TroubleError, match="did not make; remedy: move it away"):
        environment.ensure_environment(root)
    assert (root / ".venv" / "mine").exists()
    assert installer.commands == []


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(\"[Errno -3] Temporary "
            "failure in name resolution\")': /x/\nERROR: No matching distribution found for x==1\n",
            "the package index cannot be reached",
        ),
        ("ProxyError('Cannot connect to proxy.')\nERROR: No matching distribution found", "cannot be reached"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "no space left"),
        ("ERROR: [Errno 13] Permission denied: '/x'", "no permission to write"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "is not trusted here"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "serves other files"),
        ("ERROR: No matching distribution found for x==1", "lacks a package"),
    ],
)
def test_what_an_installer_says_becomes_one_line(
    output: str, words: str, root: Path, installer: Installer, capsys: pytest.CaptureFixture[str]
) -> None:
    installer.fails_at, installer.says = "--require-hashes", output
    with pytest.raises(TroubleError, match=words) as caught:
        environment.ensure_environment(root)
    assert_one_line(caught.value)
    assert capsys.readouterr().err == ""


def test_an_unknown_failure_is_shown_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    trouble = explain("error: command 'cc' failed")
    assert "cc" in capsys.readouterr().err
    assert_one_line(trouble)
