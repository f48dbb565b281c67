"""Fetch a component from a project's release page, verified against the checksums published beside it.

Off unless the user names a release page: where none is reachable the build takes over, and a probe
that hangs must not cost more than a moment.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import tarfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import requests

from harness.core.errors import ConfigError, MachineError
from harness.provision.process import CancelledError
from harness.provision.sets import Component, GoBuild, Release
from harness.provision.work import Work

__all__ = ["fetch", "is_reachable"]

_PROBE_S = 3.0
_READ_S = 30.0
_CHUNK = 1 << 18
_REPORT_EVERY_S = 5.0
_ARCH = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "amd64": "amd64"}


def is_reachable(base: str) -> bool:
    """Does anything answer at ``base`` within three seconds, name look-up included? False for no address."""
    if not base:
        return False
    if not base.startswith(("http://", "https://")):
        raise ConfigError(f"HARNESS_RELEASES is no http address: {base!r}", remedy="unset it, or write https://…")
    answers: list[int] = []
    # A thread, because no timeout of a socket bounds the time that a name look-up takes.
    probe = threading.Thread(target=_probe, args=(base, answers), daemon=True)
    probe.start()
    probe.join(_PROBE_S)
    return bool(answers)


def fetch(component: Component, work: Work) -> tuple[Path, str] | None:
    """Binaries of ``component`` in a new bench under ``bin``, and the source in words; None if there is no archive.

    Raises ``MachineError`` if what was delivered does not have the published SHA-256 sum.
    """
    release, base = component.release, work.settings.release_base
    if release is None or not base or not isinstance(component.recipe, GoBuild):
        return None
    name = _archive_name(release)
    sums = _read(f"{base}/{release.folder}/{release.checksums}")
    expected = _expected(sums, name) if sums else ""
    if not expected:
        work.progress(f"{component.name} {component.version}: no release archive {name} there, building it")
        return None
    bench = work.store.bench(component.name)
    archive = bench / name
    found = _download(f"{base}/{release.folder}/{name}", archive, work)
    if found != expected:
        raise MachineError(
            f"{name} has SHA-256 {found}, published is {expected}",
            remedy="unset HARNESS_RELEASES to build from source, or use another release page",
        )
    _unpack(archive, bench / "bin", component.recipe.packages)
    archive.unlink()
    return bench, f"release archive {name}"


def _probe(base: str, answers: list[int]) -> None:
    try:
        answers.append(requests.head(base, timeout=_PROBE_S).status_code)
    except requests.RequestException:
        return


def _archive_name(release: Release) -> str:
    machine = platform.machine().lower()
    return release.archive.format(os=sys.platform, arch=_ARCH.get(machine, machine))


def _read(url: str) -> str:
    try:
        answer = requests.get(url, timeout=_READ_S)
    except requests.RequestException:
        return ""
    return answer.text if answer.ok else ""


def _expected(sums: str, name: str) -> str:
    for line in sums.splitlines():
        fields = line.split()
        if len(fields) == 2 and fields[1].lstrip("*") == name:
            return fields[0].lower()
    return ""


def _download(url: str, target: Path, work: Work) -> str:
    try:
        with requests.get(url, timeout=_READ_S, stream=True) as answer:
            answer.raise_for_status()
            return _store(answer.iter_content(_CHUNK), target, work)
    except requests.RequestException as error:
        remedy = "try again, or unset HARNESS_RELEASES to build from source"
        raise MachineError(f"{target.name} cannot be fetched: {error}", remedy=remedy) from None


def _store(chunks: Iterable[bytes], target: Path, work: Work) -> str:
    digest = hashlib.sha256()
    reported = time.monotonic()
    with target.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            if work.cancelled.is_set():
                raise CancelledError(f"fetching {target.name} was cancelled")
            if time.monotonic() - reported >= _REPORT_EVERY_S:
                work.progress(f"fetching {target.name} … {file.tell() // 1_000_000} MB")
                reported = time.monotonic()
    return digest.hexdigest()


def _unpack(archive: Path, into: Path, names: Iterable[str]) -> None:
    into.mkdir()
    wanted = set(names)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                stream = tar.extractfile(member) if name in wanted and member.isfile() else None
                if stream:
                    (into / name).write_bytes(stream.read())
                    (into / name).chmod(0o755)
                    wanted.discard(name)
    except tarfile.TarError as error:
        raise MachineError(f"{archive.name} is no readable archive: {error}", remedy="try again") from None
    if wanted:
        raise MachineError(f"{archive.name} does not hold {', '.join(sorted(wanted))}", remedy="unset HARNESS_RELEASES")
