"""Every row of the specification is in the table, and every proof that the table names exists."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[3] / "docs"


@cache
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("specification_table", DOCS / "specification_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_every_row_of_the_table_stands_word_for_word_in_its_section() -> None:
    for section, rows in table().proofs().items():
        text = flat(table().sections()[section])
        assert [each["row"] for each in rows if flat(each["row"]) not in text] == []


def test_every_section_and_every_row_of_its_table_is_there() -> None:
    proofs = table().proofs()
    assert set(proofs) == set(table().sections())
    for section in proofs:
        cell = 1 if section == 2 else 0
        named = [each["row"] for each in proofs[section]]
        missing = [cells[cell] for cells in table().table_rows(section) if not any(n in cells[cell] for n in named)]
        assert missing == [], f"section {section}"


def test_no_row_stands_twice() -> None:
    for rows in table().proofs().values():
        names = [each["row"] for each in rows]
        assert len(set(names)) == len(names)


def test_every_proof_is_a_clause() -> None:
    patterns = {pattern for rows in table().proofs().values() for each in rows for pattern in each["by"]}
    assert sorted(pattern for pattern in patterns if not table().matching(pattern)) == []


def test_a_row_without_a_clause_says_why() -> None:
    for rows in table().proofs().values():
        assert [each for each in rows if set(each) - {"row", "by", "why", "tests", "unplanted"}] == []
        assert [each["row"] for each in rows if bool(each["by"]) == ("why" in each)] == []


def test_every_test_that_proves_a_part_of_a_row_is_there() -> None:
    named = [
        name
        for rows in table().proofs().values()
        for each in rows
        for names in each.get("tests", {}).values()
        for name in names
    ]
    assert named
    for name in named:
        path, _, function = name.partition("::")
        text = (DOCS.parent / path).read_text(encoding="utf-8")
        assert re.search(rf"(?m)^def {re.escape(function)}\(", text), name
