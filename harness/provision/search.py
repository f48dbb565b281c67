"""Find what is already there: an explicit setting, PATH with its version checked, the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.core.errors import MachineError
from harness.provision.java import find_java
from harness.provision.sets import Component, GoBuild
from harness.provision.settings import Settings, setting_name
from harness.provision.store import Entry, Store
from harness.provision.tool import Tool
from harness.provision.versions import binary_version, version_text, within

__all__ = ["archive_path", "cached", "component_folder", "find", "is_trained", "on_path", "tool_of"]


def find(component: Component, settings: Settings) -> Tool | None:
    """The tool for ``component`` if it is there; a set but unusable binary is a ``MachineError``."""
    if isinstance(component.recipe, GoBuild):
        return _explicit(component, settings) or _on_path(component, settings) or cached(component, settings)
    return cached(component, settings)


def cached(component: Component, settings: Settings) -> Tool | None:
    """The tool for ``component`` if the cache holds it."""
    store = Store(settings.cache)
    entry = store.read(component_folder(component, store))
    return tool_of(component, entry, settings) if entry else None


def component_folder(component: Component, store: Store) -> Path:
    """Where ``component`` belongs in the cache."""
    return store.folder(component.name, component.version, component.recipe_digest)


def tool_of(component: Component, entry: Entry, settings: Settings) -> Tool | None:
    """The tool that ``entry`` makes; None if it needs a Java that is not there."""
    source = f"cache, {entry.source}"
    if isinstance(component.recipe, GoBuild):
        extra = {name: entry.files[name] for name in component.companions}
        return Tool(component.name, component.version, entry.files[component.name], source, extra)
    java = find_java(settings)
    if java is None:
        return None
    extra = {"java": java.executable, **entry.files}
    archive = archive_path(entry.folder, java.identity)
    if archive.exists() and archive.stat().st_size:
        extra["archive"] = archive
    return Tool(component.name, component.version, java.executable, source, extra)


def is_trained(component: Component, settings: Settings) -> bool:
    """Was an archive tried for the JVM that will be used? True for what needs none."""
    java = None if isinstance(component.recipe, GoBuild) else find_java(settings)
    return java is None or archive_path(component_folder(component, Store(settings.cache)), java.identity).exists()


def on_path(component: Component, settings: Settings) -> Path | None:
    """The first binary on PATH under one of the names of ``component``, whatever its version."""
    names = (component.name, *component.aliases)
    found = (shutil.which(name, path=settings.search_path) for name in names)
    return next((Path(path) for path in found if path), None)


def archive_path(folder: Path, identity: str) -> Path:
    """Class-data archive of the Elasticsearch in ``folder`` for one JVM; empty if that JVM makes none."""
    return folder / f"classes-{identity}.jsa"


def _explicit(component: Component, settings: Settings) -> Tool | None:
    binary = settings.explicit.get(component.name)
    if binary is None:
        return None
    setting = setting_name(component.name)
    version = binary_version(component, binary)
    if shutil.which(str(binary)) is None or version is None:
        remedy = f"correct or unset {setting}"
        raise MachineError(f"{setting} names no {component.name} that runs here: {binary}", remedy=remedy)
    extra = {name: _companion(name, binary, settings) for name in component.companions}
    missing = [name for name, path in extra.items() if path is None]
    if missing:
        remedy = f"put {missing[0]} beside it or set {setting_name(missing[0])}"
        raise MachineError(f"{setting} is set, but {missing[0]} is not beside {binary}", remedy=remedy)
    found = {name: path for name, path in extra.items() if path}
    return Tool(component.name, version_text(version), binary, setting, found)


def _on_path(component: Component, settings: Settings) -> Tool | None:
    found = on_path(component, settings)
    if found is None:
        return None
    version = binary_version(component, found)
    extra = {name: _companion(name, found, settings) for name in component.companions}
    usable = {
        name: path
        for name, path in extra.items()
        if path and within(binary_version(component, path), component.accepts)
    }
    if not within(version, component.accepts) or len(usable) < len(component.companions):
        return None
    return Tool(component.name, version_text(version), found, "PATH", usable)


def _companion(name: str, beside: Path, settings: Settings) -> Path | None:
    if name in settings.explicit:
        return settings.explicit[name]
    found = shutil.which(name, path=str(beside.parent)) or shutil.which(name, path=settings.search_path)
    return Path(found) if found else None
