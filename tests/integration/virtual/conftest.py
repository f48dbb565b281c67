"""A shop with alerts of every shape that companies write, and the real promtool and amtool."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contract import Campaign, load_campaign
from harness.provision import ensure

SHOP = Path(__file__).parent / "data" / "shop"
Edited = Callable[[str, str], Campaign]


@pytest.fixture(scope="session")
def promtool() -> Path:
    return ensure(["prometheus"])["prometheus"].extra["promtool"]


@pytest.fixture(scope="session")
def amtool() -> Path:
    return ensure(["alertmanager"])["alertmanager"].extra["amtool"]


@pytest.fixture(scope="session")
def shop() -> Campaign:
    return load_campaign([SHOP])


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """The shop with one piece of one of its production files replaced."""

    def edit(before: str, after: str) -> Campaign:
        folder = tmp_path / "shop"
        shutil.copytree(SHOP, folder)
        for file in ("production/rules.yml", "production/alertmanager.yml"):
            path = folder / file
            text = path.read_text()
            if before in text:
                path.write_text(text.replace(before, after, 1))
                return load_campaign([folder])
        raise AssertionError(f"{before!r} stands in no production file")

    return edit
