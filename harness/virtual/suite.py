"""All alerts of a campaign under all standard conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from harness.artefacts.bounds import AlertTiming
from harness.artefacts.rules import Rule, RuleGroup
from harness.clauses.production import Production, read_production
from harness.contract import Campaign
from harness.virtual.answers import Findings
from harness.virtual.behaviour import behaviour
from harness.virtual.classes import inputs_of
from harness.virtual.conditions import CONDITIONS, Script, script
from harness.virtual.design import Design, Examined
from harness.virtual.families import Catalogue, reach_s
from harness.virtual.inputs import Input, Segment, render
from harness.virtual.promtool import Experiment, Promtool, Question, RuleSet
from harness.virtual.reasons import NotApplicableError, NotGeneratedError
from harness.virtual.solving import Solver, at_rest
from harness.virtual.verdicts import Cell, Pair, default_word, judged, paired

__all__ = ["Expected", "Report", "examine", "examined_alerts", "rule_set"]

Expected = Mapping[tuple[str, str], str]
"""(alert, condition) → one of ``verdicts.WORDS``; what is not there has the built-in default."""

_OF_PAIRS: Final = frozenset({"sibling", "decay"})


@dataclass(frozen=True, slots=True)
class Report:
    """The table: one cell per alert and condition, and how each alert was moved."""

    cells: tuple[Cell, ...]
    moved_by: Mapping[str, str]
    experiments: int
    guessed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Families by alert that nothing declares: their type was read from the way they are used."""

    def cell(self, alert: str, condition: str) -> Cell:
        """The cell of one alert and condition; raises ``KeyError`` where there is none."""
        return {(each.alert, each.condition): each for each in self.cells}[alert, condition]


@dataclass(frozen=True, slots=True)
class _Planned:
    design: Design
    condition: str
    script: Script
    key: str
    critical: Design | None = None


def examine(
    campaign: Campaign,
    promtool: Path,
    *,
    expected: Expected | None = None,
    thresholds: Mapping[str, float] | None = None,
    alerts: Sequence[str] = (),
) -> Report:
    """Run every alert of ``campaign`` (or those named) under every standard condition.

    ``thresholds`` are those that are meant, by alert: with them a threshold that was changed in the rule
    file shows as a violation. Raises ``ConfigError`` for artefacts that cannot be read, ``MachineError`` when
    promtool cannot be run.
    """
    production = read_production(campaign)
    known = examined_alerts(campaign, production)
    chosen = [each for each in known if not alerts or each.rule.name in alerts]
    examination = _Examination(campaign, production, Promtool(promtool), dict(expected or {}), dict(thresholds or {}))
    return examination.report(chosen)


def rule_set(production: Production) -> RuleSet:
    """The untouched rule files, their groups in the order written, and the server's external labels."""
    groups = tuple(group.name for file in production.rules for group in file.groups)
    external = production.prometheus.external_labels if production.prometheus else {}
    return RuleSet(tuple(production.rule_documents), groups, external)


def examined_alerts(campaign: Campaign, production: Production) -> tuple[Examined, ...]:
    """All alert rules with their timing; a name that stands more than once is told apart by its severity."""
    recordings = {rule.name: rule for file in production.rules for rule in file.recordings}
    rules = [(group, rule) for file in production.rules for group in file.groups for rule in group.rules]
    alerts = [(group, rule) for group, rule in rules if rule.is_alert]
    names = Counter(rule.name for _group, rule in alerts)
    return tuple(
        _examined(campaign, production, group, rule, recordings, names[rule.name] > 1) for group, rule in alerts
    )


def _examined(
    campaign: Campaign,
    production: Production,
    group: RuleGroup,
    rule: Rule,
    recordings: Mapping[str, Rule],
    is_ambiguous: bool,
) -> Examined:
    evaluation_s = group.interval_s or production.evaluation_s
    promise = campaign.contract.alerts.get(rule.name)
    scrapes = production.prometheus.scrapes_of(rule.query.selectors) if production.prometheus else None
    timing = AlertTiming(
        scrape_s=scrapes.longest_s if scrapes else production.scrape_s,
        evaluation_s=evaluation_s,
        range_s=reach_s(rule, recordings, evaluation_s),
        for_s=rule.for_s,
        keep_firing_for_s=rule.keep_firing_for_s,
    )
    name = f"{rule.name}[{rule.labels.get('severity', group.name)}]" if is_ambiguous else rule.name
    chained = any(each.metric in recordings for each in rule.query.selectors)
    return Examined(name, rule, group, timing, chained, always=bool(promise and promise.always))


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
        self._rules = rule_set(production)
        self._cells: dict[tuple[str, str], Cell] = {}

    def report(self, chosen: Sequence[Examined]) -> Report:
        inputs = {each: found for each in chosen if (found := self._inputs(each)) is not None}
        designs = self._solved(inputs)
        planned = [item for design in designs.values() for item in self._planned(design, designs)]
        findings = self._run(planned)
        for item in planned:
            self._judge(item, findings[item.key])
        self._doubt(chosen)
        order = {each.name: index for index, each in enumerate(chosen)}
        places = {condition: index for index, condition in enumerate(CONDITIONS)}
        cells = sorted(self._cells.values(), key=lambda cell: (order[cell.alert], places[cell.condition]))
        moved = {each.name: str(design.drive or "presence of its series") for each, design in designs.items()}
        guessed = {each.name: _guessed(found) for each, found in inputs.items() if _guessed(found)}
        return Report(tuple(cells), moved, len(planned), guessed)

    def _inputs(self, examined: Examined) -> tuple[Input, ...] | None:
        recordings = {rule.name: rule for file in self._production.rules for rule in file.recordings}
        try:
            return inputs_of(examined.rule, recordings, Catalogue(self._campaign, self._production))
        except NotGeneratedError as reason:
            self._give_up(examined, str(reason))
            return None

    def _solved(self, inputs: Mapping[Examined, tuple[Input, ...]]) -> dict[Examined, Design]:
        designs: dict[Examined, Design] = {}
        for chained in (False, True):
            for evaluation_s in sorted({each.timing.evaluation_s for each in inputs}):
                group = {
                    each: found
                    for each, found in inputs.items()
                    if each.reads_recordings is chained and each.timing.evaluation_s == evaluation_s
                }
                designs |= Solver(self._promtool, self._rules, evaluation_s).solve(group, self._thresholds)
        for each, found in inputs.items():
            if each not in designs and (not found or _is_about_absence(each)):
                baseline = {item: at_rest(item) for item in found}
                designs[each] = Design(each, found, baseline, None, None, {}, {})
            elif each not in designs:
                self._give_up(each, "no input of it brings the expression to its threshold")
        return designs

    def _give_up(self, examined: Examined, reason: str) -> None:
        for condition in CONDITIONS:
            self._put(Cell(examined.name, condition, "inconclusive", "not generated", why=reason))

    def _put(self, cell: Cell) -> None:
        self._cells[cell.alert, cell.condition] = cell

    def _planned(self, design: Design, designs: Mapping[Examined, Design]) -> list[_Planned]:
        found = []
        for condition in CONDITIONS:
            name = design.examined.name
            try:
                found.append(self._plan(design, condition, designs))
            except NotApplicableError as reason:
                self._put(Cell(name, condition, "not applicable", "–", why=str(reason)))
            except NotGeneratedError as reason:
                self._put(Cell(name, condition, "inconclusive", "not generated", why=str(reason)))
        return found

    def _plan(self, design: Design, condition: str, designs: Mapping[Examined, Design]) -> _Planned:
        key = f"{design.examined.name}: {condition}"
        if not design.inputs:
            if condition != "designed trigger":
                raise NotApplicableError("it reads no series")
            lasts_s = 20 * design.examined.timing.evaluation_s + design.examined.timing.for_s
            return _Planned(design, condition, Script((Segment(lasts_s, {}),), 0.0, lasts_s), key)
        if condition not in _OF_PAIRS:
            return _Planned(design, condition, script(condition, design), key)
        critical = self._critical(design, designs)
        return _Planned(design, condition, script(condition, critical), key, critical)

    def _critical(self, design: Design, designs: Mapping[Examined, Design]) -> Design:
        """The design of the critical alert of the same problem, with the inputs of the warning beside its own."""
        for each, other in designs.items():
            if each is design.examined or not self._yields(design, other):
                continue
            if design.drive is None or design.drive != other.drive:
                raise NotGeneratedError(f"it and {each.name} are moved by different inputs")
            return _joined(design, other)
        raise NotApplicableError("it has no sibling of a higher severity")

    def _yields(self, design: Design, other: Design) -> bool:
        promise = self._campaign.contract.alerts.get(design.examined.rule.name)
        if promise is not None and promise.yields_to is not None:
            return promise.yields_to == other.examined.rule.name
        mine, its = design.comparison, other.comparison
        same = mine is not None and its is not None and (mine.left, mine.operator) == (its.left, its.operator)
        if not same or mine is None or its is None:
            return False
        return its.threshold > mine.threshold if design.fires_upwards else its.threshold < mine.threshold

    def _run(self, planned: Sequence[_Planned]) -> dict[str, Findings]:
        findings: dict[str, Findings] = {}
        steps = {_step_s(item) for item in planned}
        for step_s in sorted(steps):
            experiments = [self._experiment(item) for item in planned if _step_s(item) == step_s]
            findings |= self._promtool.run(self._rules, step_s, experiments)
        return findings

    def _experiment(self, item: _Planned) -> Experiment:
        driven = item.critical or item.design
        step_s, told = _step_s(item), item.script
        interval_s = driven.scrape_s if driven.inputs else step_s
        series = render(driven.inputs, told.segments, interval_s, rest=told.rest)
        watched = [item.design.examined.series, *([item.critical.examined.series] if item.critical else [])]
        questions: tuple[Question, ...] = ()
        if told.setting and told.rest is None and driven.comparison is not None:
            questions = (Question(driven.comparison.left, told.healed_s - step_s),)
        return Experiment(
            name=item.key,
            interval_s=interval_s,
            series=series,
            length_s=told.length_s - step_s,
            watched=" or ".join(watched),
            questions=questions,
            alerts=(item.design.examined.rule.name,),
            alerts_at_s=told.healed_s - step_s,
        )

    def _judge(self, item: _Planned, findings: Findings) -> None:
        design, told = item.design, item.script
        missed = _missed(item, findings)
        did = behaviour(findings, _watched(item), _step_s(item), _fixed(design))
        word = self._expected.get((design.examined.name, item.condition)) or default_word(item.condition, design)
        if missed:
            cell = Cell(design.examined.name, item.condition, "inconclusive", "not generated", word, missed)
        elif design.examined.always:
            cell = _always(design, item, word, did.firing[:1] == ((0.0, told.length_s - _step_s(item)),))
        elif item.critical is None:
            cell = judged(design, item.condition, told, word, did)
        else:
            other = behaviour(findings, _watched(item), _step_s(item), _fixed(item.critical))
            external = self._rules.external_labels
            pair = Pair(did, other)
            cell = paired(design, item.condition, told, word, pair, self._production.alertmanager, external)
        self._put(cell)

    def _doubt(self, chosen: Sequence[Examined]) -> None:
        """Quiet proves something only of an alert that fires elsewhere: its designed trigger is the control."""
        for examined in chosen:
            control = self._cells[examined.name, "designed trigger"]
            if control.does.startswith("fires") or control.verdict == "not applicable":
                continue
            for (alert, condition), cell in list(self._cells.items()):
                if alert == examined.name and cell.verdict == "held" and cell.should == "quiet":
                    why = "its designed trigger does not fire: quiet proves nothing"
                    self._cells[alert, condition] = replace(cell, verdict="inconclusive", why=why)


def _joined(warning: Design, critical: Design) -> Design:
    """The critical alert's design, long enough for both, that begins and ends on the quiet side of both."""
    extra = {item: level for item, level in warning.baseline.items() if item not in critical.baseline}
    mine, its = warning.examined.timing, critical.examined.timing
    longest = {
        name: max(getattr(mine, name), getattr(its, name))
        for name in ("scrape_s", "range_s", "for_s", "keep_firing_for_s")
    }
    return replace(
        critical,
        examined=replace(critical.examined, timing=replace(its, **longest)),
        inputs=(*critical.inputs, *extra),
        baseline={**critical.baseline, **extra},
        inputs_at={**critical.inputs_at, "healthy": warning.inputs_at["healthy"]},
    )


def _step_s(item: _Planned) -> float:
    driven = item.critical or item.design
    return driven.evaluation_s if driven.inputs else driven.examined.timing.evaluation_s


def _watched(item: _Planned) -> str:
    watched = [item.design.examined.series, *([item.critical.examined.series] if item.critical else [])]
    return " or ".join(watched)


def _fixed(design: Design) -> dict[str, str]:
    labels = {**design.examined.group.labels, **design.examined.rule.labels}
    return {
        "alertname": design.examined.rule.name,
        **{name: value for name, value in labels.items() if "{{" not in value and value},
    }


def _missed(item: _Planned, findings: Findings) -> str:
    """Why the inputs did not do what they were made for, or nothing."""
    driven, told = item.critical or item.design, item.script
    if not told.setting or told.rest is not None or driven.comparison is None or findings.error:
        return ""
    wanted = driven.values_at[told.setting]
    samples = findings.at(driven.comparison.left, told.healed_s - _step_s(item))
    values = [sample.value for sample in samples]
    if any(abs(value - wanted) <= 1e-6 * max(1.0, abs(wanted)) for value in values):
        return ""
    return f"the expression came out at {values or 'nothing'} instead of {wanted:g}"


def _always(design: Design, item: _Planned, word: str, holds: bool) -> Cell:
    does = "fires throughout" if holds else "is silent at times"
    why = "" if holds else "an alert that always fires must never be silent"
    return Cell(design.examined.name, item.condition, "held" if holds else "violated", does, word, why)


def _is_about_absence(examined: Examined) -> bool:
    return bool(examined.rule.query.functions & {"absent", "absent_over_time"})


def _guessed(inputs: Sequence[Input]) -> tuple[str, ...]:
    return tuple(sorted({each.family.name for each in inputs if not each.family.is_declared}))
