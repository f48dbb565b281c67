"""Alerts and their inputs without any process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from harness.artefacts import AlertTiming, read_rules
from harness.artefacts.rules import RuleFile
from harness.core.source import parse_yaml
from harness.virtual.design import Design, Drive, Examined
from harness.virtual.families import Family, Job
from harness.virtual.inputs import Input, Level

Designed = Callable[..., Design]


def rule_file(text: str) -> RuleFile:
    return read_rules(parse_yaml(f"groups:\n  - name: g\n    rules:\n{text}", "rules.yml"))


@pytest.fixture
def rules() -> Callable[[str], RuleFile]:
    return rule_file


@pytest.fixture
def job() -> Job:
    return Job("shop", 10.0, ("shop-1:80",), {"team": "web"})


@pytest.fixture
def designed(job: Job) -> Designed:
    """A design for ``foo`` of some kind, compared as the expression says."""

    def make(
        expression: str = "foo > 10",
        kind: str = "gauge",
        *,
        at: Mapping[str, float] | None = None,
        for_s: float = 60.0,
        range_s: float = 0.0,
        keep_s: float = 0.0,
        labels: str = "{severity: warning}",
    ) -> Design:
        file = rule_file(f"      - {{alert: A, expr: '{expression}', for: {for_s:g}s, labels: {labels}}}")
        rule = file.alerts[0]
        timing = AlertTiming(10.0, 15.0, range_s=range_s, for_s=for_s, keep_firing_for_s=keep_s)
        examined = Examined("A", rule, file.groups[0], timing, reads_recordings=False)
        family = Family("foo", kind, {}, (1.0, 2.0, 5.0) if kind == "histogram" else ())  # type: ignore[arg-type]
        item = Input(family, job, ())
        mode = "at" if kind in {"gauge", "up"} else "rate"
        inputs_at = {"trigger": 20.0, "healthy": 5.0, "near": 9.9, "exact": 10.0} if at is None else dict(at)
        drive = Drive(item, mode) if inputs_at else None
        comparison = rule.query.comparison
        return Design(examined, (item,), {item: Level(1.0, 0.0)}, drive, comparison, inputs_at, inputs_at)

    return make
