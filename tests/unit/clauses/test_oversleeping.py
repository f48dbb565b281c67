"""A machine that woke the harness late makes the cell unfit."""

import pytest

from harness.clauses.fitness import unfit
from harness.evidence.records import CellStarted, Reading
from harness.evidence.store import Evidence


@pytest.mark.parametrize(("overslept_s", "reasons"), [(0.02, 0), (1.9, 1)])
def test_only_a_long_standstill_counts(overslept_s: float, reasons: int) -> None:
    evidence = Evidence(
        [CellStarted("a", 1.0, 60.0, 0.25, 0.25), Reading("a", 2.0, "harness", "overslept_s", overslept_s)]
    )
    found = unfit(evidence, "a", 0.05)
    assert len(found) == reasons
    assert all("stood still for 1.9 s" in reason for reason in found)
