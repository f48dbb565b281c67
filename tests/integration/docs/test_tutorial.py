"""The tutorial, done as written: its files are created and its commands run in order, in a copy of this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TUTORIAL = ROOT / "docs" / "tutorial.md"
FENCE = re.compile(r"(?ms)^```(\w+)(?: (\S+))?\n(.*?)^```$")
EXIT = re.compile(r"\s+# exit (\d+)$")
TIMEOUT_S = 120


@dataclass(frozen=True)
class File:
    name: str
    text: str

    def perform(self, folder: Path, env: dict[str, str]) -> str:
        (folder / self.name).write_text(self.text, encoding="utf-8")
        return ""


@dataclass(frozen=True)
class Command:
    line: str
    exit_code: int

    def perform(self, folder: Path, env: dict[str, str]) -> str:
        ran = subprocess.run(
            ["bash", "-c", self.line], cwd=folder, env=env, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        assert ran.returncode == self.exit_code, f"$ {self.line}\n{ran.stdout[-6000:]}{ran.stderr[-3000:]}"
        return ran.stdout


def steps(text: str) -> Iterator[File | Command]:
    for language, name, body in FENCE.findall(text):
        if name:
            yield File(name, body)
        elif language == "console":
            yield from map(command, re.findall(r"(?m)^\$ (.+)$", body))


def command(line: str) -> Command:
    found = EXIT.search(line)
    return Command(EXIT.sub("", line), int(found[1]) if found else 0)


def shape(line: str) -> str:
    """A line of output without what differs from run to run: numbers and the width of columns.

    Of a hop it is only the hop: which one was seen before it is a race.
    """
    text = re.sub(r"\d[\d.]*(ms|s|m|h)?(\d[\d.]*(ms|s|m)?)*", "N", " ".join(line.split()))
    return " ".join(text.split()[:3]) if text.startswith("N ") else text


def shown(text: str) -> list[str]:
    """The lines of output that the tutorial quotes, as far as they are quoted."""
    blocks = [body for language, _, body in FENCE.findall(text) if language == "text"]
    return [shape(line.partition("…")[0]) for block in blocks for line in block.splitlines()]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a clone as the tutorial names."""
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which ``harness`` and ``pytest`` are those of this interpreter."""
    programs = tmp_path_factory.mktemp("bin")
    is_installed = (Path(sys.executable).parent / "harness").exists()
    modules = {"harness": "harness.cli", "pytest": "pytest" if is_installed else "pytest -p harness.pytest_plugin"}
    for name, module in modules.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        (programs / name).chmod(0o755)
    # nothing is covered here that other tests do not cover, and coverage takes half as long again
    inherited = {name: value for name, value in os.environ.items() if "COVERAGE_" not in name}
    return {**inherited, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def test_the_tutorial_works_as_written(checkout: Path, env: dict[str, str]) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    said = "".join(step.perform(checkout, env) for step in steps(text))
    seen = "\n".join(map(shape, said.splitlines()))
    assert [line for line in shown(text) if line not in seen] == []


def test_commands_and_files_are_found_in_order() -> None:
    text = "```sh\n$ not this\n```\n```yaml a/b.yaml\nkey: 1\n```\n```console\n$ one\noutput\n$ two  # exit 4\n```\n"
    assert list(steps(text)) == [File("a/b.yaml", "key: 1\n"), Command("one", 0), Command("two", 4)]


def test_output_is_compared_without_its_numbers() -> None:
    assert shape("  1m33.8s  healed   0.137406 > 0.1") == shape("58s healed 12 > 0.5")
    assert shape("1m33.8s healed") != shape("1m33.8s firing")
