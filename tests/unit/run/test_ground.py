"""What a backend needs: an engine, images of every part, the package that starts them; else a reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.contract.subject import Start, TlsPort
from harness.core.errors import ConfigError, MachineError
from harness.core.source import parse_yaml
from harness.provision.images import MissingImagesError, read_images
from harness.request import CampaignRequest
from harness.run.backend import choose_backend
from harness.run.ground import container_images, prepare
from tests.unit.provision.fake_engine import fake_engine

AUTO = CampaignRequest(paths=(), bundle="")
INFO = {"GET /info": (200, b'{"OSType": "linux"}')}


@pytest.fixture
def socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'e'}")
    return tmp_path / "e"


def stand_ins() -> dict[str, tuple[int, bytes]]:
    names = [entry.stand_in.replace(":", "%3A") for entry in read_images({}).values()]
    return {f"GET /images/{name}/json": (200, b'{"Id": "1"}') for name in names}


def test_auto_takes_containers_where_engine_and_images_are_there(socket: Path) -> None:
    with fake_engine(socket, {**INFO, **stand_ins()}):
        chosen = choose_backend(AUTO)
    assert chosen.name == "containers"
    assert chosen.reason == f"the engine on {socket} has all 5 images, 5 of them stand-ins"


def test_auto_takes_processes_where_an_image_is_missing_or_no_engine_answers(socket: Path) -> None:
    with fake_engine(socket, INFO):
        assert choose_backend(AUTO).name == "native"
    assert choose_backend(AUTO).name == "native"


def test_containers_that_are_asked_for_are_refused_with_what_is_missing(socket: Path) -> None:
    with pytest.raises(MachineError, match="no container engine answers"):
        prepare("containers", {"prometheus"}, subject(command=["run"]), print)
    with fake_engine(socket, INFO), pytest.raises(MissingImagesError, match="prom/prometheus") as refusal:
        prepare("containers", {"prometheus"}, subject(command=["run"]), print)
    assert refusal.value.remedy == "harness images"


def test_a_prometheus_in_a_container_is_handed_no_key() -> None:
    with pytest.raises(ConfigError, match="cannot be handed these files"):
        prepare("containers", {"prometheus"}, subject({"authority": "ca.pem"}, command=["run"]), print)


def subject(tls: dict[str, Any] | None = None, **start: object) -> Any:
    """A campaign, as far as it is asked."""
    document = parse_yaml("start: {image: shop:1}", "profile.yaml")
    profile = SimpleNamespace(start=Start.model_validate(start), tls={"app": TlsPort(**tls)} if tls else {})
    return SimpleNamespace(profile=profile, profile_source=SimpleNamespace(document=document))


def test_a_subject_that_is_an_image_alone_needs_containers(socket: Path) -> None:
    with pytest.raises(ConfigError, match="the subject is an image alone") as refusal:
        prepare("native", set(), subject(image="shop:1"), print)
    assert str(refusal.value.location) == "profile.yaml:1:16"
    assert refusal.value.remedy == "--backend containers"


def test_a_subjects_image_must_be_there(socket: Path) -> None:
    with (
        fake_engine(socket, {**INFO, **stand_ins()}),
        pytest.raises(ConfigError, match="the subject's image shop:1 is not there"),
    ):
        prepare("containers", {"prometheus"}, subject(image="shop:1"), print)
    shop = {"GET /images/shop%3A1/json": (200, b'{"Id": "1"}')}
    with fake_engine(socket, {**INFO, **stand_ins(), **shop}):
        prepare("containers", {"prometheus"}, subject(image="shop:1"), print)


def test_without_the_package_its_name_is_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MachineError, match="testcontainers is not installed") as refusal:
        container_images({"prometheus"})
    assert "observability-harness[containers]" in refusal.value.remedy
