"""``harness/`` serves any HTTP service: no word of the reference router's contract may stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CONTRACT = ROOT / "fixtures" / "llm_router"
SPECIFICATION = ROOT / "docs" / "specification.md"
TEXT = {".py", ".pyi", ".json", ".yaml", ".yml", ".go", ".mod", ".java", ".md", ".txt", ".toml"}


def specified_words() -> set[str]:
    """Metrics, alerts and receivers that the specification names."""
    text = SPECIFICATION.read_text(encoding="utf-8")
    metrics = text.split("## 1.")[1].split("## 2.")[0]
    first_cells = re.findall(r"^\| ([a-z_, ]+) \| (?:counter|gauge|histogram) ", metrics, re.MULTILINE)
    alerts = text.split("## 7.")[1].split("## 8.")[0]
    return {
        *(name for cell in first_cells for name in cell.split(", ")),
        *re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", "\n".join(re.findall(r"^\| ([A-Z].*?) \|", alerts, re.MULTILINE))),
        *re.findall(r"`([a-z]+-alerts)`", text),
    }


def contract_words() -> set[str]:
    """Names under ``families``, ``alerts`` and ``receivers`` in every file of the router's contract."""
    words: set[str] = set()
    for path in sorted(CONTRACT.rglob("*.y*ml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            words |= set(names_in(document))
    return words


def names_in(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for item in document:
            yield from names_in(item)
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("families", "alerts") and isinstance(value, dict):
                yield from (str(name) for name in value if is_telling(str(name)))
            if key == "receivers" and isinstance(value, list):
                yield from (str(receiver["name"]) for receiver in value if is_telling(str(receiver["name"])))
            yield from names_in(value)


def is_telling(name: str) -> bool:
    """Whether ``name`` can only come from this contract: not a standard metric, not an everyday word."""
    everyday = name.isalpha() and name[1:].islower()
    return not everyday and not name.startswith(("process_", "python_", "go_", "up"))


def forbidden() -> re.Pattern[str]:
    words = specified_words() | contract_words()
    return re.compile(r"llm[_-]router|reference[_-]router|\b(?:" + "|".join(map(re.escape, sorted(words))) + r")\b")


def test_the_words_are_found_in_the_specification() -> None:
    assert {
        "inference_total",
        "cache_misses_total",
        "HighErrorRate",
        "ServiceDown",
        "critical-alerts",
    } <= specified_words()


@pytest.mark.parametrize(
    "line", ["import reference_router", '"llm_router_up"', "# like tokens_generated_total", "HighErrorRate fires"]
)
def test_a_word_of_the_contract_is_recognised(line: str) -> None:
    assert forbidden().search(line)


def test_the_harness_knows_no_word_of_the_router() -> None:
    pattern = forbidden()
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in sorted((ROOT / "harness").rglob("*"))
        if path.suffix in TEXT and path.is_file()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in pattern.finditer(line)
    ]
    assert found == []
