"""Build a component from the Go module proxy, with a private module and build cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.core.errors import MachineError
from harness.provision.process import run
from harness.provision.pypi import install
from harness.provision.sets import GO_MINIMUM, GO_TOOLCHAIN, Component, GoBuild, data_folder
from harness.provision.settings import Settings
from harness.provision.store import Store
from harness.provision.versions import ask_version, parse_version, version_text
from harness.provision.work import Work

__all__ = ["build", "find_go"]


def find_go(settings: Settings) -> Path | None:
    """The Go command that will be used, if one of sufficient version is set or on PATH."""
    explicit = settings.explicit.get("go")
    if explicit:
        return explicit
    found = shutil.which("go", path=settings.search_path)
    if found and (parse_version(ask_version([found, "env", "GOVERSION"])) or (0,)) >= GO_MINIMUM:
        return Path(found)
    return None


def build(component: Component, recipe: GoBuild, work: Work) -> tuple[Path, str]:
    """Binaries of ``component`` in a new bench under ``bin``; also says in words how they were made."""
    go = find_go(work.settings) or _fetched_go(work)
    bench = work.store.bench(component.name)
    binaries = bench / "bin"
    binaries.mkdir()
    environment = _environment(work.store, binaries)
    doing = f"building {component.name} {component.version}"
    flags = ["-trimpath", "-ldflags=-s -w", *([f"-tags={recipe.tags}"] if recipe.tags else [])]
    if recipe.main:
        _build_own_main([str(go), "build", *flags], component.name, recipe, work, environment)
    else:
        packages = [f"{path}@{recipe.version}" for path in recipe.packages.values()]
        argv = [str(go), "install", *flags, *packages]
        run(argv, doing=doing, folder=bench, work=work, environment=environment)
        _rename(binaries, recipe)
    return bench, "built from the Go module proxy"


def _build_own_main(
    go_build: list[str], name: str, recipe: GoBuild, work: Work, environment: Mapping[str, str]
) -> None:
    source = work.store.bench(f"{name}-source")
    for file in ("main.go", "go.mod", "go.sum"):
        (source / file).write_bytes(data_folder().joinpath(recipe.main, file).read_bytes())
    argv = [*go_build, "-mod=readonly", "-o", str(Path(environment["GOBIN"]) / name), "."]
    run(
        argv,
        doing=f"building {name} {recipe.version.removeprefix('v')}",
        folder=source,
        work=work,
        environment=environment,
    )


def _rename(binaries: Path, recipe: GoBuild) -> None:
    for name, package in recipe.packages.items():
        built = binaries / package.rsplit("/", 1)[1]
        if built.name != name:
            built.rename(binaries / name)


def _environment(store: Store, binaries: Path) -> dict[str, str]:
    """The user's Go settings (proxy, checksum database) with caches of our own; explicit caches are respected."""
    ours = {
        "GOPATH": str(store.workshop / "gopath"),
        "GOCACHE": str(store.workshop / "gocache"),
    }
    for value in ours.values():
        Path(value).mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("GOCACHE", "GOMODCACHE") if os.environ.get(name)}
    inherited = {name: value for name, value in os.environ.items() if name not in ("GOOS", "GOARCH", "GOROOT")}
    scratch = store.workshop / "tmp"
    scratch.mkdir(exist_ok=True)
    fixed = {
        "GOBIN": str(binaries),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTMPDIR": str(scratch),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    return inherited | ours | kept | fixed


def _fetched_go(work: Work) -> Path:
    folder = work.store.workshop / f"{GO_TOOLCHAIN.name}-{GO_TOOLCHAIN.version}"
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        bench = work.store.bench("go")
        install(GO_TOOLCHAIN, bench, work)
        bench.rename(folder)
    if not parse_version(ask_version([str(go), "env", "GOVERSION"])):
        raise MachineError(
            f"the Go toolchain of {GO_TOOLCHAIN.requirement} does not run here",
            remedy=f"install Go {version_text(GO_MINIMUM)} or later, or set HARNESS_GO_BINARY",
        )
    return go
