"""What an attach file may say, what opens servers, and which windows there are."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.contract import load_campaign
from harness.contract.attach import AttachFile, load_attach
from harness.contract.window import shown_instant, window_of
from harness.core.errors import ConfigError
from harness.run.attach.servers import open_servers
from tests.unit.attach.conftest import TINY

NOW = 1_800_000_000.0


def opened(folder: Path, text: str) -> object:
    file = folder / "attach.yaml"
    file.write_text(f"harness: attach/1\n{text}")
    return open_servers(load_campaign([TINY]), file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it names no server"),
        ("prometheus: {url: 'prometheus:9090'}", "is not a web address"),
        ("prometheus: {url: 'http://reader:secret@p'}", "no secret stands in an address"),
        ("prometheus: {url: 'http://p', bearer: abc}", "unknown key 'bearer'"),
        ("prometheus: {url: 'http://p', bearer_from: {}}", "name either a variable"),
        ("prometheus: {url: 'http://p', bearer_from: A, basic: {username: a, password_from: B}}", "choose between"),
        ("prometheus: {url: 'http://p', key_file: k.pem}", "a key_file belongs to a certificate_file"),
        ("prometheus: {url: 'http://p', bearer_from: NO_SUCH_VARIABLE}", "attach.yaml:2:44: the variable NO_SUCH"),
        ("prometheus: {url: 'http://p', bearer_from: {file: nowhere}}", "there is no file nowhere"),
        ("prometheus: {url: 'http://p', ca_file: nowhere.pem}", "there is no file nowhere.pem"),
        ("subject: {instances: {a: {appp: 'http://a'}}}", "did you mean 'app'"),
        ("subject: {instances: {a: {app: 'a:80'}}}", "is not a web address"),
        ("elasticsearch: {url: 'http://e', streams: {request: {a: b}}}", "did you mean 'requests'"),
    ],
)
def test_what_does_not_add_up_is_named_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(tmp_path, text)
    assert words in str(caught.value)
    assert "attach.yaml:" in str(caught.value)


@pytest.mark.parametrize("value", ["", "two\nlines", "schlüssel"])
def test_a_secret_that_no_header_carries_is_refused_without_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ODD", value)
    with pytest.raises(ConfigError, match="holds what no header can carry") as caught:
        opened(tmp_path, "prometheus: {url: 'http://p', bearer_from: ODD}")
    assert not value or value not in str(caught.value)


def test_the_example_of_the_reference_is_one() -> None:
    page = (TINY.parents[1] / "docs" / "reference" / "attach.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert AttachFile.model_validate(yaml.safe_load(example)).prometheus is not None


def test_another_file_is_not_taken_for_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is no attach file"):
        load_attach(TINY / "profile.yaml")


def test_the_present_is_the_usual_window() -> None:
    window = window_of("", "", NOW, 900)
    assert (window.since, window.until, window.live) == (NOW - 900, NOW, True)


def test_a_window_is_written_as_instants_or_as_how_long_ago() -> None:
    assert str(window_of("2027-01-15T07:00:00Z", "30m", NOW, 900)) == "2027-01-15T07:00:00Z to 2027-01-15T07:30:00Z"
    assert window_of("", "1h", NOW, 900).since == NOW - 4500
    assert not window_of("1h", "", NOW, 900).live
    assert shown_instant(NOW) == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("30m", "1h", "ends before it begins"),
        ("", "2100-01-01T00:00:00Z", "ends in the future"),
        ("yesterday", "", "--from 'yesterday' is no instant"),
        ("", "2027-01-15T07:00:00", "--to '2027-01-15T07:00:00' is no instant"),
    ],
)
def test_a_window_that_cannot_be_is_refused(since: str, until: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        window_of(since, until, NOW, 900)
