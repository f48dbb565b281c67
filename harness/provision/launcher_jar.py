"""Compile the launcher of Elasticsearch: ``python -m harness.provision.launcher_jar JARS_FOLDER JAR``.

The compiled jar is part of this package, because a plain Java runtime has no compiler. It is made the same way
every time (fixed release, order and dates), so that a test can tell whether it still matches its source.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from harness.provision.sets import data_folder

__all__ = ["compile_launcher"]

_RELEASE = "17"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def compile_launcher(jars: Path, target: Path, *, javac: str = "javac") -> None:
    """Compile the shipped Java source against the folder ``jars`` into the jar ``target``."""
    root = Path(str(data_folder().joinpath("elasticsearch", "src")))
    sources = sorted(str(path) for path in root.rglob("*.java"))
    with tempfile.TemporaryDirectory() as folder:
        options = ["--release", _RELEASE, "-g:source,lines", "-nowarn", "-proc:none"]
        subprocess.run([javac, *options, "-d", folder, "-cp", f"{jars}/*", *sources], check=True)
        _pack(Path(folder), target)


def _pack(classes: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as jar:
        for path in sorted(classes.rglob("*.class")):
            entry = zipfile.ZipInfo(path.relative_to(classes).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_STORED
            jar.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    compile_launcher(Path(sys.argv[1]), Path(sys.argv[2]))
