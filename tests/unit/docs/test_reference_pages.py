"""The reference says what the code says: generated parts are fresh, lists written by hand are complete."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from harness.artefacts.clock import REFUSED
from harness.clauses.fitness import COUNTERS
from harness.core.events import VERDICTS
from harness.provision.settings import _NAMES

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"
VARIABLE = re.compile(r"\bHARNESS_[A-Z_]*[A-Z]\b")


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["files.md", "commands.md", "bundle.md", "specification-coverage.md", "defects.md"])
def test_generated_parts_are_fresh(name: str) -> None:
    assert read(name) == generator().documents()[name], "run: .venv/bin/python docs/generate.py"


def test_writing_again_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in REFERENCE.iterdir()}
    assert generator().main() == 0
    assert "nothing" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in REFERENCE.iterdir()} == before


def test_what_differs_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in REFERENCE.iterdir():
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8").replace("| Key |", "| Schlüssel |"))
    monkeypatch.setattr(generator(), "REFERENCE", tmp_path)
    generator().main()
    assert (tmp_path / "files.md").read_text(encoding="utf-8") == read("files.md")


def test_every_key_has_words() -> None:
    meanings = generator().meanings()
    dumb = [f"{model}.{key}" for model, words in meanings.items() for key, text in words.items() if not text]
    assert dumb == [], "say in docs/reference/keys.yaml what these keys mean"


def test_no_words_are_about_nothing() -> None:
    written = {f"{model}.{key}" for model, words in generator().words_by_hand().items() for key in words}
    assert written <= {f"{model}.{key}" for model, keys in generator().key_names().items() for key in keys}


def test_every_verb_has_a_section() -> None:
    assert set(re.findall(r"(?m)^## harness (\w+)$", read("commands.md"))) == set(generator().verbs())


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", read("README.md")))
    assert linked == {path.name for path in REFERENCE.glob("*.md")} - {"README.md"}


def test_every_variable_is_explained_and_none_is_invented() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "harness").rglob("*.py"))
    tools = {f"HARNESS_{name.upper()}_BINARY" for name in _NAMES}
    text = read("environment.md")
    assert {name.upper() for name in _NAMES} <= set(re.findall(r"[A-Z]+", text.replace("_", " ")))
    assert set(VARIABLE.findall(code)) - tools - {"HARNESS_X_BINARY"} == set(VARIABLE.findall(text)) - tools


@pytest.mark.parametrize("function", REFUSED)
def test_every_refused_function_is_named(function: str) -> None:
    assert f"`{function}`" in read("time.md")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_has_a_row(verdict: str) -> None:
    assert f"| {verdict} |" in read("verdicts.md")


@pytest.mark.parametrize("counter", COUNTERS)
def test_every_counter_of_fitness_has_a_row(counter: str) -> None:
    assert f"`{counter}` |" in read("verdicts.md")
