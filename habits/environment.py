"""The environment: built in ``.venv.d/<key>``, where it stays because its scripts hold absolute paths.

Its stamp is moved in last; without a stamp it is rebuilt, never used. ``.venv`` is a link to the current one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from habits.commands import ROOT, say, show
from habits.trouble import NEEDED_MB, SPACE_REMEDY, TroubleError, explain, one_line_for_os_errors

__all__ = ["ensure_environment", "environment_key"]


def ensure_environment(root: Path = ROOT) -> Path:
    """Make ``.venv`` the environment that the lock describes and keep it while this process lives.

    Instant where it already is. Raises ``TroubleError`` where the machine cannot have one.
    """
    with one_line_for_os_errors(root):
        key = environment_key(root)
        folder = (root / ".venv").resolve()
        if not is_finished(folder, key):
            check_ensurepip()
            (root / ".venv.d").mkdir(exist_ok=True)
            with locked(root / ".venv.d" / "lock"):
                folder = make_current(root, key)
        keep_in_use(folder)
    keep_compiled()
    return folder


def environment_key(root: Path) -> str:
    """Name of the one environment that fits: lock, declared packages, interpreter and place."""
    declared = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    facts = [
        (root / "requirements.lock").read_text(encoding="utf-8"),
        declared["build-system"],
        declared["project"],
        sys.version,
        os.path.realpath(sys.executable),
        str(root),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def stamp_of(folder: Path) -> Path:
    """The file whose presence says that ``folder`` was finished."""
    return folder / "complete"


def is_finished(folder: Path, key: str) -> bool:
    """Whether ``folder`` is the environment that ``key`` names, complete."""
    return folder.name.startswith(key) and stamp_of(folder).is_file()


def check_ensurepip() -> None:
    """Refuse an interpreter that cannot make environments."""
    try:
        import_module("venv")
        import_module("ensurepip")
    except ImportError as error:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise TroubleError(
            f"{sys.executable} cannot make an environment: {error}",
            f"install that module (Debian, Ubuntu: apt install {package})",
        ) from None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` alone; the kernel lets go of it when the holder dies."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another bootstrap builds the environment, waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def make_current(root: Path, key: str) -> Path:
    """Let ``.venv`` lead to the environment that ``key`` names, built here unless another process just did.

    Every build has a folder of its own: installers that outlive a killed bootstrap cannot spoil the next one.
    """
    link, store = root / ".venv", root / ".venv.d"
    if link.is_dir() and not link.is_symlink():
        raise TroubleError(f"{link} is a folder that bootstrap.py did not make", "move it away")
    finished = [folder for folder in store.iterdir() if is_finished(folder, key)]
    folder = finished[0] if finished else Path(tempfile.mkdtemp(prefix=f"{key}-", dir=store))
    if not finished:
        build(root, folder)
    point(link, folder)
    remove_others(folder)
    return folder


def build(root: Path, folder: Path) -> None:
    """Install the lock and this repository into ``folder``; the stamp is moved in last."""
    free_mb = shutil.disk_usage(root).free // 2**20
    if free_mb < NEEDED_MB:
        raise TroubleError(f"no space: {free_mb} MB are free on the disk of {root}", SPACE_REMEDY)
    say("building the environment (half a minute, once per lock and interpreter)")
    place = str(folder.relative_to(root))
    pip = [f"{place}/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    install([sys.executable, "-m", "venv", place], root)
    install([*pip, "--require-hashes", "-r", "requirements.lock"], root)
    install([*pip, "--no-deps", "--no-build-isolation", "-e", "."], root)
    unfinished = folder / "complete.new"
    unfinished.write_text(sys.version, encoding="utf-8")
    unfinished.replace(stamp_of(folder))


def install(command: Sequence[str], root: Path) -> None:
    """Run one step of the installation; its output is shown only where no line of ours explains it."""
    show(command)
    done = subprocess.run(
        command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        raise explain(done.stdout.decode("utf-8", "replace"))


def point(link: Path, folder: Path) -> None:
    """Let ``link`` lead to ``folder``, in one step."""
    new = folder.parent / "link.new"
    new.unlink(missing_ok=True)
    new.symlink_to(folder.relative_to(link.parent), target_is_directory=True)
    new.replace(link)


def keep_in_use(folder: Path) -> None:
    """Hold the stamp of ``folder`` while this process lives, or the command that it becomes."""
    descriptor = os.open(stamp_of(folder), os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def keep_compiled() -> None:
    """Let what runs in the environment keep its byte code, whatever this shell forbids.

    A gate starts three processes: compiling the harness anew in each takes longer than all else that they import.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def remove_others(folder: Path) -> None:
    """Remove half-made environments and those of earlier locks, except what is in use."""
    for other in folder.parent.iterdir():
        if other != folder and other.is_dir() and not is_in_use(other):
            shutil.rmtree(other, ignore_errors=True)


def is_in_use(folder: Path) -> bool:
    """Whether a process holds the stamp of ``folder``."""
    try:
        with stamp_of(folder).open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
