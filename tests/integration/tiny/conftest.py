"""A home for every test, found empty in the end, and a copy of the tiny subject to break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.tiny.gates import Ended, Home, Story


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path / "home")
    yield found
    try:
        found.assert_clean(within_s=0.5)
    finally:
        found.end_all()


@pytest.fixture
def tiny(tmp_path: Path) -> Story:
    return Story(tmp_path / "tiny")


@pytest.fixture
def lasting(tiny: Story) -> Story:
    """A story that does not end by itself before it is ended, and ships its logs."""
    return tiny.make_lasting()


@pytest.fixture
def monitored(lasting: Story) -> Story:
    """The same without its log pipeline."""
    return lasting.without_pipeline()


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One undisturbed gate, for all tests that ask what it said and left. It would be held, had it broken a promise."""
    folder = tmp_path_factory.mktemp("plain")
    home = Home(folder / "home")
    ended = home.gate(Story(folder / "tiny").folder, "-v", "--hold")
    home.assert_clean(sorted(ended.ports), within_s=0.5)
    return ended
