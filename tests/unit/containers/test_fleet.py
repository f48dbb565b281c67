"""The containers of a run: told of by the engine's events, gone at its end."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from docker.errors import APIError

from harness.contract.subject import SubjectImage
from harness.core.errors import MachineError
from harness.provision.engine import Engine
from harness.provision.images import Image
from harness.run.containers import fleet as fleet_module
from harness.run.containers.fleet import Fleet
from harness.run.containers.owner import COMPONENT
from harness.run.containers.parts import ContainerParts, readable_roots
from harness.run.containers.spec import ContainerSpec
from harness.run.parts import NativeParts, Told
from harness.run.placement import InstancePlace
from harness.run.stack.surface import Exited
from tests.unit.containers.test_managed import Component, Handle
from tests.unit.provision.fake_engine import fake_engine

NOTHING = {
    "GET /containers/json": (200, b"[]"),
    "GET /networks": (200, b"[]"),
    "GET /volumes": (200, b'{"Volumes": null}'),
}


class Stream:
    """The engine's events; ``close`` ends them."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (event := self._events.get()) is not None:
            yield event

    def die(self, component: str, code: int) -> None:
        attributes = {COMPONENT: component, "exitCode": str(code)}
        self._events.put({"Actor": {"Attributes": attributes}, "timeNano": 7_000_000_000})

    def close(self) -> None:
        self._events.put(None)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    stream = Stream()

    class Client:
        def __init__(self, base_url: str) -> None:
            assert base_url == os.environ["DOCKER_HOST"]

        def events(self, **options: Any) -> Stream:
            assert options["filters"]["label"] == "observability-harness.run=r1"
            return stream

        def close(self) -> None:
            pass

    monkeypatch.setattr(fleet_module.docker, "DockerClient", Client)
    monkeypatch.setenv("DOCKER_HOST", "unset")
    monkeypatch.setattr(fleet_module.testcontainers_config, "ryuk_disabled", False)
    monkeypatch.delenv("TESTCONTAINERS_RYUK_DISABLED", raising=False)
    return stream


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "e"


def spec(name: str) -> ContainerSpec:
    made: Any = Component(Handle())
    return ContainerSpec(name, lambda: made)


def test_deaths_are_told_and_nothing_stays(socket: Path, stream: Stream) -> None:
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with fake_engine(socket, NOTHING), Fleet(Engine(str(socket)), "r1", told.put) as fleet:
        assert fleet_module.testcontainers_config.ryuk_disabled, "clean-up is ours"
        part = fleet.start(spec("c/a"))
        assert told.get(timeout=5).id == "c/a"
        assert fleet.pids() == [100]
        stream.die("c/stranger", 1)
        stream.die("c/a", 1)
        assert told.get(timeout=5) == Exited("c/a", 100, 7.0, 1, expected=False)
        assert not part.alive
        assert fleet.pids() == []
        assert fleet.containers == (part,)


def test_an_engine_that_ends_takes_every_container_along(socket: Path, stream: Stream) -> None:
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with fake_engine(socket, NOTHING), Fleet(Engine(str(socket)), "r1", told.put) as fleet:
        fleet.start(spec("c/a"))
        told.get(timeout=5)
        stream.close()
        assert told.get(timeout=5).code is None


def test_what_cannot_be_removed_is_an_error(socket: Path, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "_PATIENCE_S", 0.05)
    listed = {**NOTHING, "GET /containers/json": (200, orjson.dumps([{"Id": "stays", "Labels": {}}]))}
    with fake_engine(socket, listed):
        fleet = Fleet(Engine(str(socket)), "r1", lambda _event: None).__enter__()
        fleet.start(spec("c/a"))
        with pytest.raises(MachineError, match="cannot be removed: container stays"):
            fleet.close()
    fleet.close()
    assert fleet.cpu_s == {"c/a": 0.5}


class Reaper:
    """That of testcontainers, as far as it is asked."""

    started = 0
    fails = ""

    @classmethod
    def get_instance(cls) -> None:
        cls.started += 1
        if cls.fails:
            raise APIError("404", explanation=cls.fails)


@pytest.fixture
def reaper(monkeypatch: pytest.MonkeyPatch) -> type[Reaper]:
    monkeypatch.setattr(fleet_module, "Reaper", Reaper)
    monkeypatch.setattr(Reaper, "started", 0)
    return Reaper


@pytest.mark.parametrize(("asked", "started"), [(None, 0), ("true", 0), ("false", 1)])
def test_the_reaper_of_testcontainers_is_started_once_and_only_where_it_is_asked_for(
    socket: Path, stream: Stream, reaper: type[Reaper], monkeypatch: pytest.MonkeyPatch, asked: str | None, started: int
) -> None:
    if asked:
        monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", asked)
        monkeypatch.setattr(fleet_module.testcontainers_config, "ryuk_disabled", asked == "true")
    with fake_engine(socket, NOTHING), Fleet(Engine(str(socket)), "r1", lambda _event: None) as fleet:
        fleet.start(spec("c/a"))
        fleet.start(spec("c/b"))
    assert reaper.started == started


def test_a_reaper_that_cannot_be_started_is_told_with_what_does_without(
    socket: Path, stream: Stream, reaper: type[Reaper], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "false")
    monkeypatch.setattr(reaper, "fails", "no such image")
    with fake_engine(socket, NOTHING), pytest.raises(MachineError, match=r"testcontainers/ryuk.*no such image") as told:
        Fleet(Engine(str(socket)), "r1", lambda _event: None).__enter__()
    assert "TESTCONTAINERS_RYUK_DISABLED" in told.value.remedy


def test_the_fewest_folders_are_mounted_that_show_all_logs() -> None:
    run = Path("/tmp/run")
    patterns = ["/tmp/run/cells/a/x.log", "/tmp/run/cells/b/y.log", "/var/log/shop/*.log", "/srv/*/logs/a.log"]
    assert readable_roots(patterns, run) == [Path("/srv"), run, Path("/var/log/shop")]


def test_every_part_is_described_by_its_class_image_and_limits(
    socket: Path, stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from testcontainers.core import container as testcontainers_container

    class NoClient:
        pass

    monkeypatch.setattr(testcontainers_container, "DockerClient", NoClient)
    names = ("prometheus", "alertmanager", "filebeat", "elasticsearch", "toxiproxy")
    images = {name: Image(name, f"own/{name}:v1.2", False, "64m", 1.0) for name in names}
    native: Any = NativeParts({}, None)  # type: ignore[arg-type]
    parts = ContainerParts(images, Fleet(Engine("/e"), "r1", lambda _event: None), native, tmp_path)
    config = tmp_path / "config.yml"
    specs: list[Any] = [
        parts.prometheus("c/p", tmp_path, 1, ("--flag",), config),
        parts.alertmanager("c/a", tmp_path, 2, config),
        parts.filebeat("c/f", tmp_path / "f", 3, config, [str(tmp_path / "logs" / "a.log")]),
        parts.elasticsearch("c/e", tmp_path, 4, 5),
        parts.toxiproxy("c/t", tmp_path, 6),
    ]
    made: list[Any] = [spec.make() for spec in specs]
    assert [one.image for one in made] == [f"own/{name}:v1.2" for name in names]
    assert [spec.ports for spec in specs] == [(1,), (2,), (3,), (4, 5), (6,)]
    assert {one._kwargs["mem_limit"] for one in made} == {"64m"}
    assert [("user" in one._kwargs) for one in made] == [True, True, True, False, True]
    assert made[2].volumes[str(tmp_path)]["mode"] == "ro"
    assert made[2].volumes[str(tmp_path / "f")]["mode"] == "rw"
    place = InstancePlace("shop-0", 0, {"app": 7, "admin": 8}, tmp_path / "logs", tmp_path / "data")
    for folder in (place.logs, place.data):
        folder.mkdir()
    told = Told(("-v",), {"A": "1"}, 3.0)
    spec: Any = parts.subject("c/shop-0", SubjectImage(name="shop:1", memory="32m"), place, told)
    subject: Any = spec.make()
    assert (subject._kwargs["network"], subject.ports, subject._command, subject.env) == (
        "host",
        {},
        ["-v"],
        {"A": "1"},
    )
    assert (spec.ports, spec.grace_s, spec.outputs["stdout"]) == ((7, 8), 3.0, place.logs / "stdout.log")
    assert place.logs.stat().st_mode & 0o777 == 0o777, "the image's own user writes there"
    monkeypatch.setattr(Fleet, "network", lambda _self, cell: f"network of {cell}")
    fixed = SubjectImage(name="shop:1", ports={"app": 80, "admin": 81})
    spec = parts.subject("c/shop-0", fixed, place, told)
    assert spec.make().ports == {"80": ("127.0.0.1", 7), "81": ("127.0.0.1", 8)}
    assert spec.make()._kwargs["network"] == "network of c"
    assert (parts.version("prometheus"), parts.version("none")) == ("1.2", "")
