"""A shop with alerts of every shape that companies write, and the real promtool and amtool."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contract import Campaign, load_campaign
from harness.provision import ensure

SHOP = Path(__file__).parent / "data" / "shop"
TINY = Path(__file__).parents[3] / "fixtures" / "tiny"
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


@pytest.fixture
def promising(tmp_path: Path) -> Callable[[str], Path]:
    """The folder of the tiny subject with more promised of its alert."""

    def promise(more: str) -> Path:
        folder = tmp_path / "tiny"
        shutil.copytree(TINY, folder)
        contract = folder / "contract.yaml"
        contract.write_text(contract.read_text().rstrip("\n") + "\n" + more)
        return folder

    return promise
