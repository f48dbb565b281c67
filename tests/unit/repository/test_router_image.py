"""What the router's image is made of says what the lock and the sources say."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROUTER = ROOT / "reference_router"
LEFT_OUT = {"numpy"}
"""Of the engines that calculate, which the image does not run."""


def blocks(path: Path) -> dict[str, str]:
    """Name → its pinned version with all hashes, as it stands in a file of requirements."""
    found = re.split(r"\n(?=[a-zA-Z0-9#])", path.read_text(encoding="utf-8"))
    return {block.partition("==")[0]: block.strip() for block in found if "==" in block}


def imported() -> set[str]:
    """Packages that the router imports and that are neither its own nor of the standard library."""
    names: set[str] = set()
    for path in ROUTER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"reference_router"}


def test_every_pin_stands_in_the_lock_word_for_word() -> None:
    lock, own = blocks(ROOT / "requirements.lock"), blocks(ROUTER / "requirements.txt")
    assert own
    assert {name: lock.get(name) for name in own} == own


def test_it_brings_what_the_router_imports() -> None:
    own = {name.replace("-", "_") for name in blocks(ROUTER / "requirements.txt")}
    assert imported() - LEFT_OUT <= own


def test_it_runs_as_nobody_special_with_a_health_check_on_any_base() -> None:
    steps = [line.split(maxsplit=1) for line in (ROUTER / "Dockerfile").read_text().splitlines() if line.strip()]
    said = {step[0]: step[1] for step in steps if len(step) == 2}
    assert said["FROM"] == "${BASE}"
    assert said["USER"].split(":")[0] not in {"0", "root"}
    assert "HEALTHCHECK" in said
