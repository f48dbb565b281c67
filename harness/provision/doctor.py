"""Say what is there, which version, from where, and how to mend what is missing; changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from harness.core.errors import HarnessError
from harness.provision.elasticsearch import takes_archive
from harness.provision.engine_check import engine_lines
from harness.provision.golang import find_go
from harness.provision.java import find_java
from harness.provision.maven import find_maven
from harness.provision.search import find, is_trained, on_path
from harness.provision.sets import GO_TOOLCHAIN, JAVA_RUNTIME, MAVEN_RESOLVER, NATIVE, Component, GoBuild
from harness.provision.settings import Settings
from harness.provision.tool import DoctorLine, Tool
from harness.provision.versions import ask_version, binary_version, parse_version, version_text, within

__all__ = ["doctor"]


def doctor(settings: Settings | None = None) -> list[DoctorLine]:
    """One line per component, per helper that would make the missing ones, and for what containers need."""
    settings = settings or Settings.from_environment()
    parts = [_guard(part.name, _component_check(part, settings)) for part in NATIVE.components]
    helpers = [
        _guard("go", lambda: _go(settings)),
        _guard("java", lambda: _java(settings)),
        _guard("maven", lambda: _maven(settings)),
        _guard("cache", lambda: _cache(settings)),
    ]
    return [*parts, *helpers, *engine_lines()]


def _component_check(part: Component, settings: Settings) -> Callable[[], DoctorLine]:
    return lambda: _component(part, settings)


def _guard(name: str, check: Callable[[], DoctorLine]) -> DoctorLine:
    try:
        return check()
    except HarnessError as error:
        return DoctorLine(name, "broken", "", error.problem, error.remedy)


def _component(part: Component, settings: Settings) -> DoctorLine:
    tool = find(part, settings)
    if tool:
        note = "" if isinstance(part.recipe, GoBuild) else _archive(part, tool, settings)
        if tool.source != "PATH" and not within(parse_version(tool.version), part.accepts):
            note = ", outside the range of versions that is known to work"
        return DoctorLine(part.name, "ok", tool.version, f"{tool.executable} ({tool.source}{note})")
    remedy = f"harness provision {part.name}   (about {part.minutes:.1f} min, {part.download_mb} MB)"
    return DoctorLine(part.name, "missing", part.version, _rejected(part, settings), remedy)


def _archive(part: Component, tool: Tool, settings: Settings) -> str:
    if not is_trained(part, settings):
        return ", slow to start until provisioned for this Java"
    if takes_archive(tool):
        return ", with its archive of loaded classes"
    if "archive" not in tool.extra:
        return ", slow to start: this Java keeps no archive of loaded classes"
    return (
        ", slow to start: Java refuses the archive of loaded classes, made in another place or of other jars; "
        f"remove {tool.extra['archive']} and provision again"
    )


def _rejected(part: Component, settings: Settings) -> str:
    found = on_path(part, settings)
    if found is None:
        return ""
    version = binary_version(part, found)
    low, below = part.accepts
    wanted = f"at least {version_text(low)}, below {version_text(below)}"
    return f"{found} on PATH is {version_text(version)}, wanted with its companions: {wanted}"


def _go(settings: Settings) -> DoctorLine:
    go = find_go(settings)
    if go is None:
        return DoctorLine("go", "ok", GO_TOOLCHAIN.version, f"{GO_TOOLCHAIN.requirement} would be fetched for a build")
    version = parse_version(ask_version([str(go), "env", "GOVERSION"]))
    return DoctorLine("go", "ok" if version else "broken", version_text(version), str(go))


def _java(settings: Settings) -> DoctorLine:
    java = find_java(settings)
    if java is None:
        return DoctorLine("java", "ok", JAVA_RUNTIME.version, f"{JAVA_RUNTIME.requirement} would be fetched")
    return DoctorLine("java", "ok", java.version, f"{java.executable} ({java.source})")


def _maven(settings: Settings) -> DoctorLine:
    maven = find_maven(settings)
    where = str(maven) if maven else f"{MAVEN_RESOLVER.requirement} would be fetched"
    return DoctorLine("maven", "ok", "", where)


def _cache(settings: Settings) -> DoctorLine:
    cache = settings.cache
    if not cache.exists():
        return DoctorLine("cache", "ok", "", f"{cache} (will be made)")
    used = sum(path.lstat().st_size for path in cache.rglob("*") if path.is_file() and not path.is_symlink())
    free = shutil.disk_usage(cache).free
    return DoctorLine("cache", "ok", "", f"{cache} ({used // 1_000_000} MB used, {free // 1_000_000} MB free)")
