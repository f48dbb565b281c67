"""Which of the ways that might move an alert is taken for one, by answers of a promtool that is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from harness.artefacts import AlertTiming
from harness.artefacts.rules import RuleFile
from harness.virtual.answers import Findings, Sample
from harness.virtual.design import Examined
from harness.virtual.families import Family, Job
from harness.virtual.inputs import Input
from harness.virtual.promtool import Experiment, RuleSet
from harness.virtual.solving import Solver


@dataclass
class Promtool:
    """True wherever something is turned to its trigger; at rest nothing, or ``error``."""

    error: str

    def run(self, _rules: RuleSet, _step_s: float, experiments: Sequence[Experiment]) -> dict[str, Findings]:
        fires = Findings({("a", 0.0): (Sample({}, 1.0),)})
        rests = Findings(error=self.error)
        return {each.name: fires if each.name.endswith("@trigger") else rests for each in experiments}


@pytest.mark.parametrize(("error", "is_moved"), [("", True), ("found duplicate series", False)])
def test_what_cannot_be_evaluated_is_not_at_rest(
    rules: Callable[[str], RuleFile], job: Job, error: str, is_moved: bool
) -> None:
    file = rules("      - {alert: A, expr: 'a'}")
    examined = Examined("A", file.alerts[0], file.groups[0], AlertTiming(10.0, 15.0), reads_recordings=False)
    solver = Solver(Promtool(error), RuleSet(), 15.0)  # type: ignore[arg-type]
    found = solver.solve({examined: (Input(Family("a", "gauge", {}), job, ()),)}, {})
    assert bool(found) == is_moved
