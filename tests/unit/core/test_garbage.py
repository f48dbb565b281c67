"""Collections of garbage become rare, and still happen."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from harness.core.garbage import collect_rarely


class Link:
    """Part of a cycle."""

    next: Link | None = None


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


def test_many_records_are_walked_rarely_and_a_cycle_still_goes() -> None:
    collect_rarely()
    before = gc.get_stats()[0]["collections"]
    records = [[number] for number in range(10_000)]
    assert gc.get_stats()[0]["collections"] - before <= 1
    one = Link()
    one.next = one
    gone = weakref.ref(one)
    del one
    records += [[number] for number in range(200_000)]
    assert gone() is None
