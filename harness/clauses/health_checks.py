"""Health plane: the state follows from the checks, each alone and in pairs; all who tell of it tell the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from harness.clauses.endpoints import state_of
from harness.clauses.model import Clause, Judge, Judgement, Need, held, still_open, violated
from harness.clauses.values import at_pointer
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectHealth
from harness.contract.files import HealthStates
from harness.evidence.records import CAMPAIGN, HttpAnswer, Series
from harness.evidence.store import Evidence

__all__ = ["compile_agreement", "compile_checks", "compile_proof", "failed_checks"]


def compile_checks(campaign: Campaign) -> Iterator[Clause]:
    """Campaign clauses on states that follow from checks."""
    cells = tuple(scenario.name for scenario in campaign.scenarios)
    for name, states in campaign.contract.health.items():
        if not states.caused_by:
            continue
        source = campaign.promise("health", name, "caused_by")
        need = (Need("answers", states.endpoint),)
        told = "; ".join(
            f"{state} where one of {', '.join(checks)} fails" for state, checks in states.caused_by.items()
        )
        follows = f"{told}; else {states.at_rest}"
        yield Clause(CAMPAIGN, "health", name, "follows_checks", source, follows, need, _judge_follows(states), cells)


def compile_proof(campaign: Campaign, scenario: Scenario, item: Expected) -> Clause:
    """In the story that makes checks fail: each of them was seen to, alone, and with each other one."""
    rule, states = item.rule, campaign.contract.health[item.about]
    assert isinstance(rule, ExpectHealth)
    together = ", and each two together" if rule.proves == "pairs" else ""
    return Clause(
        scenario.name,
        "health",
        item.about,
        f"proves_{rule.proves}",
        item.source,
        f"each check of {item.about} was seen failing alone{together}",
        (Need("answers", states.endpoint),),
        _judge_proved(scenario.name, states, 2 if rule.proves == "pairs" else 1),
        (scenario.name,),
    )


def compile_agreement(campaign: Campaign, scenario: Scenario) -> Iterator[Clause]:
    """In stories that expect something of a health endpoint: its gauge, and endpoints with the same states, agree."""
    expected = {item.about for item in scenario.expectations if item.subject == "health"}
    health = campaign.contract.health
    told: set[str] = set()
    for name in [name for name in health if name in expected]:
        told.add(name)
        states = health[name]
        source, cell = campaign.promise("health", name), scenario.name
        answers = Need("answers", states.endpoint)
        if states.gauge is not None and campaign.artefact("prometheus"):
            statement = f"{states.gauge} tells the state that {name} reports, one probe and one scrape apart at most"
            judge = _judge_gauge(cell, states)
            needs = (answers, Need("series", states.gauge))
            yield Clause(cell, "health", name, "gauge_agrees", source, statement, needs, judge, (cell,))
        for other, same in health.items():
            if other not in told and same.endpoint != states.endpoint and set(same.codes) == set(states.codes):
                statement = f"{other} reports the state that {name} reports, one probe of each apart at most"
                judge = _judge_endpoints(cell, states, same)
                needs = (answers, Need("answers", same.endpoint))
                yield Clause(cell, "health", name, f"agrees_with_{other}", source, statement, needs, judge, (cell,))


# --- states and checks


def failed_checks(answer: HttpAnswer, states: HealthStates) -> frozenset[str] | None:
    """Names of the checks that an answer lists as failed; ``None`` where it lists none at all."""
    checks = at_pointer(answer.body, states.checks_at or "")
    if not isinstance(checks, Mapping):
        return None
    return frozenset(name for name, entry in checks.items() if _fails(entry, states.fails_where))


def _fails(entry: Any, where: Mapping[str, Any]) -> bool:
    fields = entry if isinstance(entry, Mapping) else {"": entry}
    return all(fields.get(name) == value for name, value in where.items())


def _expected(failed: frozenset[str], states: HealthStates) -> str:
    return next((state for state, checks in states.caused_by.items() if failed & set(checks)), states.at_rest)


def _told(evidence: Evidence, cell: str, states: HealthStates) -> Iterator[tuple[HttpAnswer, frozenset[str]]]:
    for answer in evidence.of(HttpAnswer, cell):
        failed = failed_checks(answer, states) if answer.endpoint == states.endpoint and answer.status else None
        if failed is not None:
            yield answer, failed


def _judge_follows(states: HealthStates) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for cell in evidence.cells():
            for answer, failed in _told(evidence, cell, states):
                seen += 1
                told, wanted = state_of(answer, states), _expected(failed, states)
                if told != wanted:
                    what = f"with {', '.join(sorted(failed))} failed" if failed else "with no check failed"
                    message = f"{cell}/{answer.instance}: {told} {what}, not {wanted}"
                    return violated(message, hop="health", at=answer.t)
        if seen and evidence.all_completed():
            return held(f"in {seen} answers")
        return still_open("it never listed its checks" if not seen else "the stories are not over")

    return judge


def _judge_proved(cell: str, states: HealthStates, together: int) -> Judge:
    wanted = [frozenset(found) for size in range(1, together + 1) for found in combinations(states.checks, size)]

    def judge(evidence: Evidence) -> Judgement:
        seen = {failed for _, failed in _told(evidence, cell, states)}
        missing = [" and ".join(sorted(each)) for each in wanted if each not in seen]
        if not missing:
            return held(f"all {len(wanted)} were seen")
        return still_open(f"never seen failing: {'; '.join(missing[:6])}" + ("; …" if missing[6:] else ""))

    return judge


# --- who else tells of it


def _answers(evidence: Evidence, cell: str, states: HealthStates) -> list[tuple[float, float, str]]:
    """Begin, end and state of each answer, in order of time."""
    found = [
        (a.t, a.t + a.duration_s, str(state_of(a, states)))
        for a in evidence.of(HttpAnswer, cell)
        if a.endpoint == states.endpoint and a.status
    ]
    return sorted(found)


def _around(answers: list[tuple[float, float, str]], begin: float, end: float, slack_s: float = 0.0) -> set[str]:
    """States told from the last answer before the stretch, ``slack_s`` earlier, to the first one after it."""
    last = max((i for i, (_, until, _) in enumerate(answers) if until <= begin - slack_s), default=0)
    found: set[str] = set()
    for t, _, state in answers[last:]:
        found.add(state)
        if t >= end + slack_s:
            return found
    return set()


def _judge_gauge(cell: str, states: HealthStates) -> Judge:
    """A scraped state must have been told by the endpoint around the scrape."""

    def judge(evidence: Evidence) -> Judgement:
        start = evidence.started(cell)
        if start is None or not evidence.completed(cell):
            return still_open("the story is not over")
        answers, compared = _answers(evidence, cell, states), 0
        for t, state in sorted(_gauged(evidence, cell, states)):
            near = _around(answers, t, t, start.scrape_s) if t >= start.t else set()
            compared += bool(near)
            if near and state not in near:
                message = f"{states.gauge} says {state}, {states.endpoint} said {', '.join(sorted(near))} around then"
                return violated(message, hop="metric", at=t)
        if compared:
            return held(f"{compared} samples agree")
        return still_open(f"{states.gauge} was never scraped beside an answer")

    return judge


def _gauged(evidence: Evidence, cell: str, states: HealthStates) -> Iterator[tuple[float, str]]:
    for series in evidence.of(Series, cell):
        if series.query == states.gauge and states.gauge_label in series.labels:
            yield from ((t, series.labels[states.gauge_label]) for t, value in series.points if value == 1)


def _judge_endpoints(cell: str, states: HealthStates, other: HealthStates) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        answers, compared = _answers(evidence, cell, states), 0
        for begin, end, state in _answers(evidence, cell, other):
            near = _around(answers, begin, end)
            compared += bool(near)
            if near and state not in near:
                message = f"{other.endpoint} said {state}, {states.endpoint} said {', '.join(sorted(near))} around then"
                return violated(message, hop="health", at=begin)
        if compared:
            return held(f"{compared} answers agree")
        return still_open("the two were never asked side by side")

    return judge
