"""A clock that only the test moves."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass
class Hand:
    """Wall time and monotonic time; ``step`` sets the wall clock alone, as an administrator would."""

    t: float = 1000.0
    mono: float = 50.0

    def wall(self) -> float:
        return self.t

    def monotonic(self) -> float:
        return self.mono

    def move(self, seconds: float) -> None:
        self.t += seconds
        self.mono += seconds

    def step(self, seconds: float) -> None:
        self.t += seconds


@pytest.fixture
def hand() -> Hand:
    return Hand()
