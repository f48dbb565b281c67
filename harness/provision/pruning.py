"""Remove what earlier recipes left in the cache: entries that no recipe of today names and no process uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import MachineError
from harness.provision.java import java_folder
from harness.provision.search import component_folder
from harness.provision.sets import NATIVE
from harness.provision.settings import Settings
from harness.provision.store import Store, disk_errors, remove
from harness.provision.tool import Progress

__all__ = ["PrunedEntry", "prune"]

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class PrunedEntry:
    """An entry that no recipe names: its place in the cache, its size, and who uses it, in words (nobody: removed)."""

    name: str
    megabytes: float
    used_by: str = ""

    def __str__(self) -> str:
        fate = f"kept, process {self.used_by} uses it" if self.used_by else "removed"
        return f"{self.name} ({self.megabytes:.0f} MB): {fate}"


def prune(settings: Settings, progress: Progress) -> list[PrunedEntry]:
    """Remove old entries of this platform and say of each what became of it.

    An earlier version of the harness that comes back makes its own again. Raises ``MachineError`` where the cache
    cannot be written, or nobody can tell who uses it.
    """
    if not (PROC / "self").exists():
        raise MachineError(
            "without /proc nobody can tell who uses the cache", remedy=f"remove {settings.cache} by hand"
        )
    store = Store(settings.cache)
    named = {component_folder(part, store) for part in NATIVE.components} | {java_folder(store)}
    with store.lock(progress), disk_errors(settings.cache):
        return [_prune(folder, store) for folder in store.entries() if folder not in named]


def _prune(folder: Path, store: Store) -> PrunedEntry:
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    entry = PrunedEntry(str(folder.relative_to(store.root)), size, next(_users(folder), ""))
    if not entry.used_by:
        remove(folder)
        _remove_if_empty(folder.parent, folder.parent.parent)
    return entry


def _remove_if_empty(*folders: Path) -> None:
    for folder in folders:
        if not any(folder.iterdir()):
            folder.rmdir()


def _users(folder: Path) -> Iterator[str]:
    """Processes that run a program of ``folder``, have a file of it in memory or name it on their command line."""
    needle = re.compile(re.escape(str(folder).encode()) + rb"(?=[/:\0\n]|$)")
    for process in PROC.iterdir():
        if process.name.isdigit() and any(needle.search(_read(process / name)) for name in ("maps", "cmdline")):
            yield f"{process.name} ({_read(process / 'comm').decode(errors='replace').strip()})"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile, or is somebody else's
        return b""
