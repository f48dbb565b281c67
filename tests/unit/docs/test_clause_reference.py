"""docs/reference/clauses.md names every promise that can be compiled, no other, with what each needs and says."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from harness.clauses.model import Clause

ROOT = Path(__file__).parents[3]
SECTION = re.compile(r"(?m)^### (\w+): `(\w+)`$")


def entries() -> dict[tuple[str, str], str]:
    text = (ROOT / "docs" / "reference" / "clauses.md").read_text(encoding="utf-8")
    _, *parts = SECTION.split(text)
    return dict(zip(zip(parts[::3], parts[1::3], strict=True), parts[2::3], strict=True))


def entry_of(plane: str, promise: str) -> list[tuple[str, str]]:
    """Entries that ``promise`` matches; capitals in a heading stand for any words."""
    return [
        (where, name)
        for where, name in entries()
        if where == plane and re.fullmatch(re.sub(r"[A-Z]{2,}", ".+", name), promise)
    ]


def test_every_promise_has_one_entry(everything: tuple[Clause, ...], fixture_clauses: tuple[Clause, ...]) -> None:
    found = {(item.plane, item.promise): entry_of(item.plane, item.promise) for item in everything + fixture_clauses}
    assert {key: names for key, names in found.items() if len(names) != 1} == {}


def test_every_entry_is_promised(everything: tuple[Clause, ...], fixture_clauses: tuple[Clause, ...]) -> None:
    promised = {name for item in everything + fixture_clauses for name in entry_of(item.plane, item.promise)}
    assert promised == set(entries())


def test_needs_are_those_of_the_clauses(everything: tuple[Clause, ...], fixture_clauses: tuple[Clause, ...]) -> None:
    needed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in everything + fixture_clauses:
        needed[entry_of(item.plane, item.promise)[0]] |= {need.kind for need in item.needs}
    written = {
        key: set(re.split(r", | or ", re.findall(r"\*\*Needs:\*\* (.+)", text)[0])) - {"nothing"}
        for key, text in entries().items()
    }
    assert written == needed


@pytest.mark.parametrize("key", entries())
def test_every_entry_is_complete_and_quotes_the_code(key: tuple[str, str]) -> None:
    text = entries()[key]
    parts = ("Promise", "Needs", "Held", "Violated", "Inconclusive", "Says")
    assert [part for part in parts if f"**{part}:**" not in text] == []
    (says,) = re.findall(r"\*\*Says:\*\* `(.+)`", text)
    assert [template for template in templates() if template.search(says)], says


@cache
def templates() -> list[re.Pattern[str]]:
    """Every message in harness/clauses/, with what is filled in left open, as the end of a line."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "harness" / "clauses").glob("*.py")]
    return [
        re.compile(rf"(?:^|[: ]){text}$")
        for tree in trees
        for text in _messages(tree)
        if len(text.replace(".*", "")) >= 8
    ]


def _messages(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in node.values
            )
