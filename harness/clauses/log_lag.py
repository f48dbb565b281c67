"""How long a log event takes until it can be searched: the budget ``log_lag`` of the contract, document by document."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.clauses.cutting import fault_stretches
from harness.clauses.model import Clause, Judge, Judgement, Need, held, still_open, violated
from harness.clauses.signals import event_time, event_time_at
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.evidence.figures import spread
from harness.evidence.records import Document, FaultAction
from harness.evidence.store import Evidence

__all__ = ["compile_log_lag", "lags"]


def compile_log_lag(campaign: Campaign, scenario: Scenario, stream: str) -> Iterator[Clause]:
    """The clause on ``stream`` of a story that ships its logs; none where no field of it is declared as a timestamp."""
    path = event_time_at(campaign, stream)
    if path is None:
        return
    limit_s = campaign.contract.budgets.log_lag
    yield Clause(
        scenario.name,
        "logs",
        stream,
        "searchable_in_time",
        campaign.promise("logs", "streams", stream),
        f"every document of {stream} is searchable within {limit_s:g} s wall of its {path}",
        (Need("documents", stream),),
        _judge(scenario.name, stream, path, limit_s),
        (scenario.name,),
    )


def lags(evidence: Evidence, cell: str, stream: str, path: str) -> Iterator[tuple[float, float, Document]]:
    """Of each document the epoch second of its event, and the wall seconds until it was first found.

    The index is asked several times a second: so much the true lag may be shorter. A document whose way was cut by a
    link while it was under way is left out; where the shipper itself was cut, its time counts from when it was seen
    to be back, and what was written before the story began counts from its beginning, when the shipper is ready.
    """
    start = evidence.started(cell)
    ready_t = start.t if start else 0.0
    cuts = tuple(_cuts(evidence, cell))
    for document in evidence.of(Document, cell):
        if document.stream != stream:
            continue
        t = event_time(document.source, path)
        if t is None:
            continue
        met = [cut for cut in cuts if t <= cut.until and cut.since <= document.t]
        if not any(cut.link or math.isinf(cut.until) for cut in met):
            able = max((cut.until for cut in met), default=t)
            yield t, max(0.0, document.t - max(t, able, ready_t)), document


@dataclass(frozen=True, slots=True)
class _Cut:
    """The way of log lines was cut, over wall instants; ``link``: it was a link, whose end is not seen at once."""

    since: float
    until: float
    link: bool


def _cuts(evidence: Evidence, cell: str) -> Iterator[_Cut]:
    def is_link(fault: FaultAction) -> bool:
        return fault.kind == "link" or fault.fault == "cut elasticsearch"

    for each in fault_stretches(evidence, cell, lambda fault: is_link(fault) or fault.fault == "cut filebeat"):
        yield _Cut(each.begun_t, each.ended_t, is_link(each.injection))


def _judge(cell: str, stream: str, path: str, limit_s: float) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        found = list(lags(evidence, cell, stream, path))
        late = [(lag, document) for _, lag, document in found if lag > limit_s]
        if late:
            lag, document = max(late, key=lambda item: item[0])
            message = f"{len(late)} of {len(found)} documents came late, {document.id} after {lag:.2f} s wall"
            return violated(message, hop="Filebeat", at=late[0][1].t)
        if not evidence.completed(cell):
            return still_open("the story is not over")
        told = spread(lag for _, lag, _ in found)
        if told is None:
            return still_open(f"no document of {stream} tells in {path} when its event was")
        return held(
            f"{told.count} documents: p50 {told.p50_s:.2f} s, p99 {told.p99_s:.2f} s, max {told.max_s:.2f} s wall"
        )

    return judge
