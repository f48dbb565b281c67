"""Dashboards plane: what every panel asks can be answered, speaks of declared things, and shows the unit it computes.

One clause is about one panel, all of its queries together. What the files alone tell is judged without evidence; the
rest on what Prometheus answered at the end of each phase.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from harness.artefacts.dashboard import Dashboard, Panel, Variable
from harness.clauses.model import Clause, Judge, Judgement, held, inconclusive, violated
from harness.clauses.panel_data import Subject, judge_data, judge_legend, judge_plausible, need_of
from harness.clauses.panels import AskedQuery, Reader, limits, misfits, undecided_units
from harness.clauses.production import Production
from harness.clauses.vocabulary import Vocabulary, vocabulary_of
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.evidence.store import Evidence

__all__ = ["compile_dashboards"]

_LEGEND = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_LABEL_VALUES = re.compile(r"label_values\(\s*(?P<of>.+)\s*,\s*(?P<label>\w+)\s*\)", re.DOTALL)
_QUERY_RESULT = re.compile(r"query_result\((?P<of>.+)\)", re.DOTALL)


def compile_dashboards(campaign: Campaign, production: Production) -> Iterator[Clause]:
    """Clauses on every panel and every live variable of every dashboard that the contract names."""
    vocabulary = vocabulary_of(campaign, production)
    stories = _stories(campaign)
    cells = tuple(story.name for story in stories)
    names: Counter[str] = Counter()
    for board in production.dashboards:
        reader = Reader.of(campaign, production, vocabulary, board, stories)
        for variable in board.variables:
            yield from _variable(reader, variable, _unique(names, board, f"${variable.name}"), cells)
        for panel in board.panels:
            yield from _panel(reader, panel, _unique(names, board, panel.title), cells)


def _stories(campaign: Campaign) -> tuple[Scenario, ...]:
    """The story that the contract prefers to look at panels in, or all."""
    by_name = {scenario.name: scenario for scenario in campaign.scenarios}
    wanted = [by_name[name] for name in campaign.contract.dashboards.shown_in if name in by_name]
    return tuple(wanted[:1]) or campaign.scenarios


def _unique(names: Counter[str], board: Dashboard, title: str) -> str:
    name = f"{board.title}/{title}".replace("::", ":")
    names[name] += 1
    return name if names[name] == 1 else f"{name} [{names[name]}]"


def _panel(reader: Reader, panel: Panel, name: str, cells: tuple[str, ...]) -> Iterator[Clause]:
    mine = [target for target in panel.targets if not target.asks]
    others = ", ".join(dict.fromkeys(target.asks for target in panel.targets if target.asks))
    queries = tuple(reader.target(panel, target) for target in mine)
    subject = Subject(name, panel.location, queries, cells, others)
    if not queries:
        yield subject.clause("has_data", f"{name} shows data", _silent, reason=_nothing_asked(panel, others))
        return
    unknown = _unknown(subject, reader.vocabulary)
    yield from _static(subject, reader.vocabulary, unknown)
    yield from _seen(subject, unknown)
    yield from _shown(subject, panel, unknown)


def _nothing_asked(panel: Panel, others: str) -> str:
    if panel.is_library:
        return "not a Prometheus query: a library panel, whose queries stand in another file"
    return f"not a Prometheus query: it asks {others}" if others else f"a {panel.kind} panel that asks nothing"


def _variable(reader: Reader, variable: Variable, name: str, cells: tuple[str, ...]) -> Iterator[Clause]:
    if variable.kind != "query":
        return
    expression = _values_asked(variable)
    if variable.asks or not expression:
        reason = f"not a Prometheus query: it asks {variable.asks or variable.query or 'nothing'}"
        subject = Subject(name, variable.place(0), (), cells)
        yield subject.clause("has_data", f"{name} has values", _silent, reason=reason)
        return
    subject = Subject(name, variable.place(0), (reader.variable(variable, expression),), cells)
    unknown = _unknown(subject, reader.vocabulary)
    yield from _static(subject, reader.vocabulary, unknown)
    yield from _seen(subject, unknown)


def _values_asked(variable: Variable) -> str:
    """The values of a variable as PromQL."""
    values, result = _LABEL_VALUES.fullmatch(variable.query.strip()), _QUERY_RESULT.fullmatch(variable.query.strip())
    if values:
        return f"group by ({values['label']}) ({values['of']})"
    return result["of"] if result else ""


def _silent(_: Evidence) -> Judgement:
    return inconclusive("it does not apply")


# --- what the files tell


def _unknown(subject: Subject, vocabulary: Vocabulary) -> tuple[str, ...]:
    parsed = (asked.query for asked in subject.queries if asked.query is not None)
    return tuple(f"{query.place(0)}: {each}" for query in parsed for each in vocabulary.problems(query))


def _static(subject: Subject, vocabulary: Vocabulary, unknown: Sequence[str]) -> Iterator[Clause]:
    problems = tuple(asked.problem for asked in subject.queries if asked.problem)
    count = f"{len(subject.queries)} of {len(subject.queries)} queries"
    yield subject.clause("parses", f"every query of {subject.name} is valid PromQL", _decided(problems, count))
    parsed = [asked.query for asked in subject.queries if asked.query is not None]
    if vocabulary.families and parsed:
        strange = dict.fromkeys(name for query in parsed for name in vocabulary.strangers(query))
        told = f"of other services, not declared here: {', '.join(strange)}" if strange else "all are declared"
        statement = f"{subject.name} speaks of declared metrics, labels and label values"
        yield subject.clause("declared", statement, _decided(unknown, told))


def _decided(problems: Sequence[str], otherwise: str) -> Judge:
    """What needs no evidence: the files are what they are."""
    judgement = violated(problems[0], *problems[1:], hop="dashboard") if problems else held(otherwise)
    return lambda _: judgement


def _because(premise: str) -> Judge:
    return lambda _: inconclusive(f"because of declared: {premise}")


def _shown(subject: Subject, panel: Panel, undeclared: Sequence[str]) -> Iterator[Clause]:
    parsed = [asked for asked in subject.queries if asked.query is not None]
    wrong, reason = tuple(misfits(panel, parsed)), undecided_units(panel, parsed)
    computed = ", ".join(f"{asked.ref} computes {asked.quantity or 'a number'}" for asked in parsed)
    if parsed:
        statement = f"{subject.name} shows the unit that its queries compute"
        judge = _because(undeclared[0]) if wrong and undeclared else _decided(wrong, computed)
        yield subject.clause("unit", statement, judge, reason="" if wrong else reason)
    ranges = {asked: limits(panel, asked) for asked in subject.askable}
    judged = {asked: pair for asked, pair in ranges.items() if pair != (-math.inf, math.inf)}
    if judged and not panel.transformations:
        statement = f"values of {subject.name} are possible ones: {_ranges(judged)}"
        yield subject.clause("plausible", statement, partial(judge_plausible, subject, judged), *map(need_of, judged))


def _ranges(judged: dict[AskedQuery, tuple[float, float]]) -> str:
    return ", ".join(
        f"{asked.ref} at least {low:g}" + (f" and at most {high:g}" if high < math.inf else "")
        for asked, (low, high) in judged.items()
    )


# --- what was seen


def _seen(subject: Subject, undeclared: Sequence[str]) -> Iterator[Clause]:
    empty = [f"{asked.ref}: {asked.empty}" for asked in subject.queries if asked.empty]
    unknown = [asked.unknown for asked in subject.queries if asked.unknown]
    premise = f"because of declared: {undeclared[0]}" if undeclared else ""
    needs = tuple(dict.fromkeys(map(need_of, subject.askable)))
    statement = f"every query of {subject.name} returns data at the end of some phase"
    if empty:
        yield subject.clause("has_data", statement, _decided(empty, ""))
    elif needs:
        others = f"; beside them it asks {subject.others}" if subject.others else ""
        note = others + "".join(f"; not asked: {reason}" for reason in unknown)
        yield subject.clause("has_data", statement, partial(judge_data, subject, note, premise), *needs)
    elif unknown:
        yield subject.clause("has_data", statement, _silent, reason=unknown[0])
    legends = {asked: labels for asked in subject.askable if (labels := frozenset(_LEGEND.findall(asked.legend)))}
    if legends and not empty:
        named = ", ".join(sorted({label for labels in legends.values() for label in labels}))
        statement = f"the legends of {subject.name} name labels that its series carry: {named}"
        yield subject.clause(
            "legend", statement, partial(judge_legend, subject, legends, premise), *map(need_of, legends)
        )
