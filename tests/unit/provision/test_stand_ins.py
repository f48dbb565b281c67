"""What a stand-in image holds, and that it is built only when it differs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from harness.provision.engine import Engine
from harness.provision.image_commands import images_command
from harness.provision.images import ImageEntry
from harness.provision.sets import ELASTICSEARCH_JARS, data_folder, read_jars
from harness.provision.stand_ins import RootFiles, build_stand_in, libraries_of, root_of, tar_of
from harness.provision.tool import Tool
from tests.unit.provision.fake_engine import fake_engine

ENTRY = ImageEntry("official/t:1", "own/toxiproxy:1")


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    binary = tmp_path / "toxiproxy"
    binary.write_bytes(b"program")
    binary.chmod(0o755)
    return Tool("toxiproxy", "1", binary, "here")


def test_the_context_holds_the_dockerfile_and_the_root(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("run")
    program.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(program)
    target = io.BytesIO()
    tar_of(target, "FROM scratch\n", RootFiles({"/bin/p": link}, {"/etc/c": "text"}, ["/tmp", "/data"]))
    with tarfile.open(fileobj=target) as archive:
        found = {member.name: member for member in archive}
        assert set(found) == {"Dockerfile", "root/tmp", "root/data", "root/etc/c", "root/bin/p"}
        assert found["root/bin/p"].isreg(), "a link of this machine is a file in the image"
        assert found["root/bin/p"].mode & 0o111
        assert found["root/tmp"].mode == 0o1777
        content = archive.extractfile("root/bin/p")
        assert content is not None
        assert content.read() == b"run"


def test_a_linked_program_brings_its_libraries() -> None:
    libraries = libraries_of([Path(sys.executable).resolve()])
    assert any("libc" in path.name for path in libraries)
    assert all(path.is_file() for path in libraries)


def test_elasticsearch_brings_java_its_jars_and_the_shell_of_its_entry_point(tmp_path: Path) -> None:
    home = tmp_path / "java"
    (home / "bin").mkdir(parents=True)
    (home / "jmods").mkdir()
    for name in ("bin/java", "lib.so", "jmods/big"):
        (home / name).write_text("x")
    extra = {"java": home / "bin" / "java", "jars": tmp_path, "launcher": tmp_path / "launcher.jar"}
    extra["archive"] = tmp_path / "classes"
    root = root_of("elasticsearch", Tool("elasticsearch", "8", home / "bin" / "java", "here", extra))
    place = "/usr/share/elasticsearch"
    assert root.files[f"{place}/jdk/bin/java"] == home / "bin" / "java"
    assert f"{place}/jdk/jmods/big" not in root.files
    assert "/bin/sh" in root.files
    path = root.texts[f"{place}/class-path"].split(":")
    assert [name.rpartition("/")[2] for name in path] == [
        "launcher.jar",
        *(jar.file_name for jar in read_jars(ELASTICSEARCH_JARS)),
    ]
    assert root.files[path[1]] == Path(path[1]), (
        "under the path of this machine, as the archive of its classes wants it"
    )
    assert root.files[f"{place}/classes.jsa"] == tmp_path / "classes"
    assert "eswrapper" not in root.texts["/usr/local/bin/docker-entrypoint.sh"]


@pytest.mark.parametrize(
    ("variables", "host", "has_archive"),
    [
        ({}, "network.host: 0.0.0.0", False),
        ({"network.host": "127.0.0.1"}, 'network.host: "127.0.0.1"', True),
    ],
)
def test_its_settings_come_from_the_environment_and_are_else_those_of_the_official_image(
    tmp_path: Path, variables: dict[str, str], host: str, has_archive: bool
) -> None:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "jdk" / "bin").mkdir(parents=True)
    java = home / "jdk" / "bin" / "java"
    java.write_text(f'#!/bin/sh\nfor told; do echo "$told"; done >{tmp_path}/told\n')
    java.chmod(0o755)
    (home / "class-path").write_text("a.jar")
    if has_archive:
        (home / "classes.jsa").touch()
    script = data_folder().joinpath("stand_ins/elasticsearch/docker-entrypoint.sh").read_text(encoding="utf-8")
    (tmp_path / "entry.sh").write_text(script.replace("/usr/share/elasticsearch", str(home)))
    settings = {"discovery.type": "single-node", "xpack.security.enabled": "false", **variables}
    subprocess.run(["/bin/sh", tmp_path / "entry.sh"], env={**os.environ, **settings}, check=True)
    written = (home / "config" / "elasticsearch.yml").read_text().splitlines()
    assert 'discovery.type: "single-node"' in written
    assert [line for line in written if "network.host" in line] == [host]
    assert not [line for line in written if "xpack" in line]
    archive = [line for line in (tmp_path / "told").read_text().splitlines() if "SharedArchiveFile" in line]
    assert archive == ([f"-XX:SharedArchiveFile={home}/classes.jsa"] if has_archive else [])


def test_it_is_built_once(tmp_path: Path, tool: Tool) -> None:
    said: list[str] = []
    with fake_engine(tmp_path / "e", {"POST /build": (200, b"")}) as seen:
        assert build_stand_in(Engine(str(tmp_path / "e")), ENTRY, "toxiproxy", tool, said.append)
    label = next(line for line in seen[-1].splitlines() if line.startswith("LABEL")).partition('"')[2].rstrip('"')
    there = f'{{"Config": {{"Labels": {{"observability-harness.recipe": "{label}"}}}}}}'.encode()
    with fake_engine(tmp_path / "f", {"GET /images/own/toxiproxy%3A1/json": (200, there)}) as seen:
        assert not build_stand_in(Engine(str(tmp_path / "f")), ENTRY, "toxiproxy", tool, said.append)
    assert said == ["building own/toxiproxy:1"]
    assert not [line for line in seen if "build" in line]


@pytest.fixture
def own_images(tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "images.yaml"
    own.write_text("toxiproxy: {image: 'official/t:1', stand_in: 'own/toxiproxy:1'}")
    monkeypatch.setenv("HARNESS_IMAGES", str(own))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'e'}")
    monkeypatch.setattr("harness.provision.image_commands.ensure", lambda names: dict.fromkeys(names, tool))


LINUX = {"GET /info": (200, b'{"OSType": "linux"}')}


@pytest.mark.parametrize(
    ("answers", "options", "says"),
    [
        ({"GET /images/official/t%3A1/json": (200, b"{}")}, [], "official/t:1 (there already)"),
        ({"POST /images/create": (200, b"")}, [], "official/t:1 (fetched)"),
        ({"POST /images/create": (500, b'{"message": "no such host"}')}, [], "own/toxiproxy:1 (built; "),
        ({}, ["--stand-ins"], "own/toxiproxy:1 (built; asked for)"),
        ({}, ["--list"], "missing (official/t:1)"),
        ({"GET /images/own/toxiproxy%3A1/json": (200, b"{}")}, ["--list"], "toxiproxy: own/toxiproxy:1\n"),
    ],
)
def test_the_verb_fetches_or_builds_and_says_which(
    tmp_path: Path,
    own_images: None,
    answers: dict[str, tuple[int, bytes]],
    options: list[str],
    says: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with fake_engine(tmp_path / "e", {**LINUX, "POST /build": (200, b""), **answers}):
        assert images_command(["toxiproxy", *options]) == 0
    assert says in capfd.readouterr().out


@pytest.mark.parametrize(
    ("parts", "says"),
    [(["toxiprox"], "did you mean 'toxiproxy'?"), (["toxiproxy"], "no container engine answers")],
)
def test_what_it_cannot_do_it_says(
    own_images: None, parts: list[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert images_command(parts) == 2
    assert says in capfd.readouterr().err
