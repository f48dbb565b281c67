"""All alerts of a campaign under all standard conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.clauses.production import Production, read_production
from harness.contract import Campaign
from harness.core.cores import cores
from harness.virtual.answers import Findings, FiredAlert
from harness.virtual.behaviour import Behaviour, behaviour
from harness.virtual.classes import inputs_of
from harness.virtual.conditions import CONDITIONS
from harness.virtual.design import Design, Examined
from harness.virtual.examples import PREFIX, example_plans
from harness.virtual.families import Catalogue
from harness.virtual.inputs import Input
from harness.virtual.planning import Planned, experiment, missed, planned
from harness.virtual.promises import Expected, check_declared, check_words, placed, promised
from harness.virtual.promtool import Promtool
from harness.virtual.reasons import NotApplicableError, NotGeneratedError
from harness.virtual.solving import Solver
from harness.virtual.subjects import examined_alerts, is_long, recordings_of, rule_set
from harness.virtual.tries import at_rest
from harness.virtual.unmoved import why_unmoved
from harness.virtual.verdicts import Cell, Pair, Verdict, default_word, judged, paired, resolved_problem, unsaid_problem

__all__ = ["Expected", "Report", "examine"]


@dataclass(frozen=True, slots=True)
class Report:
    """The table: one cell per alert and condition, and how each alert was moved.

    ``fired`` are the label sets with which each alert fired on its designed trigger; ``guessed`` the families
    by alert that nothing declares, so that their type was read from the way they are used; ``alerts`` are those that
    fired with what they say.
    """

    cells: tuple[Cell, ...]
    moved_by: Mapping[str, str]
    fired: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    guessed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alerts: Mapping[str, tuple[FiredAlert, ...]] = field(default_factory=dict)

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
    examples: bool = True,
) -> Report:
    """Run every alert of ``campaign`` (or those named) under the standard conditions and the contract's examples.

    What the contract says an alert should do holds, except where ``expected`` says otherwise.
    ``thresholds`` are those that are meant, by alert: with them a threshold that was changed in the rule
    file shows as a violation. Raises ``ConfigError`` for artefacts that cannot be read, ``MachineError`` when
    promtool cannot be run.
    """
    check_words(expected or {})
    production = read_production(campaign)
    known = examined_alerts(campaign, production)
    check_declared(campaign, production)
    names = _with_siblings(campaign, known, alerts)
    words = promised(campaign, known) | dict(expected or {})
    examination = _Examination(campaign, production, Promtool(promtool), words, thresholds or {})
    chosen = [each for each in known if not alerts or each.rule.name in names]
    report = examination.report(chosen, conditions, examples=examples)
    shown = {each.name: each for each in known if not alerts or each.rule.name in alerts}
    cells = (placed(campaign, shown[cell.alert], cell) for cell in report.cells if cell.alert in shown)
    return replace(report, cells=tuple(cells))


def _with_siblings(campaign: Campaign, known: Sequence[Examined], wanted: Sequence[str]) -> set[str]:
    """The names wanted, and those of alerts that may turn out to be their siblings."""
    promises = campaign.contract.alerts
    yielded = {other for name in wanted if name in promises for other in promises[name].inhibitors}
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
        self._catalogue = Catalogue(campaign, production)
        self._cells: dict[tuple[str, str], Cell] = {}
        self._seen: set[str] = set()
        """Alerts that were seen firing when they should."""
        self._fired: dict[str, tuple[Mapping[str, str], ...]] = {}
        self._alerts: dict[str, tuple[FiredAlert, ...]] = {}

    def report(self, chosen: Sequence[Examined], conditions: Sequence[str], *, examples: bool) -> Report:
        inputs = {each: found for each in chosen if (found := self._inputs(each, conditions)) is not None}
        designs = self._designs(inputs, conditions)
        plan = [item for design in designs.values() for item in self._plan(design, designs, conditions)]
        told = [item for each in chosen if examples for item in example_plans(self._campaign, each, self._catalogue)]
        findings = self._run([*plan, *told])
        for item in [*plan, *told]:
            self._judge(item, findings[item.name])
        for examined in chosen:
            self._doubt(examined)
        cells = [cell for each in chosen for cell in self._row(each, conditions)]
        moved = {each.name: str(design.drive or "presence of its series") for each, design in designs.items()}
        guessed = {each.name: names for each, found in inputs.items() if (names := _guessed(found))}
        return Report(tuple(cells), moved, self._fired, guessed, self._alerts)

    def _row(self, examined: Examined, conditions: Sequence[str]) -> list[Cell]:
        """Cells of one alert: conditions in their order, then examples in the contract's."""
        order = {condition: index for index, condition in enumerate(conditions)}
        mine = [cell for cell in self._cells.values() if cell.alert == examined.name]
        return sorted(mine, key=lambda cell: order.get(cell.condition, len(order)))

    def _inputs(self, examined: Examined, conditions: Sequence[str]) -> tuple[Input, ...] | None:
        try:
            return inputs_of(examined.rule, self._recordings, self._catalogue)
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
            rules = rule_set(self._production, needed, tuple(group))
            designs |= Solver(self._promtool, rules, step_s).solve(group, self._thresholds)
        for each, found in inputs.items():
            if each not in designs and (not found or each.is_about_absence):
                designs[each] = Design(each, found, {item: at_rest(item) for item in found}, None, None, {}, {})
            elif each not in designs:
                pasts = self._production.chains.pasts(each.rule)
                self._give_up(each, conditions, why_unmoved(each, found, pasts))
        return designs

    def _give_up(self, examined: Examined, conditions: Sequence[str], reason: str) -> None:
        for condition in conditions:
            self._not_generated(examined.name, condition, reason)

    def _not_generated(self, name: str, condition: str, reason: str) -> None:
        """Nothing is known of the alert here; the contract may say that nothing need be."""
        word = self._expected.get((name, condition), "")
        verdict: Verdict = "reported" if word == "any" else "inconclusive"
        self._put(Cell(name, condition, verdict, "not generated", word, reason))

    def _means_nothing(self, name: str, condition: str, reason: str) -> None:
        """A condition that cannot be; a promise about it is a mistake of the contract's."""
        word = self._expected.get((name, condition), "")
        verdict: Verdict = "inconclusive" if word not in {"", "any"} else "not applicable"
        self._put(Cell(name, condition, verdict, "–", word, reason))

    def _put(self, cell: Cell) -> None:
        self._cells[cell.alert, cell.condition] = cell

    def _plan(self, design: Design, designs: Mapping[Examined, Design], conditions: Sequence[str]) -> list[Planned]:
        found, name = [], design.examined.name
        for condition in conditions:
            try:
                found.append(planned(self._campaign, design, designs, condition))
            except NotApplicableError as reason:
                self._means_nothing(name, condition, str(reason))
            except NotGeneratedError as reason:
                self._not_generated(name, condition, str(reason))
        return found

    def _run(self, plan: Sequence[Planned]) -> dict[str, Findings]:
        together: dict[tuple[frozenset[Path], frozenset[Examined], float], list[Planned]] = {}
        for item in plan:
            alerts = item.concerned if is_long(self._production, item.files) else frozenset()
            together.setdefault((item.files, alerts, item.step_s), []).append(item)
        there = cores()
        with ThreadPoolExecutor(there if len(together) > there else 1) as pool:
            parts = pool.map(lambda run: self._run_together(*run[0], items=run[1]), together.items())
            return {name: found for part in parts for name, found in part.items()}

    def _run_together(
        self, files: frozenset[Path], alerts: frozenset[Examined], step_s: float, *, items: Sequence[Planned]
    ) -> dict[str, Findings]:
        rules = rule_set(self._production, files, alerts)
        return self._promtool.run(rules, step_s, [experiment(item) for item in items])

    def _judge(self, item: Planned, findings: Findings) -> None:
        name = item.design.examined.name
        did = _did(item, item.design, findings)
        if item.condition == "designed trigger":
            self._fired[name], self._alerts[name] = did.labels, did.alerts
        word = item.word or self._expected.get((name, item.condition)) or default_word(item.condition, item.design)
        if did.labels and (item.condition == "designed trigger" or word.startswith("fires")):
            self._seen.add(name)
        reason = missed(item, findings)
        if reason:
            self._not_generated(name, item.condition, reason)
        elif item.design.examined.always:
            self._put(_always(item, did))
        elif item.critical is None:
            self._put(_resolved(item, did, judged(item.design, item.condition, item.script, word, did)))
        else:
            pair = Pair(did, _did(item, item.critical, findings))
            receivers, external = self._production.alertmanager, self._external
            self._put(paired(item.design, item.condition, item.script, word, pair, receivers, external))

    def _doubt(self, examined: Examined) -> None:
        """Quiet proves something only of an alert that fires elsewhere; examples stand for what was not generated."""
        mine = {key: cell for key, cell in self._cells.items() if cell.alert == examined.name}
        shown = {cell.should for cell in mine.values() if cell.condition.startswith(PREFIX) and cell.verdict == "held"}
        for key, cell in mine.items():
            if cell.verdict == "held" and cell.should == "quiet" and examined.name not in self._seen:
                why = "it fires neither on its designed trigger nor in an example: quiet proves nothing"
                self._cells[key] = replace(cell, verdict="inconclusive", why=why)
            if cell.does == "not generated" and not cell.should and "quiet" in shown and shown != {"quiet"}:
                why = f"{cell.why}; the contract's examples show it firing and quiet"
                self._cells[key] = replace(cell, verdict="not applicable", why=why)


def _resolved(item: Planned, did: Behaviour, cell: Cell) -> Cell:
    problem = resolved_problem(item.script, item.resolves or "", item.step_s, did)
    if item.alerts is not None and len(did.labels) != item.alerts:
        problem = f"{len(did.labels)} alerts fire; should: {item.alerts}"
    problem = problem or unsaid_problem(item.says, did)
    return replace(cell, verdict="violated", why=problem) if problem and cell.verdict == "held" else cell


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
