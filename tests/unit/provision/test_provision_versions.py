"""Versions are read from the build information that the Go linker writes, and compared as numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.provision.buildinfo import read_build_info
from harness.provision.sets import NATIVE
from harness.provision.versions import binary_version, parse_version, version_text, within

MAGIC = b"\xff Go buildinf:"
SENTINEL = b"0123456789abcdef"


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def string(text: bytes) -> bytes:
    return varint(len(text)) + text


def go_binary(path: Path, lines: str, *, flags: int = 2, lead: bytes = b"ELF".ljust(64, b"\0")) -> Path:
    header = MAGIC + bytes([8, flags]) + bytes(16)
    modules = SENTINEL + lines.encode() + SENTINEL
    path.write_bytes(lead + header + string(b"go1.26.8") + string(modules) + b"\0" * 64)
    return path


PROMETHEUS = (
    "path\tgithub.com/prometheus/prometheus/cmd/prometheus\n"
    "mod\tgithub.com/prometheus/prometheus\tv0.316.0\th1:x=\n"
    "dep\tgithub.com/beorn7/perks\tv1.0.1\th1:y=\n"
    "build\t-compiler=gc\n"
)


def test_build_information_is_read_without_running_the_binary(tmp_path: Path) -> None:
    info = read_build_info(go_binary(tmp_path / "p", PROMETHEUS))
    assert info is not None
    assert info.go_version == "go1.26.8"
    assert (info.module, info.version) == ("github.com/prometheus/prometheus", "v0.316.0")
    assert info.path.endswith("cmd/prometheus")
    assert info.dependencies == (("github.com/beorn7/perks", "v1.0.1"),)


def test_a_magic_that_is_not_aligned_is_passed_over(tmp_path: Path) -> None:
    lead = b"x" + MAGIC + b"junk".ljust(64 - 1 - len(MAGIC), b"\0")
    assert read_build_info(go_binary(tmp_path / "p", PROMETHEUS, lead=lead)) is not None


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\nexit 0\n", MAGIC, MAGIC + bytes([8, 2]) + bytes(16) + b"\xff" * 20]
)
def test_what_is_no_go_binary_has_no_build_information(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p"
    path.write_bytes(content)
    assert read_build_info(path) is None
    assert read_build_info(tmp_path / "absent") is None


def test_a_binary_of_before_go_1_18_has_no_build_information(tmp_path: Path) -> None:
    assert read_build_info(go_binary(tmp_path / "p", PROMETHEUS, flags=0)) is None


def test_a_module_version_of_prometheus_is_its_release(tmp_path: Path) -> None:
    """Release 3.16.0 is tagged v0.316.0 as a module: read naively it would be refused as version 0."""
    assert binary_version(NATIVE.by_name["prometheus"], go_binary(tmp_path / "p", PROMETHEUS)) == (3, 16, 0)


def test_a_main_of_our_own_tells_the_version_of_what_it_wraps(tmp_path: Path) -> None:
    lines = (
        "path\tharness.local/filebeat\nmod\tharness.local/filebeat\t(devel)\n"
        "dep\tgithub.com/elastic/beats/v7\tv7.12.1\n"
    )
    assert binary_version(NATIVE.by_name["filebeat"], go_binary(tmp_path / "p", lines)) == (7, 12, 1)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("prometheus, version 2.42.0+ds", (2, 42, 0)),
        ("v1.2", (1, 2)),
        ("(devel)", None),
        ("", None),
        ("go1.27", (1, 27)),
    ],
)
def test_the_first_number_in_a_text_is_the_version(text: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(text) == version


def test_ranges_include_their_start_and_exclude_their_end() -> None:
    accepts = ((3, 5), (4,))
    assert [within(v, accepts) for v in ((3, 5, 0), (3, 16, 0), (4, 0, 0), (2, 53, 0), None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert version_text((3, 5)) == "3.5"
    assert version_text(None) == "unknown"
