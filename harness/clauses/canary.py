"""Canary plane: what was planted in requests as a secret surfaces nowhere that operators, or others, can read.

One clause for each place. A message says where a canary surfaced, and never repeats it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import orjson

from harness.clauses.logs import looks_at_documents
from harness.clauses.model import Clause, Judge, Judgement, Need, NeedKind, held, still_open, violated
from harness.contract import Campaign
from harness.contract.subject import RequestKind
from harness.evidence.records import (
    CAMPAIGN,
    AlertSnapshot,
    Canary,
    Document,
    Exposition,
    HttpAnswer,
    LogLine,
    Notification,
    Request,
    RuleState,
)
from harness.evidence.store import Evidence

__all__ = ["compile_canaries"]

Told = Iterator[tuple[str, str]]
"""Where something was told, and its whole text."""
Place = Callable[[Evidence, str], Told]
_SHOWN: Final = 6


def compile_canaries(campaign: Campaign) -> Iterator[Clause]:
    """A clause for each place that the stories observe; none where the profile plants nothing."""
    if not campaign.profile.canaries:
        return
    cells = tuple(scenario.name for scenario in campaign.scenarios)
    carriers = frozenset(name for name, kind in campaign.profile.requests.items() if _carries(kind))
    source = campaign.profile_source.document.locate(("canaries",), key=True)
    for name, (needs, place) in _places(campaign).items():
        statement = f"nothing planted in requests surfaces in {name}"
        judge = _judge_place(place, carriers)
        needs = (*needs, Need("ledger"))
        yield Clause(CAMPAIGN, "canary", name, "holds_none", source, statement, needs, judge, cells)


def _carries(kind: RequestKind) -> bool:
    return "{{canary." in kind.path + "".join(kind.headers.values()) + repr(kind.body)


def _places(campaign: Campaign) -> dict[str, tuple[tuple[Need, ...], Place]]:
    contract = campaign.contract
    found: dict[str, tuple[tuple[Need, ...], Place]] = {}

    def add(name: str, place: Place, kind: NeedKind, details: Iterable[str] = ("",)) -> None:
        found[name] = tuple(Need(kind, detail) for detail in details), place

    if contract.metrics:
        add("labels", _labels, "expositions")
    if contract.logs:
        add("lines", _lines, "lines", contract.logs.streams)
        if campaign.artefact("filebeat") and any(map(looks_at_documents, campaign.scenarios)):
            # no story ships its logs for this alone
            found["documents"] = (), _documents
    if contract.endpoints:
        add("answers", _answers, "answers", contract.endpoints)
    if campaign.artefact("prometheus"):
        add("alerts", _alerts, "rules")
    if campaign.artefact("alertmanager"):
        add("notifications", _notifications, "pages")
    return found


def _judge_place(place: Place, carriers: frozenset[str]) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        # a second attempt plants the same ones again
        planted = {canary.value: canary for canary in evidence.of(Canary, CAMPAIGN)}.values()
        looked = carried = 0
        for cell in evidence.cells():
            sent = sum(r.kind in carriers and r.sent_t is not None for r in evidence.of(Request, cell))
            carried += sent
            for where, text in place(evidence, cell) if sent else ():
                looked += 1
                for canary in planted:
                    if canary.value in text:
                        shown = f"{canary.value[:_SHOWN]}…"
                        return violated(f"the canary {canary.name} ({shown}) surfaced in {where}", hop="canary")
        if looked and planted and evidence.all_completed():
            return held(f"none of {len(planted)} canaries in {looked} texts, {carried} requests carried some")
        return still_open("no request carried a canary" if not carried else "nothing was told there")

    return judge


def _labels(evidence: Evidence, cell: str) -> Told:
    for item in evidence.of(Exposition, cell):
        yield f"the metrics of {cell}/{item.instance}", item.text


def _lines(evidence: Evidence, cell: str) -> Told:
    for line in evidence.of(LogLine, cell):
        # of a line that is not JSON the fields may be less than the line
        yield f"{line.file}:{line.number}", line.text if line.fields is None else f"{line.text}\n{_flat(line.fields)}"


def _documents(evidence: Evidence, cell: str) -> Told:
    for document in evidence.of(Document, cell):
        yield f"document {document.id} of {document.stream}", _flat(document.source)


def _answers(evidence: Evidence, cell: str) -> Told:
    for answer in evidence.of(HttpAnswer, cell):
        yield f"an answer of {answer.endpoint} ({cell}/{answer.instance})", _flat(answer.body)


def _alerts(evidence: Evidence, cell: str) -> Told:
    for rule in evidence.of(RuleState, cell):
        yield f"labels or annotations of {rule.alert} ({cell})", _flat(rule.active)
    for alert in evidence.of(AlertSnapshot, cell):
        yield f"labels of {alert.labels.get('alertname', 'an alert')} ({cell})", _flat(alert.labels)


def _notifications(evidence: Evidence, cell: str) -> Told:
    for notice in evidence.of(Notification, cell):
        text = "\n".join((notice.title, notice.text, notice.group_key, _flat(notice.alerts)))
        yield f"a notice to {notice.receiver} by {notice.integration} ({cell})", text


def _flat(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
