"""``make test`` and ``make lint``: stages in order, each with its time, and one sum at the end."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from habits.commands import ROOT, run, tool
from habits.engine import why_no_engine

__all__ = ["Stage", "command_stage", "containers_stage", "junit_counts", "pytest_stage", "summary"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage that has run: ``took_s`` of wall time, and how many checks passed, failed, were skipped."""

    name: str
    took_s: float
    passed: int
    failed: int
    skipped: int = 0
    not_run: str = ""
    """Why nothing of it ran; told beside the stage and once more at the end."""

    def __str__(self) -> str:
        if self.not_run:
            return f"{self.name:<12} NOT RUN: {self.not_run}"
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        single = self.passed + self.failed + self.skipped == 1
        return f"{self.name:<12} {self.took_s:7.1f} s  {'FAILED' if self.failed else 'ok':<7}" + (
            "" if single else counts
        )


def command_stage(name: str, *command: str) -> Stage:
    """A command that counts as one check: passed when it exits with 0."""
    started = time.monotonic()
    failed = int(run(*command) != 0)
    return Stage(name, time.monotonic() - started, 1 - failed, failed)


def pytest_stage(name: str, *options: str) -> Stage:
    """pytest under branch coverage; every test counts, and a run that ended badly or proved nothing has failed."""
    result = ROOT / "build" / "junit" / f"{name}.xml"
    result.unlink(missing_ok=True)
    command = (tool("coverage"), "run", "-m", "pytest", *options, "--durations=20")
    ran = command_stage(name, *command, "--junitxml", str(result.relative_to(ROOT)))
    passed, failed, skipped = junit_counts(result) if result.is_file() else (0, 0, 0)
    return Stage(name, ran.took_s, passed, max(failed, ran.failed, int(not passed)), skipped)


def containers_stage() -> Stage:
    """The tests on containers, where an engine answers or can be started; else a stage that says that none ran."""
    if reason := why_no_engine():
        return Stage("containers", 0.0, 0, 0, not_run=reason)
    return pytest_stage("containers", "tests/containers")


def junit_counts(path: Path) -> tuple[int, int, int]:
    """Tests passed, failed (errors included) and skipped in a JUnit file."""
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    total, failures, errors, skipped = (
        sum(int(suite.get(key, "0")) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def summary(stages: Iterable[Stage]) -> int:
    """Print a line per stage and one with the sums; the exit code."""
    ran = list(stages)
    print("", *ran, sep="\n")
    passed, failed, skipped = (sum(getattr(stage, key) for stage in ran) for key in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    for stage in ran:
        if stage.not_run:
            print(f"WARNING: the stage {stage.name} did NOT run: {stage.not_run}", flush=True)
    return int(failed > 0)
