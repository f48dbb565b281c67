"""What the doctor says of containers: what is there, what is not, and that a gate does without."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import orjson
import pytest

from harness.provision import commands
from harness.provision.doctor import doctor
from harness.provision.engine_check import engine_lines
from harness.provision.images import read_images
from tests.unit.provision.fake_engine import fake_engine

INFO = {
    "ServerVersion": "20.10.24+dfsg1",
    "OSType": "linux",
    "MemoryLimit": True,
    "SwapLimit": True,
    "CpuCfsQuota": True,
    "CgroupVersion": "2",
}
THERE = (200, b'{"Id": "1"}')


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'e'}")
    return tmp_path / "e"


def answers(*images: str, **changed: object) -> dict[str, tuple[int, bytes]]:
    there = {f"GET /images/{name.replace(':', '%3A')}/json": THERE for name in images}
    return {"GET /info": (200, orjson.dumps({**INFO, **changed})), **there}


def stand_ins() -> list[str]:
    return [entry.stand_in for entry in read_images({}).values()]


def test_engine_images_and_limits_are_told(place: Path) -> None:
    with fake_engine(place, answers(*stand_ins(), "prom/prometheus:v3.16.0")):
        engine, images, limits = engine_lines()
    assert (engine.state, engine.version, engine.where) == ("ok", "20.10.24", str(place))
    assert images.state == "ok"
    assert images.where.startswith("prom/prometheus:v3.16.0, observability-harness/prometheus:3.16.0, ")
    assert (limits.state, limits.where) == ("ok", "memory, swap, processors (control groups v2)")


def test_images_that_are_missing_are_named_with_what_brings_them(place: Path) -> None:
    with fake_engine(place, answers("prom/prometheus:v3.16.0")):
        images = engine_lines()[1]
    assert (images.state, images.remedy) == ("without", "harness images")
    assert "prom/alertmanager:v0.31.1" in images.where
    assert images.where.endswith("; prom/prometheus:v3.16.0")
    with fake_engine(place, answers()):
        assert engine_lines()[1].where.endswith("; none is there")


def test_a_file_of_images_that_is_wrong_is_broken(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.yaml").write_text("prometeus: {image: a:1}\n")
    monkeypatch.setenv("HARNESS_IMAGES", str(tmp_path / "own.yaml"))
    with fake_engine(place, answers()):
        images = engine_lines()[1]
    assert images.state == "broken"
    assert "own.yaml:1:1: there is no part 'prometeus'" in images.where


def test_limits_that_the_machine_cannot_keep_are_named(place: Path) -> None:
    with fake_engine(place, answers(*stand_ins(), MemoryLimit=False, SwapLimit=False)):
        limits = engine_lines()[2]
    assert limits.state == "without"
    assert limits.where.startswith("the engine cannot limit memory, swap (control groups v2)")
    assert "cgroup_enable=memory" in limits.remedy


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"OSType": "windows"}, "virtual machine"), ({"SecurityOptions": ["name=rootless"]}, "rootless")],
)
def test_an_engine_that_is_of_no_use_is_one_line(place: Path, changed: dict[str, object], why: str) -> None:
    with fake_engine(place, answers(**changed)):
        (line,) = engine_lines()
    assert line.state == "without"
    assert why in line.where


def test_a_gate_does_without_an_engine_or_its_package(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = engine_lines()
    assert (line.state, line.where.partition(":")[0]) == ("without", f"no container engine answers on {place}")
    monkeypatch.setattr(commands, "doctor", lambda: [line])
    assert commands.doctor_command([]) == 0
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with fake_engine(place, answers()):
        assert "observability-harness[containers]" in engine_lines()[0].remedy


def test_it_stands_among_what_the_doctor_says(place: Path) -> None:
    with fake_engine(place, answers()):
        assert [line.name for line in doctor()][-3:] == ["containers", "images", "limits"]
