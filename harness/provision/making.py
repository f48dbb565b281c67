"""Make what is missing, under the lock: Go builds one after another, Elasticsearch beside them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from harness.core.errors import MachineError
from harness.provision import golang, java, maven, releases
from harness.provision.process import CancelledError
from harness.provision.search import archive_path, cached, component_folder
from harness.provision.sets import Component, GoBuild, MavenJars, data_folder, read_jars
from harness.provision.settings import Settings
from harness.provision.store import Store, disk_errors
from harness.provision.tool import Progress, Tool
from harness.provision.training import train
from harness.provision.work import Work

__all__ = ["make", "retrain"]


def make(missing: Sequence[Component], settings: Settings, progress: Progress) -> None:
    """Put every component of ``missing`` into the cache; what was finished stays when a later one fails."""
    store = Store(settings.cache)
    with store.lock(progress), disk_errors(settings.cache):
        wanted = [part for part in missing if cached(part, settings) is None]
        _check_space(wanted, settings)
        work = Work(_with_reachable_releases(wanted, settings, progress), store, progress)
        _make_in_lanes(wanted, work)
        if not settings.keep_build_cache:
            store.clear_workshop()


def retrain(component: Component, tool: Tool, settings: Settings, progress: Progress) -> Tool:
    """``tool`` with a class-data archive for its JVM, if the cache can be written; else as it is."""
    store = Store(settings.cache)
    try:
        with store.lock(progress), disk_errors(settings.cache):
            _train(component, tool, Work(settings, store, progress))
            store.clear_workshop()
    except MachineError:
        return tool
    return cached(component, settings) or tool


def _make_in_lanes(wanted: Sequence[Component], work: Work) -> None:
    # A Go build fills both cores of a small machine; jars wait for the network and fit beside it.
    jars = [part for part in wanted if isinstance(part.recipe, MavenJars)]
    binaries = [part for part in wanted if isinstance(part.recipe, GoBuild)]
    with ThreadPoolExecutor(2) as pool:
        lanes = [pool.submit(_make_all, lane, work) for lane in (jars, binaries)]
        try:
            wait(lanes, return_when=FIRST_EXCEPTION)
        finally:
            if not all(_succeeded(lane) for lane in lanes):
                work.cancelled.set()
    _raise_first_cause(lanes)


def _succeeded(lane: Future[None]) -> bool:
    return lane.done() and lane.exception() is None


def _raise_first_cause(lanes: Sequence[Future[None]]) -> None:
    errors = [error for lane in lanes if (error := lane.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, CancelledError)):
        raise error


def _make_all(parts: Sequence[Component], work: Work) -> None:
    for part in parts:
        _make_one(part, work)
        work.progress(f"{part.name} {part.version} is ready")


def _make_one(part: Component, work: Work) -> None:
    if isinstance(part.recipe, MavenJars):
        _make_elasticsearch(part, part.recipe, work)
        return
    bench, source = releases.fetch(part, work) or golang.build(part, part.recipe, work)
    files = {name: f"bin/{name}" for name in part.recipe.packages}
    work.store.commit(bench, component_folder(part, work.store), files, source)


def _make_elasticsearch(part: Component, recipe: MavenJars, work: Work) -> None:
    if java.find_java(work.settings) is None:
        java.fetch_java(work)
    folder = component_folder(part, work.store)
    if work.store.read(folder) is None:
        bench = work.store.bench(part.name)
        jars = bench / "jars"
        jars.mkdir()
        source = maven.fetch_jars(read_jars(recipe), jars, work)
        (bench / "launcher.jar").write_bytes(data_folder().joinpath(recipe.launcher).read_bytes())
        work.store.commit(bench, folder, {"jars": "jars", "launcher": "launcher.jar"}, source)
    tool = cached(part, work.settings)
    if tool:
        _train(part, tool, work)


def _train(part: Component, tool: Tool, work: Work) -> None:
    runtime = java.find_java(work.settings)
    if runtime is None:
        return
    work.progress("elasticsearch: first start, to keep the classes that it loads")
    archive = train(tool, work.store.bench("training"))
    archive.rename(archive_path(component_folder(part, work.store), runtime.identity))


def _with_reachable_releases(wanted: Sequence[Component], settings: Settings, progress: Progress) -> Settings:
    base = settings.release_base
    if not base or not any(part.release for part in wanted) or releases.is_reachable(base):
        return settings
    progress(f"the release page {base} does not answer: building instead")
    return dataclasses.replace(settings, release_base="")


def _check_space(parts: Sequence[Component], settings: Settings) -> None:
    needed = max((part.work_mb for part in parts), default=0)
    free = shutil.disk_usage(settings.cache).free // 1_000_000
    if free < needed:
        raise MachineError(
            f"{needed} MB are needed in {settings.cache} while building, {free} MB are free",
            remedy="free space, or set HARNESS_CACHE to a larger disk",
        )
