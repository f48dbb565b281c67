"""All alerts of a campaign under all standard conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.clauses.production import Production, read_production
from harness.contract import Campaign
from harness.core.errors import ConfigError
from harness.core.source import nearest
from harness.virtual.answers import Findings
from harness.virtual.behaviour import Behaviour, behaviour
from harness.virtual.classes import inputs_of
from harness.virtual.conditions import CONDITIONS
from harness.virtual.design import Design, Examined
from harness.virtual.families import Catalogue
from harness.virtual.inputs import Input
from harness.virtual.planning import Planned, experiment, missed, planned
from harness.virtual.promtool import Promtool
from harness.virtual.reasons import NotApplicableError, NotGeneratedError
from harness.virtual.solving import Solver, at_rest
from harness.virtual.subjects import examined_alerts, recordings_of, rule_set
from harness.virtual.verdicts import WORDS, Cell, Pair, default_word, judged, known_word, paired

__all__ = ["Expected", "Report", "examine"]

Expected = Mapping[tuple[str, str], str]
"""(alert, condition) → one of ``verdicts.WORDS``; what is not there has the built-in default."""


@dataclass(frozen=True, slots=True)
class Report:
    """The table: one cell per alert and condition, and how each alert was moved.

    ``fired`` are the label sets with which each alert fired on its designed trigger; ``guessed`` the families
    by alert that nothing declares, so that their type was read from the way they are used.
    """

    cells: tuple[Cell, ...]
    moved_by: Mapping[str, str]
    fired: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    guessed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def cell(self, alert: str, condition: str) -> Cell:
        """The cell of one alert and condition; raises ``KeyError`` where there is none."""
        return {(each.alert, each.condition): each for each in self.cells}[alert, condition]


def examine(
    campaign: Campaign,
    promtool: Path,
    *,
    expected: Expected | None = None,
    thresholds: Mapping[str, float] | None = None,
    alerts: Sequence[str] = (),
    conditions: Sequence[str] = CONDITIONS,
) -> Report:
    """Run every alert of ``campaign`` (or those named) under the standard conditions.

    ``thresholds`` are those that are meant, by alert: with them a threshold that was changed in the rule
    file shows as a violation. Raises ``ConfigError`` for artefacts that cannot be read, ``MachineError`` when
    promtool cannot be run.
    """
    _check(expected or {})
    production = read_production(campaign)
    known = examined_alerts(campaign, production)
    names = _with_siblings(campaign, known, alerts)
    examination = _Examination(campaign, production, Promtool(promtool), expected or {}, thresholds or {})
    report = examination.report([each for each in known if not alerts or each.rule.name in names], conditions)
    shown = {each.name for each in known if not alerts or each.rule.name in alerts}
    return replace(report, cells=tuple(cell for cell in report.cells if cell.alert in shown))


def _check(expected: Expected) -> None:
    for (alert, condition), word in expected.items():
        if condition not in CONDITIONS:
            raise ConfigError(f"{alert}: there is no condition {condition!r}", remedy=nearest(condition, CONDITIONS))
        if not known_word(word):
            problem = f"{alert}, {condition}: nothing is known as {word!r}"
            raise ConfigError(problem, remedy=f"known: {', '.join(WORDS)}, fires between 3m and 4m")


def _with_siblings(campaign: Campaign, known: Sequence[Examined], wanted: Sequence[str]) -> set[str]:
    """The names wanted, and those of alerts that may turn out to be their siblings."""
    promises = campaign.contract.alerts
    yielded = {promises[name].yields_to or name for name in wanted if name in promises}
    compared = {_compared(each) for each in known if each.rule.name in wanted} - {""}
    return {*wanted, *yielded, *(each.rule.name for each in known if _compared(each) in compared)}


def _compared(examined: Examined) -> str:
    comparison = examined.rule.query.comparison
    return comparison.left if comparison else ""


class _Examination:
    def __init__(
        self,
        campaign: Campaign,
        production: Production,
        promtool: Promtool,
        expected: Expected,
        thresholds: Mapping[str, float],
    ) -> None:
        self._campaign = campaign
        self._production = production
        self._promtool = promtool
        self._expected = expected
        self._thresholds = thresholds
        self._external = rule_set(production).external_labels
        self._recordings = recordings_of(production)
        self._cells: dict[tuple[str, str], Cell] = {}
        self._fired: dict[str, tuple[Mapping[str, str], ...]] = {}

    def report(self, chosen: Sequence[Examined], conditions: Sequence[str]) -> Report:
        inputs = {each: found for each in chosen if (found := self._inputs(each, conditions)) is not None}
        designs = self._designs(inputs, conditions)
        plan = [item for design in designs.values() for item in self._plan(design, designs, conditions)]
        findings = self._run(plan)
        for item in plan:
            self._judge(item, findings[item.name])
        for examined in chosen:
            self._doubt(examined)
        cells = [self._cells[each.name, condition] for each in chosen for condition in conditions]
        moved = {each.name: str(design.drive or "presence of its series") for each, design in designs.items()}
        guessed = {each.name: names for each, found in inputs.items() if (names := _guessed(found))}
        return Report(tuple(cells), moved, self._fired, guessed)

    def _inputs(self, examined: Examined, conditions: Sequence[str]) -> tuple[Input, ...] | None:
        try:
            return inputs_of(examined.rule, self._recordings, Catalogue(self._campaign, self._production))
        except NotGeneratedError as reason:
            self._give_up(examined, conditions, str(reason))
            return None

    def _designs(
        self, inputs: Mapping[Examined, tuple[Input, ...]], conditions: Sequence[str]
    ) -> dict[Examined, Design]:
        groups: dict[tuple[frozenset[Path], float], dict[Examined, tuple[Input, ...]]] = {}
        for each, found in inputs.items():
            needed = each.files if each.reads_recordings else frozenset()
            groups.setdefault((needed, each.solving_step_s), {})[each] = found
        designs: dict[Examined, Design] = {}
        for (needed, step_s), group in groups.items():
            rules = rule_set(self._production, needed)
            designs |= Solver(self._promtool, rules, step_s).solve(group, self._thresholds)
        for each, found in inputs.items():
            if each not in designs and (not found or each.is_about_absence):
                designs[each] = Design(each, found, {item: at_rest(item) for item in found}, None, None, {}, {})
            elif each not in designs:
                self._give_up(each, conditions, "no input of it brings the expression to its threshold and back")
        return designs

    def _give_up(self, examined: Examined, conditions: Sequence[str], reason: str) -> None:
        for condition in conditions:
            self._put(Cell(examined.name, condition, "inconclusive", "not generated", why=reason))

    def _put(self, cell: Cell) -> None:
        self._cells[cell.alert, cell.condition] = cell

    def _plan(self, design: Design, designs: Mapping[Examined, Design], conditions: Sequence[str]) -> list[Planned]:
        found, name = [], design.examined.name
        for condition in conditions:
            try:
                found.append(planned(self._campaign, design, designs, condition))
            except NotApplicableError as reason:
                self._put(Cell(name, condition, "not applicable", "–", why=str(reason)))
            except NotGeneratedError as reason:
                self._put(Cell(name, condition, "inconclusive", "not generated", why=str(reason)))
        return found

    def _run(self, plan: Sequence[Planned]) -> dict[str, Findings]:
        findings: dict[str, Findings] = {}
        for needed, step_s in dict.fromkeys((item.files, item.step_s) for item in plan):
            experiments = [experiment(item) for item in plan if (item.files, item.step_s) == (needed, step_s)]
            findings |= self._promtool.run(rule_set(self._production, needed), step_s, experiments)
        return findings

    def _judge(self, item: Planned, findings: Findings) -> None:
        name = item.design.examined.name
        did = _did(item, item.design, findings)
        if item.condition == "designed trigger":
            self._fired[name] = did.labels
        word = self._expected.get((name, item.condition)) or default_word(item.condition, item.design)
        reason = missed(item, findings)
        if reason:
            self._put(Cell(name, item.condition, "inconclusive", "not generated", word, reason))
        elif item.design.examined.always:
            self._put(_always(item, did))
        elif item.critical is None:
            self._put(judged(item.design, item.condition, item.script, word, did))
        else:
            pair = Pair(did, _did(item, item.critical, findings))
            receivers, external = self._production.alertmanager, self._external
            self._put(paired(item.design, item.condition, item.script, word, pair, receivers, external))

    def _doubt(self, examined: Examined) -> None:
        """Quiet proves something only of an alert that fires elsewhere: its designed trigger is the control."""
        if self._fired.get(examined.name):
            return
        for key, cell in self._cells.items():
            if cell.alert == examined.name and cell.verdict == "held" and cell.should == "quiet":
                why = "its designed trigger does not fire: quiet proves nothing"
                self._cells[key] = replace(cell, verdict="inconclusive", why=why)


def _did(item: Planned, design: Design, findings: Findings) -> Behaviour:
    fixed = design.examined.fixed_labels
    return behaviour(findings, item.watched, item.step_s, fixed, item.script.onset_s)


def _always(item: Planned, did: Behaviour) -> Cell:
    holds = did.firing == ((0.0, item.script.length_s - item.step_s),)
    does = "fires throughout" if holds else "is silent at times"
    why = "" if holds else "an alert that always fires must never be silent"
    name = item.design.examined.name
    return Cell(name, item.condition, "held" if holds else "violated", does, "fires throughout", why)


def _guessed(inputs: Sequence[Input]) -> tuple[str, ...]:
    return tuple(sorted({each.family.name for each in inputs if not each.family.is_declared}))
