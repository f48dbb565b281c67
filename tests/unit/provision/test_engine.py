"""The engine's socket: what is asked, what is understood, what is refused with a reason."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from harness.provision.engine import Engine, EngineFaultError, find_engine, require_local
from tests.unit.provision.fake_engine import fake_engine


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "e.sock"


def test_the_engine_is_named_or_the_usual_one() -> None:
    assert find_engine({}).socket == "/var/run/docker.sock"
    assert find_engine({"DOCKER_HOST": "unix:///run/own.sock"}).host == "unix:///run/own.sock"


@pytest.mark.parametrize("host", ["tcp://build-machine:2376", "ssh://there", "unix://relative"])
def test_an_engine_elsewhere_is_refused(host: str) -> None:
    with pytest.raises(EngineFaultError, match="only an engine of this machine") as refusal:
        find_engine({"DOCKER_HOST": host})
    assert "--backend native" in refusal.value.remedy


def test_no_engine_is_a_reason_with_a_remedy(place: Path) -> None:
    with pytest.raises(EngineFaultError, match=f"no container engine answers on {place}") as refusal:
        Engine(str(place)).info()
    assert "start an engine" in refusal.value.remedy


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({"OperatingSystem": "Docker Desktop", "OSType": "linux"}, "virtual machine"),
        ({"OSType": "windows"}, "virtual machine"),
        ({"OSType": "linux", "SecurityOptions": ["name=seccomp", "name=rootless"]}, "rootless"),
    ],
)
def test_an_engine_whose_loopback_is_another_is_refused(info: dict[str, object], why: str) -> None:
    with pytest.raises(EngineFaultError, match=why):
        require_local(info)


def test_an_engine_of_this_linux_is_taken() -> None:
    require_local({"OSType": "linux", "OperatingSystem": "Debian", "SecurityOptions": ["name=seccomp"]})


def test_what_is_there_is_told_apart_from_what_is_not(place: Path) -> None:
    answers = {"GET /images/prom/prometheus%3Av3/json": (200, b'{"Id": "1"}'), "GET /info": (200, b"{}")}
    with fake_engine(place, answers):
        engine = Engine(str(place))
        assert engine.image("prom/prometheus:v3") == {"Id": "1"}
        assert engine.image("prom/other:v3") is None
        assert engine.info() == {}


def test_a_refusal_carries_the_engines_words(place: Path) -> None:
    answers = {"GET /info": (500, b'{"message": "disk is full"}'), "GET /networks": (500, b"plain")}
    with fake_engine(place, answers):
        with pytest.raises(EngineFaultError, match="disk is full") as refusal:
            Engine(str(place)).info()
        assert refusal.value.status == 500
        with pytest.raises(EngineFaultError, match="plain"):
            Engine(str(place)).owned("networks", "a=b")


def test_a_build_sends_the_context_and_hears_of_its_failure(place: Path) -> None:
    failed = b'{"stream": "Step 1"}\n\n{"error": "no such base"}\n'
    with (
        fake_engine(place, {"POST /build": (200, failed)}) as seen,
        pytest.raises(EngineFaultError, match="no such base"),
    ):
        Engine(str(place)).build("own/image:1", iter([b"one", b"two"]), {"BASE": "b"})
    assert "t=own/image:1" in seen[0]
    assert '{"BASE":"b"}' in seen[0]
    assert seen[1] == "onetwo"


def test_a_pull_names_image_and_tag(place: Path) -> None:
    with fake_engine(place, {"POST /images/create": (200, b'{"status": "ok"}')}) as seen:
        Engine(str(place)).pull("prom/prometheus:v3")
        Engine(str(place)).pull("plain")
    assert "fromImage=prom/prometheus&tag=v3" in seen[0]
    assert "fromImage=plain&tag=latest" in seen[1]


def test_what_carries_a_label_is_listed_and_removed(place: Path) -> None:
    answers = {
        "GET /containers/json": (200, b'[{"Id": "c"}]'),
        "GET /volumes": (200, b'{"Volumes": [{"Name": "v"}]}'),
        "GET /networks": (200, b'[{"Id": "n"}]'),
        "DELETE /containers/c": (204, b""),
        "DELETE /volumes/v": (409, b'{"message": "in use"}'),
        "DELETE /networks/n": (500, b'{"message": "broken"}'),
    }
    with fake_engine(place, answers) as seen:
        engine = Engine(str(place))
        assert engine.owned("containers", "run=1") == [{"Id": "c"}]
        assert engine.owned("volumes", "run=1") == [{"Name": "v"}]
        assert engine.owned("networks", "run=1") == [{"Id": "n"}]
        engine.remove("containers", "c")
        engine.remove("containers", "gone")
        engine.remove("volumes", "v")
        with pytest.raises(EngineFaultError, match="broken"):
            engine.remove("networks", "n")
    assert "all=1" in seen[0]
    assert orjson.dumps({"label": ["run=1"]}).decode() in seen[0]
    assert "force=1&v=1" in seen[3]
