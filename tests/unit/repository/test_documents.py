"""Documents lead where they say: links, paths, verbs of the command line, and the index of decisions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli import _parser

ROOT = Path(__file__).parents[3]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:docs|fixtures|habits|harness|reference_router|scenarios|tests)/[\w./*-]+)`")
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "reference_router" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "fixtures").rglob("*.md")),
]


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def is_broken(document: Path, link: str, root: Path = ROOT) -> bool:
    if re.match(r"[a-z]+:", link):
        return False
    name, _, anchor = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    if not target.exists() or not target.is_relative_to(root):
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target)


def prose(document: Path) -> str:
    """The text without the blocks that quote files and output."""
    return re.sub(r"(?ms)^```.*?^```$", "", document.read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if is_broken(document, link)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_is_named_exists(document: Path) -> None:
    assert [name for name in NAMED.findall(prose(document)) if not list(ROOT.glob(name))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_verb_in_a_command_exists(document: Path) -> None:
    blocks = re.findall(r"(?ms)^```(?:console|sh)\n(.*?)^```$", document.read_text(encoding="utf-8"))
    verbs = re.findall(r"(?m)^\$ harness (\w+)", "\n".join(blocks))
    assert [verb for verb in verbs if verb not in _parser().format_help()] == []


def test_decisions_are_numbered_without_gaps_and_indexed() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    linked = re.findall(r"\| \[(\d+)\]\(([\w-]+\.md)\) \|", (folder / "README.md").read_text(encoding="utf-8"))
    assert [name for _, name in linked] == [path.name for path in records]
    for number, path in enumerate(records, 1):
        assert path.name.startswith(f"{number:03}-")
        assert path.read_text(encoding="utf-8").startswith(f"# {number}. ")
    assert [int(number) for number, _ in linked] == list(range(1, len(records) + 1))


def test_a_broken_link_is_recognised(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# A heading, with words\n")
    (tmp_path.parent / "outside.md").write_text("")
    links = ("b.md", "#nowhere", "../outside.md", "#a-heading-with-words", "a.md")
    assert [is_broken(document, link, tmp_path) for link in links] == [True, True, True, False, False]


def test_a_path_is_recognised_in_prose_alone(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("See `harness/nowhere.py` and `docs/*.md`.\n```text\n`harness/quoted.py`\n```\n")
    assert NAMED.findall(prose(document)) == ["harness/nowhere.py", "docs/*.md"]
