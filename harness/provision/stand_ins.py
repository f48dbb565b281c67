"""Stand-in images, built from the provisioned binaries where no registry can be reached.

An image is a Dockerfile of ours on an empty base and a root file system that holds the tool and what it links to: the
same program, entry point, port and paths as the official image, so that what is tried here holds there.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from harness.provision.elasticsearch import class_path, logging_settings
from harness.provision.engine import Engine
from harness.provision.images import ImageEntry
from harness.provision.sets import data_folder
from harness.provision.tool import Progress, Tool

__all__ = ["RootFiles", "build_stand_in", "libraries_of", "root_of", "tar_of"]

_CHUNK: Final = 1 << 20
_ES: Final = "/usr/share/elasticsearch"
_LABEL: Final = "observability-harness.recipe"
_LEFT_OUT: Final = frozenset({"jmods", "demo", "include", "man", "legal", "src.zip"})
"""Of a Java runtime: what no program needs."""


@dataclass(slots=True)
class RootFiles:
    """A root file system to be: path in the image → file of this machine, or text; and folders that must exist."""

    files: dict[str, Path] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=lambda: ["/tmp"])  # noqa: S108 (a path in the image)


def root_of(part: str, tool: Tool) -> RootFiles:
    """What the stand-in of ``part`` holds."""
    return _ROOTS[part](tool)


def _prometheus(tool: Tool) -> RootFiles:
    files = {"/bin/prometheus": tool.executable, "/bin/promtool": tool.extra["promtool"]}
    default = "scrape_configs:\n  - job_name: prometheus\n    static_configs: [{targets: ['localhost:9090']}]\n"
    return RootFiles(files, {"/etc/prometheus/prometheus.yml": default}, ["/tmp", "/prometheus"])  # noqa: S108


def _alertmanager(tool: Tool) -> RootFiles:
    files = {"/bin/alertmanager": tool.executable, "/bin/amtool": tool.extra["amtool"]}
    default = "route: {receiver: none}\nreceivers: [{name: none}]\n"
    return RootFiles(files, {"/etc/alertmanager/alertmanager.yml": default}, ["/tmp", "/alertmanager"])  # noqa: S108


def _filebeat(tool: Tool) -> RootFiles:
    place = "/usr/share/filebeat"
    return RootFiles({f"{place}/filebeat": tool.executable}, folders=["/tmp", f"{place}/data", f"{place}/logs"])  # noqa: S108


def _toxiproxy(tool: Tool) -> RootFiles:
    return RootFiles({"/toxiproxy": tool.executable})


def _elasticsearch(tool: Tool) -> RootFiles:
    java = tool.extra["java"].resolve()
    home = java.parent.parent
    files = {f"{_ES}/jdk/{name}": path for name, path in _tree(home)}
    # under the paths of this machine, and with its archive: loaded classes are taken from it only for these very paths
    files |= {name: Path(name) for name in class_path(tool).split(":")}
    if "archive" in tool.extra:
        files[f"{_ES}/classes.jsa"] = tool.extra["archive"]
    files |= {"/bin/sh": Path("/bin/sh"), "/bin/tr": Path("/usr/bin/tr"), "/bin/cat": Path("/bin/cat")}
    linked = [
        path
        for name, path in files.items()
        if name.endswith(".so") or name.startswith(("/bin/", f"{_ES}/jdk/bin/java"))
    ]
    own = {path.resolve() for path in files.values()}
    files |= {str(path): path for path in libraries_of(linked) if path.resolve() not in own}
    script = data_folder().joinpath("stand_ins/elasticsearch/docker-entrypoint.sh").read_text(encoding="utf-8")
    texts = {
        "/usr/local/bin/docker-entrypoint.sh": script,
        f"{_ES}/class-path": class_path(tool),
        f"{_ES}/config/log4j2.properties": logging_settings(),
    }
    return RootFiles(files, texts, ["/tmp", *(f"{_ES}/{name}" for name in ("config", "data", "logs", "tmp"))])  # noqa: S108


_ROOTS: Final[Mapping[str, Callable[[Tool], RootFiles]]] = {
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    "filebeat": _filebeat,
    "toxiproxy": _toxiproxy,
    "elasticsearch": _elasticsearch,
}


def _tree(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not _LEFT_OUT & set(name.parts):
            yield str(name), path


def libraries_of(binaries: Iterable[Path]) -> list[Path]:
    """Every shared library that ``binaries`` are linked to, as the loader of this machine finds it."""
    found: dict[Path, None] = {}
    for binary in binaries:
        done = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
        for word in done.stdout.split():
            if word.startswith("/") and (path := Path(word)).is_file():
                found[path] = None
    return list(found)


def build_stand_in(engine: Engine, entry: ImageEntry, part: str, tool: Tool, progress: Progress) -> bool:
    """Build the stand-in of ``part`` unless the engine has this very one; whether it was built."""
    dockerfile = data_folder().joinpath(f"stand_ins/{part}/Dockerfile").read_text(encoding="utf-8")
    root = root_of(part, tool)
    digest = _digest(dockerfile, root)
    there = engine.image(entry.stand_in)
    if there and (there["Config"].get("Labels") or {}).get(_LABEL) == digest:
        return False
    progress(f"building {entry.stand_in}")
    with tempfile.TemporaryFile() as context:
        tar_of(context, f'{dockerfile}LABEL {_LABEL}="{digest}"\n', root)
        engine.build(entry.stand_in, _chunks(context))
    return True


def _digest(dockerfile: str, root: RootFiles) -> str:
    sizes = [(name, path.stat().st_size) for name, path in sorted(root.files.items())]
    return hashlib.sha256(repr((dockerfile, sizes, sorted(root.texts.items()))).encode()).hexdigest()[:16]


def tar_of(target: IO[bytes], dockerfile: str, root: RootFiles) -> None:
    """Write the context of a build: ``Dockerfile`` and ``root/``; ``target`` then stands at its beginning."""
    with tarfile.open(fileobj=target, mode="w", dereference=True) as archive:
        _add_text(archive, "Dockerfile", dockerfile)
        for folder in root.folders:
            info = tarfile.TarInfo(f"root{folder}")
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "/tmp" else 0o775  # noqa: S108
            archive.addfile(info)
        for name, text in root.texts.items():
            _add_text(archive, f"root{name}", text)
        for name, path in root.files.items():
            _add_file(archive, f"root{name}", path)
    target.seek(0)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    content = text.encode()
    info.size, info.mode = len(content), 0o644
    archive.addfile(info, io.BytesIO(content))


def _add_file(archive: tarfile.TarFile, name: str, path: Path) -> None:
    info = archive.gettarinfo(str(path.resolve()), name)
    info.type, info.linkname = tarfile.REGTYPE, ""  # a hard link to a file that is in the archive, too, is a file
    info.size = path.stat().st_size
    with path.open("rb") as content:
        archive.addfile(info, content)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
