"""Which version a binary is: from its build information, else from what it says of itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from harness.provision.buildinfo import BuildInfo, read_build_info
from harness.provision.sets import Component, GoBuild, Version

__all__ = ["ask_version", "binary_version", "parse_version", "version_text", "within"]

_NUMBER = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_ASK_TIMEOUT_S = 10.0


def parse_version(text: str) -> Version | None:
    """First ``1.2`` or ``1.2.3`` in ``text`` as a tuple of numbers; None if there is none."""
    found = _NUMBER.search(text)
    return tuple(int(part) for part in found.groups() if part is not None) if found else None


def version_text(version: Version | None) -> str:
    """``1.2.3``, or ``unknown``."""
    return ".".join(map(str, version)) if version else "unknown"


def within(version: Version | None, accepts: tuple[Version, Version]) -> bool:
    """Is ``version`` at least the first of ``accepts`` and below the second?"""
    return version is not None and accepts[0] <= version < accepts[1]


def binary_version(component: Component, binary: Path) -> Version | None:
    """Version of a component's binary; None if neither build information nor the binary tells."""
    info = read_build_info(binary)
    embedded = _from_modules(component, info) if info else None
    return embedded or parse_version(ask_version([str(binary), *_question(component)]))


def ask_version(argv: list[str]) -> str:
    """Standard output and error of ``argv``; empty if it cannot be run or does not answer in time."""
    try:
        answer = subprocess.run(
            argv, capture_output=True, timeout=_ASK_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (answer.stdout + answer.stderr).decode(errors="replace")


def _question(component: Component) -> list[str]:
    return ["version"] if component.name == "filebeat" else ["--version"]


def _from_modules(component: Component, info: BuildInfo) -> Version | None:
    if not isinstance(component.recipe, GoBuild):
        return None
    module = component.recipe.module
    known = dict(info.dependencies) | {info.module: info.version}
    version = parse_version(known.get(module, ""))
    if version and version[0] == 0 and component.version.startswith("3."):
        return _from_library_version(version)
    return version


def _from_library_version(version: Version) -> Version:
    # Prometheus tags release 3.16.0 as module version v0.316.0: major and minor share one number.
    major, minor = divmod(version[1], 100)
    return (major, minor, *version[2:])
