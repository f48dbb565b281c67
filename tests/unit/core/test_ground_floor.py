"""Places in files, durations and YAML with positions."""

from pathlib import Path

import pytest

from harness.core.errors import ConfigError, HarnessError, Location
from harness.core.source import load_yaml, nearest, parse_yaml, read_text
from harness.core.units import (
    ProductionSeconds,
    WallSeconds,
    format_duration,
    parse_duration,
    to_production,
    to_wall,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("1h30m", 5400), ("250ms", 0.25), ("1y1w1d", 32_227_200), ("1m1ms", 60.001)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "1", "s", "1s1m", "1m1m", "1.5s", "-1s", "1 s", "1S", "٣s "])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_no_time_is_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_duration(-1)


def test_the_two_clocks() -> None:
    assert to_wall(ProductionSeconds(60), 60) == 1
    assert to_production(WallSeconds(1), 60) == 60


def test_errors_are_whole_messages() -> None:
    assert str(Location("f")) == "f"
    assert str(Location("f", 3)) == "f:3"
    assert str(Location("f", 0, 7)) == "f"
    assert str(HarnessError("bad", location=Location("f", 3, 7), remedy="mend")) == "f:3:7: bad\n  remedy: mend"
    assert str(HarnessError("bad")) == "bad"


def test_positions_of_keys_and_values() -> None:
    document = parse_yaml("a: &x {b: 1}\nc:\n  <<: *x\n  d: [2, 3]\n", "f")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1, "d": [2, 3]}}
    assert str(document.locate(("c", "d", 1))) == "f:4:10"
    assert str(document.locate(("c", "d"), key=True)) == "f:4:3"
    assert str(document.locate(("c", "d", 9, "x"), key=True)) == "f:4:6"
    assert str(document.locate(("c", "b"))) == "f:1:11"
    assert parse_yaml("", "f").data is None
    assert str(parse_yaml("", "f").locate(("a",))) == "f"


def test_what_a_mapping_writes_beats_what_it_merges() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {a: 2, c: 2}\nz: {<<: [*x, *y], b: 3}\n"
    assert parse_yaml(text, "f").data["z"] == {"a": 1, "b": 3, "c": 2}


@pytest.mark.parametrize(
    ("text", "place"), [("a: 1\na: 2", "f:2:1"), ("<<: 1", "f:1:5"), ("? {}\n: 1", "f:1:3"), ("a: !!int x", "f:1:4")]
)
def test_problems_have_places(text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "f")
    assert str(caught.value.location) == place


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist") as caught:
        load_yaml(tmp_path / "x.yaml", shown_as="x.yaml")
    assert caught.value.remedy
    (tmp_path / "b").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8 text: invalid start byte at byte 0"):
        read_text(tmp_path / "b")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_text(tmp_path)


def test_nearest() -> None:
    assert nearest("alrt", ["alert", "log"]) == "did you mean 'alert'?"
    assert nearest("zzz", ["alert"]) == ""
