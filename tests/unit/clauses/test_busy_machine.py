"""A machine that woke the harness late, or had no processor for the subject, makes the cell unfit."""

import pytest

from harness.clauses.fitness import unfit
from harness.evidence.records import CellStarted, Reading
from harness.evidence.store import Evidence

STARTED = CellStarted("a", 1.0, 60.0, 0.25, 0.25)


@pytest.mark.parametrize(("overslept_s", "reasons"), [(0.02, 0), (1.9, 1)])
def test_only_a_long_standstill_counts(overslept_s: float, reasons: int) -> None:
    evidence = Evidence([STARTED, Reading("a", 2.0, "harness", "overslept_s", overslept_s)])
    found = unfit(evidence, "a", 0.05)
    assert len(found) == reasons
    assert all("stood still for 1.9 s" in reason for reason in found)


def test_a_subject_that_waited_for_a_processor_is_named_once_with_its_longest_wait() -> None:
    waits = {"a-0": (0.3, 0.9), "a-1": (1.2, 1.7)}
    readings = [Reading("a", 2.0, name, "processor_wait_s", wait) for name, each in waits.items() for wait in each]
    (found,) = unfit(Evidence([STARTED, *readings]), "a", 0.05)
    assert found == "a-1 waited 1.7 s within two seconds for a processor that others had"
