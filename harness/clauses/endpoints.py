"""Endpoints and health planes: what HTTP endpoints answer, and whether state and status code agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.clauses.cutting import fault_stretches
from harness.clauses.model import Clause, Judge, Judgement, Need, held, inconclusive, still_open, violated
from harness.clauses.timeline import unconfirmed
from harness.clauses.values import ABSENT, at_pointer, broken_fields
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectHealth
from harness.contract.planes import Endpoint, HealthStates
from harness.evidence.records import CAMPAIGN, ComponentState, HttpAnswer
from harness.evidence.store import Evidence

__all__ = ["compile_endpoints", "compile_health_expectation", "state_of"]

_TOLD_WITHIN_S: Final = 1.0
"""Wall seconds in which the end of a part of the stack is known: it may have taken the instance along before that."""


def compile_endpoints(campaign: Campaign) -> Iterator[Clause]:
    """Campaign clauses on every declared endpoint and health state machine."""
    cells = tuple(scenario.name for scenario in campaign.scenarios)
    for name, endpoint in campaign.contract.endpoints.items():
        codes = ", ".join(map(str, endpoint.answers))
        yield Clause(
            CAMPAIGN,
            "endpoints",
            name,
            "answers",
            campaign.promise("endpoints", name),
            f"{endpoint.method} {endpoint.path} answers {codes} within {endpoint.within:g} s wall, as declared",
            (Need("answers", name),),
            _judge_answers(name, endpoint),
            cells,
        )
    for name, states in campaign.contract.health.items():
        yield Clause(
            CAMPAIGN,
            "health",
            name,
            "codes",
            campaign.promise("health", name),
            "; ".join(f"{state} is answered with {code}" for state, code in states.codes.items()),
            (Need("answers", states.endpoint),),
            _judge_codes(states),
            cells,
        )
        if states.checks:
            yield Clause(
                CAMPAIGN,
                "health",
                name,
                "checks",
                campaign.promise("health", name, "checks"),
                f"every answer lists exactly the checks {', '.join(states.checks)}",
                (Need("answers", states.endpoint),),
                _judge_checks(states),
                cells,
            )


def _answers(evidence: Evidence, endpoint: str) -> Iterator[HttpAnswer]:
    for cell in evidence.cells():
        yield from _answers_in(evidence, cell, endpoint)


def _answers_in(evidence: Evidence, cell: str, endpoint: str) -> Iterator[HttpAnswer]:
    return (answer for answer in evidence.of(HttpAnswer, cell) if answer.endpoint == endpoint)


def _judge_answers(name: str, endpoint: Endpoint) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen: set[int] = set()
        for answer in _answers(evidence, name):
            if (answer.status == 0 or answer.duration_s > endpoint.within) and _was_cut(evidence, answer):
                continue  # what hung answers late once it goes on, if at all
            problem = _broken_answer(answer, endpoint)
            if problem:
                return _no_answer(evidence, answer, problem)
            seen.add(answer.status)
        if seen and evidence.all_completed():
            return held(f"answered {', '.join(map(str, sorted(seen)))} as declared")
        return still_open("it was never asked" if not seen else "the stories are not over")

    return judge


def _was_cut(evidence: Evidence, answer: HttpAnswer) -> bool:
    """Whether a fault that stops, kills or cuts off the subject was in force: it cannot answer then."""
    lasted = fault_stretches(evidence, answer.cell, lambda fault: fault.kind not in {"hook", "cut"})
    return any(each.begun_t <= answer.t + answer.duration_s and answer.t <= each.ended_t for each in lasted)


def _no_answer(evidence: Evidence, answer: HttpAnswer, problem: str) -> Judgement:
    """Violated; but because of its death where the instance did not answer for having died unasked."""
    if answer.status == 0:
        dead = (s for s in evidence.of(ComponentState, answer.cell) if s.component == answer.instance)
        if any(state.action == "exited" and not state.expected for state in dead):
            return inconclusive(f"because of {answer.cell}::subject::{answer.instance}::stays_up", problem)
        if evidence.horizon(answer.cell) < answer.t + _TOLD_WITHIN_S and not evidence.completed(answer.cell):
            return still_open(f"{answer.instance}: {problem}")
    return violated(f"{answer.instance}: {problem}", at=answer.t)


def _broken_answer(answer: HttpAnswer, endpoint: Endpoint) -> str:
    if answer.status == 0:
        return f"no answer: {answer.error}"
    promised = endpoint.answers.get(answer.status)
    if promised is None:
        return f"answered {answer.status}, declared are {', '.join(map(str, endpoint.answers))}"
    if answer.duration_s > endpoint.within:
        return f"answered after {answer.duration_s:.3f} s wall, promised is {endpoint.within:g} s"
    if promised.content_type and not answer.content_type.startswith(promised.content_type):
        return f"answered as {answer.content_type or 'no content type'}, promised is {promised.content_type}"
    if promised.fields:
        body = answer.body if isinstance(answer.body, dict) else {}
        return next(broken_fields(body, promised.fields), "")
    return ""


def state_of(answer: HttpAnswer, states: HealthStates) -> str | None:
    """The state that the body names, or ``None`` where it names none."""
    value = at_pointer(answer.body, states.state_at)
    return None if value is ABSENT else str(value)


def _judge_codes(states: HealthStates) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen: dict[str, None] = {}
        for answer in _answers(evidence, states.endpoint):
            if answer.status == 0:
                continue
            state = state_of(answer, states)
            if state is None:
                return violated(f"{answer.instance}: the body holds nothing at {states.state_at}", at=answer.t)
            if state not in states.codes:
                return violated(f"{answer.instance}: the state {state!r} is not declared", at=answer.t)
            if states.codes[state] != answer.status:
                expected = states.codes[state]
                message = f"{answer.instance}: {state} was answered with {answer.status}, not {expected}"
                return violated(message, at=answer.t)
            seen[state] = None
        if seen and evidence.all_completed():
            unseen = [state for state in states.codes if state not in seen]
            rest = f"; never seen: {', '.join(unseen)}" if unseen else ""
            return held(f"seen: {', '.join(seen)}{rest}")
        return still_open("it never answered" if not seen else "the stories are not over")

    return judge


def _judge_checks(states: HealthStates) -> Judge:
    expected = frozenset(states.checks)

    def judge(evidence: Evidence) -> Judgement:
        count = 0
        for answer in _answers(evidence, states.endpoint):
            if answer.status == 0:
                continue
            count += 1
            found = at_pointer(answer.body, states.checks_at or "")
            names = frozenset(found) if isinstance(found, dict) else frozenset()
            if names != expected:
                odd = ", ".join(sorted(names ^ expected))
                return violated(f"{answer.instance}: missing or surplus checks: {odd}", at=answer.t)
        if count and evidence.all_completed():
            return held(f"all {len(expected)} checks in {count} answers")
        return still_open("it never answered" if not count else "the stories are not over")

    return judge


def compile_health_expectation(campaign: Campaign, scenario: Scenario, item: Expected) -> Clause:
    """What a story says about a health endpoint in one of its phases."""
    rule = item.rule
    assert isinstance(rule, ExpectHealth)
    states = campaign.contract.health[item.about]
    wanted = rule.is_ or rule.becomes or ""
    when = f" during {rule.during}" if rule.during else ""
    phase = f"_in_{rule.during.replace(' ', '_')}" if rule.during else ""
    promise = f"{'is' if rule.is_ else 'becomes'}_{wanted}{phase}"
    return Clause(
        scenario.name,
        "health",
        item.about,
        promise,
        item.source,
        f"{item.about} {'is' if rule.is_ else 'becomes'} {wanted}{when}",
        (Need("answers", states.endpoint), Need("faults")),
        _judge_state(scenario.name, states, rule),
        (scenario.name,),
    )


def _judge_state(cell: str, states: HealthStates, rule: ExpectHealth) -> Judge:
    wanted = rule.is_ or rule.becomes

    def judge(evidence: Evidence) -> Judgement:
        start, end = evidence.phase(cell, rule.during) if rule.during else (float("-inf"), None)
        if start is None:
            return still_open(f"the phase {rule.during} has not begun")
        window = [
            answer
            for answer in _answers_in(evidence, cell, states.endpoint)
            if answer.status and start <= answer.t <= (end or float("inf"))
        ]
        found = [state_of(answer, states) for answer in window]
        # answers are recorded a little after their own time
        over = evidence.completed(cell) or (end is not None and evidence.horizon(cell) >= end)
        judge_states = _judge_becomes if rule.becomes else _judge_is
        judgement = judge_states(str(wanted), found, window, over=over)
        if judgement.verdict == "violated":
            return unconfirmed(evidence, cell, rule.during) or judgement
        return judgement

    return judge


def _judge_becomes(wanted: str, found: list[str | None], window: list[HttpAnswer], *, over: bool) -> Judgement:
    for state, answer in zip(found, window, strict=True):
        if state == wanted:
            return held(f"{answer.instance} reported {wanted}", at=answer.t)
    if over and found:
        return violated(f"never reported {wanted}; seen: {', '.join(sorted({str(s) for s in found}))}", hop="health")
    return still_open("no answer in that phase yet")


def _judge_is(wanted: str, found: list[str | None], window: list[HttpAnswer], *, over: bool) -> Judgement:
    for state, answer in zip(found, window, strict=True):
        if state != wanted:
            return violated(f"{answer.instance} reported {state}", at=answer.t, hop="health")
    if over and found:
        return held(f"{wanted} in {len(found)} answers")
    return still_open("no answer in that phase yet" if not found else "the phase is not over")
