"""The cache of provisioned parts: one folder per component, version, platform and recipe.

An entry is built beside its place and renamed in, so what lies under its name is whole. Reading needs
neither lock nor write permission; writing happens under one lock for the whole cache.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import MachineError
from harness.provision.tool import Progress

__all__ = ["Entry", "Store", "disk_errors", "platform_name", "remove"]

_MANIFEST = "tool.json"
_LOCK_POLL_S = 0.1
_LOCK_REPORT_S = 5.0


def platform_name() -> str:
    """Operating system and processor, such as ``linux-x86_64``."""
    return f"{sys.platform}-{platform.machine().lower()}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished part in the cache; ``files`` maps names to paths inside ``folder``."""

    folder: Path
    source: str
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Store:
    """The cache below ``root``."""

    root: Path

    def folder(self, name: str, version: str, digest: str) -> Path:
        """Where the part ``name`` belongs, present or not."""
        return self.root / name / version / f"{platform_name()}-{digest}"

    def entries(self) -> list[Path]:
        """Folders of all parts that are here for this platform, whoever made them; whole or not."""
        found = self.root.glob(f"*/*/{platform_name()}-*")
        return sorted(path for path in found if path.is_dir() and not path.is_relative_to(self.workshop))

    def read(self, folder: Path) -> Entry | None:
        """The finished entry at ``folder``; None if there is none or a file of it is missing or cut short."""
        try:
            manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            sizes = manifest["sizes"]
            whole = all((folder / name).stat().st_size == size for name, size in sizes.items())
            files = {name: folder / path for name, path in manifest["files"].items()}
            return Entry(folder, manifest["source"], files) if whole else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def commit(self, staging: Path, folder: Path, files: Mapping[str, str], source: str) -> Entry:
        """Seal ``staging`` with a manifest and move it to ``folder``; whatever lay there goes."""
        with disk_errors(self.root):
            parts = sorted(path for path in staging.rglob("*") if path.is_file() and not path.is_symlink())
            sizes = {str(path.relative_to(staging)): path.stat().st_size for path in parts}
            manifest = {"source": source, "files": dict(files), "sizes": sizes}
            (staging / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            folder.parent.mkdir(parents=True, exist_ok=True)
            if folder.exists():
                shutil.rmtree(folder)
            staging.rename(folder)
        return Entry(folder, source, {name: folder / path for name, path in files.items()})

    @property
    def workshop(self) -> Path:
        """Folder for everything unfinished: build caches, foreign compilers, half-made entries."""
        return self.root / "build"

    def bench(self, name: str) -> Path:
        """A new empty folder in the workshop; only for the holder of the lock."""
        with disk_errors(self.root):
            bench = self.workshop / f"{name}.new"
            remove(bench)
            bench.mkdir(parents=True)
        return bench

    def clear_workshop(self) -> None:
        """Remove everything unfinished; only for the holder of the lock."""
        remove(self.workshop)

    @contextmanager
    def lock(self, progress: Progress) -> Iterator[None]:
        """Hold the cache for writing; while another run holds it, wait and say so every few seconds."""
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _acquire(handle, progress)
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(handle)


def _acquire(handle: int, progress: Progress) -> None:
    started = time.monotonic()
    reported = -_LOCK_REPORT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - started
            if waited - reported >= _LOCK_REPORT_S:
                holder = os.pread(handle, 32, 0).decode(errors="replace") or "?"
                progress(f"another run (process {holder}) is filling the cache: waiting … {waited:.0f} s")
                reported = waited
            time.sleep(_LOCK_POLL_S)
        else:
            return


def remove(folder: Path) -> None:
    """Remove ``folder`` and all below it, read-only folders included; nothing there is fine."""
    if not folder.exists():
        return
    for inner, _, _ in os.walk(folder):
        Path(inner).chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def disk_errors(root: Path) -> Iterator[None]:
    """Turn a refused or failed write below ``root`` into one ``MachineError``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem = f"no space is left in the cache folder {root}"
            remedy = "free space, or set HARNESS_CACHE to a larger disk"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            problem = f"the cache folder {root} cannot be written ({error.strerror})"
            remedy = "set HARNESS_CACHE to a folder of yours, or restore the finished cache into it"
        else:
            problem, remedy = f"the cache folder {root} cannot be used: {error}", "set HARNESS_CACHE to another folder"
        raise MachineError(problem, remedy=remedy) from None
