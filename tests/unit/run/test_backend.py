"""Where the parts run: what was asked for, else the first backend that says why it fits."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.errors import ConfigError
from harness.request import CampaignRequest
from harness.run.backend import Backend, choose_backend


def request(backend: str) -> CampaignRequest:
    return CampaignRequest(paths=(), bundle="", backend=backend)


def test_what_is_asked_for_is_taken() -> None:
    assert choose_backend(request("native")) == Backend("native", "asked for")


def test_auto_takes_the_first_that_fits_and_says_why() -> None:
    choices = {"engine": lambda _: "", "native": lambda _: "binaries are here", "never": lambda _: "too late"}
    assert choose_backend(request("auto"), choices) == Backend("native", "binaries are here")


def test_auto_falls_to_the_components_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    assert choose_backend(request("auto")).name == "native"


def attached(backend: str, **more: Any) -> CampaignRequest:
    return CampaignRequest(paths=(), bundle="", backend=backend, **more)


def test_auto_attaches_where_a_system_is_named() -> None:
    chosen = choose_backend(attached("auto", attach="attach.yaml"))
    assert chosen == Backend("attach", "an attach file is named")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (attached("attach"), "not said what to attach to"),
        (attached("native", attach="a.yaml"), "--backend native does not look at one"),
        (attached("attach", attach="a.yaml", speed=20.0), "--speed means nothing to a running system"),
        (attached("auto", attach="a.yaml", hold=True), "--hold means nothing to a running system"),
        (attached("auto", since="1h"), "--from is about a running system"),
        (attached("native", required=("logs",)), "--require is about a running system"),
    ],
)
def test_options_of_a_running_system_mean_nothing_elsewhere(asked: CampaignRequest, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        choose_backend(asked)


def test_a_misspelt_backend_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'native'"):
        choose_backend(request("natve"))


def test_nothing_that_fits_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no backend can be used here"):
        choose_backend(request("auto"), {"engine": lambda _: ""})
