"""Experiments in virtual time: series go in, ``promtool test rules`` runs the rules, answers come out.

Every question is asked as an expectation that cannot hold, so that promtool prints what it got instead;
an answer is therefore never assumed. Each experiment ends with a control that must be refused: one that
passes means that promtool did not run the experiment, and nothing is concluded from it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from harness.core.cores import cores
from harness.core.errors import MachineError
from harness.core.units import format_duration
from harness.virtual.answers import Findings, read_findings

__all__ = ["Experiment", "Promtool", "Question", "RuleSet"]

_CONTROL: Final = "vector(1)"
_IMPOSSIBLE: Final = {"exp_labels": {"harness_control": "this label is on no alert"}}
_LIMIT_S: Final = 300.0
_BATCH: Final = 12
"""Fewer experiments than this are not worth a second process."""


@dataclass(frozen=True, slots=True)
class Question:
    """An expression asked at ``at_s`` production seconds."""

    expression: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Experiment:
    """Inputs over virtual time, and what is asked.

    ``series`` maps a series in PromQL notation to its samples, ``interval_s`` apart from 0, in promtool's
    notation. ``watched`` is asked after every evaluation, ``questions`` once. ``alerts`` are asked with their
    annotations at ``alerts_at_s``. The experiment lasts ``length_s``. Instants count from ``start_s`` after the epoch;
    nothing is asked before ``watched_from_s``.
    """

    name: str
    interval_s: float
    series: Mapping[str, str]
    length_s: float
    watched: str = ""
    questions: tuple[Question, ...] = ()
    alerts: tuple[str, ...] = ()
    alerts_at_s: float = 0.0
    start_s: float = 0.0
    watched_from_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rule files as production has them, or their ``texts``; ``groups`` in order of evaluation; the server's labels."""

    files: tuple[Path, ...] = ()
    groups: tuple[str, ...] = ()
    external_labels: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()

    def written(self, folder: Path) -> RuleSet:
        """The same with every text as a file in ``folder``."""
        files = [folder / f"rules-{index}.yml" for index in range(len(self.texts))]
        for path, text in zip(files, self.texts, strict=True):
            path.write_text(text, encoding="utf-8")
        return replace(self, files=(*self.files, *files), texts=())


@dataclass(frozen=True, slots=True)
class Promtool:
    """The real promtool; ``run`` may use one process per core."""

    executable: Path

    def run(self, rules: RuleSet, evaluation_s: float, experiments: Sequence[Experiment]) -> dict[str, Findings]:
        """Findings of every experiment by name; rules are evaluated every ``evaluation_s``.

        Raises ``MachineError`` when promtool cannot be run, or passes a control that it must refuse.
        """
        if not experiments:
            return {}
        with TemporaryDirectory(prefix="harness-virtual-") as folder:
            rules = rules.written(Path(folder))
            batches = _batches(experiments)
            jobs = [(Path(folder) / f"batch-{index}", batch) for index, batch in enumerate(batches)]
            with ThreadPoolExecutor(len(jobs)) as pool:
                parts = list(pool.map(lambda job: self._batch(job[0], job[1], rules, evaluation_s), jobs))
        return {name: found for part in parts for name, found in part.items()}

    def _batch(
        self, base: Path, batch: Sequence[Experiment], rules: RuleSet, evaluation_s: float
    ) -> dict[str, Findings]:
        document = _document(rules, evaluation_s, batch)
        written, report = base.with_suffix(".json"), base.with_suffix(".xml")
        written.write_bytes(orjson.dumps(document))
        command = [str(self.executable), "test", "rules", f"--junit={report}", str(written)]
        errors = _called(command)
        found = read_findings(report) if report.is_file() else {}
        for experiment in batch:
            _check(experiment, found.get(experiment.name), errors)
        return found


def _called(command: Sequence[str]) -> str:
    settings = {"GOMAXPROCS": "1", "GOGC": "400"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, check=False, env={**os.environ, **settings}
        )
    except OSError as error:
        raise MachineError(f"{command[0]} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"promtool did not end within {_LIMIT_S:g} s of wall time") from None
    return done.stderr


def _check(experiment: Experiment, found: Findings | None, errors: str) -> None:
    if found is None:
        tail = "\n".join(errors.strip().splitlines()[-8:])
        raise MachineError(f"promtool did not run {experiment.name!r}: {tail}")
    if not found.error and not found.at(_CONTROL, experiment.length_s):
        raise MachineError(
            f"promtool passed the control of {experiment.name!r}, which must fail: nothing can be concluded",
            remedy="check the version of promtool with harness doctor",
        )


def _batches(experiments: Sequence[Experiment]) -> list[list[Experiment]]:
    count = max(1, min(cores(), len(experiments) // _BATCH))
    ordered = sorted(experiments, key=lambda each: each.length_s, reverse=True)
    return [ordered[index::count] for index in range(count)]


def _document(rules: RuleSet, evaluation_s: float, batch: Iterable[Experiment]) -> dict[str, Any]:
    return {
        "rule_files": [str(path.resolve()) for path in rules.files],
        "group_eval_order": list(dict.fromkeys(rules.groups)),
        "evaluation_interval": format_duration(evaluation_s),
        "tests": [_test(each, rules, evaluation_s) for each in batch],
    }


def _test(experiment: Experiment, rules: RuleSet, evaluation_s: float) -> dict[str, Any]:
    steps = int(experiment.length_s // evaluation_s) if experiment.watched else -1
    first = int(experiment.watched_from_s // evaluation_s)
    watched = [Question(experiment.watched, step * evaluation_s) for step in range(first, steps + 1)]
    asked = [*watched, *experiment.questions, Question(_CONTROL, experiment.length_s)]
    start = {"start_timestamp": experiment.start_s} if experiment.start_s else {}
    return start | {
        "name": experiment.name,
        "interval": format_duration(experiment.interval_s),
        "external_labels": dict(rules.external_labels),
        "input_series": [{"series": name, "values": values} for name, values in experiment.series.items()],
        "promql_expr_test": [{"expr": each.expression, "eval_time": format_duration(each.at_s)} for each in asked],
        "alert_rule_test": [
            {"eval_time": format_duration(experiment.alerts_at_s), "alertname": alert, "exp_alerts": [_IMPOSSIBLE]}
            for alert in experiment.alerts
        ],
    }
