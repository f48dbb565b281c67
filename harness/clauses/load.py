"""Load plane: what the client saw, phase by phase, from the generator's own ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from harness.clauses.model import Clause, Judgement, Need, held, inconclusive, still_open, violated
from harness.clauses.timeline import unconfirmed
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectLoad
from harness.evidence.records import Request
from harness.evidence.store import Evidence

__all__ = ["compile_load_expectation"]

_TOLERANCE = 0.05
"""A share of failures may differ by this much: a low-discrepancy sequence is exact only over whole periods."""


def compile_load_expectation(scenario: Scenario, item: Expected) -> Iterator[Clause]:
    """What a story says about the answers that clients got."""
    rule = item.rule
    assert isinstance(rule, ExpectLoad)
    name = (rule.during or "whole story").replace(" ", "_")
    when = f" during {rule.during}" if rule.during else ""
    clause = partial(Clause, scope=scenario.name, plane="load", name=name, source=item.source, cells=(scenario.name,))
    if rule.all_answered:
        yield clause(
            promise="all_answered",
            statement=f"every request that was sent{when} got the answer that its kind expects",
            needs=(Need("ledger"),),
            judge=partial(_judge_answered, scenario.name, rule.during),
        )
    if rule.fails is not None:
        yield clause(
            promise=f"fails_{rule.fails:.0%}",
            statement=f"{rule.fails:.0%} of the requests{when} fail",
            needs=(Need("ledger"), Need("faults")),
            judge=partial(_judge_share, scenario.name, rule.during, rule.fails),
        )


def _sent(evidence: Evidence, cell: str, phase: str | None) -> list[Request]:
    """Requests that were sent; of a phase those that also ended in it: others lived under two conditions."""
    sent = [r for r in evidence.of(Request, cell) if r.sent_t is not None]
    if phase is None:
        return sent
    end = evidence.phase(cell, phase)[1] or math.inf
    return [r for r in sent if r.phase == phase and r.end_t is not None and r.end_t <= end]


def _over(evidence: Evidence, cell: str) -> bool:
    """Whether the ledger is whole: what a phase sent may end long after it."""
    return evidence.completed(cell)


def _judge_answered(cell: str, phase: str | None, evidence: Evidence) -> Judgement:
    sent = _sent(evidence, cell, phase)
    for request in sent:
        if not request.expected:
            what = f"{request.kind} {request.request_id} got {request.status or request.error}"
            return violated(what, at=request.end_t)
    if not _over(evidence, cell):
        return still_open("requests may be in flight")
    return held(f"{len(sent)} requests") if sent else inconclusive("no request was sent")


def _judge_share(cell: str, phase: str | None, share: float, evidence: Evidence) -> Judgement:
    if not _over(evidence, cell):
        return still_open("requests may be in flight")
    sent = _sent(evidence, cell, phase)
    if not sent:
        return inconclusive("no request was sent")
    failed = sum(not request.expected for request in sent) / len(sent)
    message = f"{failed:.1%} of {len(sent)} requests failed"
    if abs(failed - share) <= max(_TOLERANCE, 1 / len(sent)):
        return held(message)
    return unconfirmed(evidence, cell, phase) or violated(message, hop="fault")
