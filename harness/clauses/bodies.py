"""Endpoints plane: what answers to the load hold, by request kind and status."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from harness.clauses.model import Clause, Judge, Judgement, Need, held, still_open, violated
from harness.clauses.values import broken_fields
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.fields import FieldRule
from harness.core.errors import ConfigError
from harness.core.source import nearest
from harness.evidence.records import CAMPAIGN, Request
from harness.evidence.store import Evidence

__all__ = ["compile_bodies"]


def compile_bodies(campaign: Campaign) -> Iterator[Clause]:
    """A clause for each status of each kind whose answers the contract declares, read in the stories that send it."""
    for kind, by_status in campaign.contract.answers.items():
        if kind not in campaign.profile.requests:
            where = campaign.promise("answers", kind)
            remedy = nearest(kind, campaign.profile.requests) or "declare it under requests: of the profile"
            raise ConfigError(
                f"answers are promised to {kind!r}, which is no request kind", location=where, remedy=remedy
            )
        cells = tuple(scenario.name for scenario in campaign.scenarios if _sends(scenario, kind))
        for status, fields in by_status.items() if cells else ():
            yield Clause(
                CAMPAIGN,
                "endpoints",
                kind,
                f"body_{status}",
                campaign.promise("answers", kind, status),
                f"every answer {status} to {kind} holds {', '.join(fields)}",
                (Need("ledger"),),
                _judge(kind, status, fields),
                cells,
            )


def _sends(scenario: Scenario, kind: str) -> bool:
    loads = (phase.load for phase in scenario.phases if phase.load)
    return any(kind in (part.mix or {}) for load in loads for _, part in load.parts())


def _judge(kind: str, status: int, fields: Mapping[str, FieldRule]) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        seen = 0
        for cell in evidence.cells():
            for request in evidence.of(Request, cell):
                if request.kind != kind or request.status != status or not request.answer:
                    continue
                seen += 1
                problem = _problem(request.answer, fields)
                if problem:
                    return violated(f"answer {status} to {kind} {request.request_id}: {problem}", at=request.end_t)
        if seen and evidence.all_completed():
            return held(f"{seen} answers as declared")
        return still_open(f"{kind} was never answered with {status}" if not seen else "the stories are not over")

    return judge


def _problem(text: str, fields: Mapping[str, FieldRule]) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return f"it is no JSON: {text[:60]}"
    return next(broken_fields(body if isinstance(body, dict) else {}, fields), "")
