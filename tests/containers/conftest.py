"""One engine for all tests of this folder."""

from __future__ import annotations

from tests.engines import engine

__all__ = ["engine"]
