"""Health plane: the state follows from the checks, each of them seen failing alone and in pairs."""

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
from harness.contract.planes import HealthStates
from harness.evidence.records import CAMPAIGN, HttpAnswer
from harness.evidence.store import Evidence

__all__ = ["compile_checks", "compile_proof", "failed_checks"]


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
