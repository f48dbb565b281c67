"""Fetch jars by their coordinates: with Maven where it is installed, else with a resolver in Python."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import MachineError
from harness.provision.process import run
from harness.provision.pypi import install
from harness.provision.sets import MAVEN_RESOLVER, Jar
from harness.provision.settings import Settings
from harness.provision.work import Work

__all__ = ["fetch_jars", "find_maven"]

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>harness.local</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{}</dependencies></project>
"""
_DEPENDENCY = (
    "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>"
    "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>\n"
)
_RESOLVE = """
import pathlib, shutil, sys
from jgo.maven import MavenContext
context = MavenContext(repo_cache=pathlib.Path(sys.argv[1]))
for line in sys.stdin.read().split():
    group, artifact, version = line.split(":")
    shutil.copy(context.project(group, artifact).at_version(version).artifact().resolve(), sys.argv[2])
"""


def find_maven(settings: Settings) -> Path | None:
    """Maven's command, if it is set or on PATH together with a Java to run it."""
    explicit = settings.explicit.get("maven")
    if explicit:
        return explicit
    found = shutil.which("mvn", path=settings.search_path)
    return Path(found) if found and shutil.which("java", path=settings.search_path) else None


def fetch_jars(jars: Sequence[Jar], into: Path, work: Work) -> str:
    """Put ``jars`` into the folder ``into`` and check each; says in words where they came from."""
    maven = find_maven(work.settings)
    if maven:
        _with_maven(maven, jars, into, work)
    else:
        _with_resolver(jars, into, work)
    for jar in jars:
        _verify(jar, into / jar.file_name)
    return "Maven artefacts" if maven else f"Maven artefacts by {MAVEN_RESOLVER.requirement}"


def _with_maven(maven: Path, jars: Sequence[Jar], into: Path, work: Work) -> None:
    project = work.store.bench("maven-project")
    dependencies = "".join(_DEPENDENCY.format(jar.group, jar.artifact, jar.version) for jar in jars)
    (project / "pom.xml").write_text(_POM.format(dependencies), encoding="utf-8")
    argv = [
        str(maven),
        "--quiet",
        "--batch-mode",
        f"-Dmaven.repo.local={work.store.workshop / 'maven'}",
        "dependency:copy-dependencies",
        f"-DoutputDirectory={into}",
    ]
    run(argv, doing=f"fetching {len(jars)} jars", folder=project, work=work)


def _with_resolver(jars: Sequence[Jar], into: Path, work: Work) -> None:
    library = work.store.bench("maven-resolver")
    install(MAVEN_RESOLVER, library, work, alone=False)
    run(
        [sys.executable, "-c", _RESOLVE, str(work.store.workshop / "maven"), str(into)],
        doing=f"fetching {len(jars)} jars",
        folder=library,
        work=work,
        environment=_environment(library),
        text="\n".join(f"{jar.group}:{jar.artifact}:{jar.version}" for jar in jars),
    )


def _environment(library: Path) -> dict[str, str]:
    """Certificates that the user trusts for one index client are trusted for the resolver too."""
    trusted = {"REQUESTS_CA_BUNDLE": os.environ["PIP_CERT"]} if os.environ.get("PIP_CERT") else {}
    return trusted | dict(os.environ) | {"PYTHONPATH": str(library)}


def _verify(jar: Jar, path: Path) -> None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise MachineError(f"{jar.file_name} was not delivered", remedy="try again; check the Maven mirror") from None
    if found != jar.sha256:
        raise MachineError(
            f"{jar.file_name} has SHA-256 {found}, expected {jar.sha256}",
            remedy="the mirror serves something else: use another one",
        )
