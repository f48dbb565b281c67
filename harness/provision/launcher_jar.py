"""Compile the launcher of Elasticsearch: ``python -m harness.provision.launcher_jar JARS_FOLDER JAR``.

The compiled jar is part of this package, because a plain Java runtime has no compiler. It is made the same way
every time (fixed release, order and dates) and carries the digest of its source, so that a test can tell
whether the two still match.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from harness.provision.sets import data_folder

__all__ = ["DIGEST_ENTRY", "compile_launcher", "source_digest"]

DIGEST_ENTRY = "META-INF/source.sha256"

_RELEASE = "17"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def compile_launcher(jars: Path, target: Path, *, javac: str = "javac") -> None:
    """Compile the shipped Java source against the folder ``jars`` into the jar ``target``."""
    sources = [str(path) for path in _sources()]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--release", _RELEASE, "-g:source,lines", "-nowarn", "-proc:none"]
        subprocess.run([javac, *options, "-d", folder, "-cp", f"{jars}/*", *sources], check=True)
        digest = Path(folder, DIGEST_ENTRY)
        digest.parent.mkdir()
        digest.write_text(source_digest(), encoding="utf-8")
        _pack(Path(folder), target)


def source_digest() -> str:
    """SHA-256 over the names and texts of the Java source."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _sources() -> list[Path]:
    return sorted(Path(str(data_folder().joinpath("elasticsearch", "src"))).rglob("*.java"))


def _pack(classes: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as jar:
        for path in sorted(path for path in classes.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(classes).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_STORED
            jar.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    compile_launcher(Path(sys.argv[1]), Path(sys.argv[2]))
