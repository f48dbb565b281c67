"""A subject that is given as an image: what fits together, and where what does not is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.contract import load_campaign
from harness.core.errors import ConfigError

TINY = Path(__file__).resolve().parents[3] / "fixtures" / "tiny"


def load(place: Path, start: str) -> object:
    shutil.copytree(TINY, place, ignore=shutil.ignore_patterns("service"))
    text = (place / "profile.yaml").read_text()
    begin, end = text.index("start:"), text.index("ports: [app]")
    (place / "profile.yaml").write_text(f"{text[:begin]}start: {start}\n{text[end:]}")
    return load_campaign([place / "campaign.yaml"]).profile.start.image


def test_a_name_is_enough(tmp_path: Path) -> None:
    image = load(tmp_path / "t", "{image: 'shop:1'}")
    assert getattr(image, "name", "") == "shop:1"


def test_it_may_stand_beside_a_command(tmp_path: Path) -> None:
    assert load(tmp_path / "t", "{command: [shop], image: {name: 'shop:1', ports: {app: 80}, cpus: 0.5}}")


@pytest.mark.parametrize(
    ("start", "place", "says"),
    [
        ("{image: 'shop:1', running: {app: 80}}", "profile.yaml:4:8", "either a command that starts it or the ports"),
        ("{image: 'shop:1', launcher: [a]}", "profile.yaml:4:8", "a launcher is told a command, and there is none"),
        ("{image: {name: 'shop:1', ports: {web: 80}}}", "profile.yaml:2:1", "ports of the image must name each of app"),
        ("{image: {name: 'shop:1', ports: {app: 0}}}", "profile.yaml:4:46", "greater than or equal to 1"),
        ("{image: {nam: 'shop:1'}}", "profile.yaml:4:17", "nam"),
        ("{image: {name: 'shop:1', cpus: 0}}", "profile.yaml:4:39", "greater than 0"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(tmp_path: Path, start: str, place: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refusal:
        load(tmp_path / "t", start)
    assert str(refusal.value.location).endswith(place)
