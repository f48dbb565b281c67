"""From judgements to verdicts: fitness, waivers, what stayed open, and the exit code of a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from harness.clauses.fitness import unfit
from harness.clauses.model import BECAUSE, Clause, Judgement
from harness.clauses.remedies import remedy
from harness.contract.files import Waiver
from harness.core.events import Verdict
from harness.evidence.records import CAMPAIGN, ComponentState, Unmet
from harness.evidence.store import Evidence

__all__ = ["EXIT_HELD", "EXIT_INCONCLUSIVE", "EXIT_VIOLATED", "ClauseVerdict", "exit_code", "judge_campaign"]

EXIT_HELD: Final = 0
EXIT_VIOLATED: Final = 1
EXIT_INCONCLUSIVE: Final = 4

_COMPONENTS: Final[dict[str, tuple[str, ...]]] = {
    "query": ("prometheus",),
    "snapshot": ("prometheus",),
    "series": ("prometheus",),
    "rules": ("prometheus",),
    "alerts": ("prometheus", "alertmanager"),
    "pages": ("prometheus", "alertmanager"),
    "documents": ("filebeat", "elasticsearch"),
    "mapping": ("elasticsearch",),
    "ledger": ("generator",),
}


@dataclass(frozen=True, slots=True)
class ClauseVerdict:
    """The final word on one clause."""

    clause: Clause
    verdict: Verdict
    message: str
    details: tuple[str, ...] = ()
    hop: str = ""
    slack_s: float | None = None


def judge_campaign(
    clauses: Sequence[Clause],
    evidence: Evidence,
    waivers: Iterable[Waiver],
    today: date,
    lateness_limit_s: float = float("inf"),
) -> tuple[ClauseVerdict, ...]:
    """Verdicts on closed evidence, in the order of ``clauses``."""
    reasons = {cell: unfit(evidence, cell, lateness_limit_s) for cell in evidence.cells()}
    table = {waiver.clause: waiver for waiver in waivers}
    return tuple(_verdict(clause, evidence, reasons, table.get(clause.id), today) for clause in clauses)


def _verdict(
    clause: Clause,
    evidence: Evidence,
    reasons: dict[str, tuple[str, ...]],
    waiver: Waiver | None,
    today: date,
) -> ClauseVerdict:
    if clause.not_applicable:
        return ClauseVerdict(clause, "not applicable", clause.not_applicable)
    invalid = [f"{cell}: {reason}" for cell in clause.cells for reason in reasons.get(cell, ())]
    if invalid:
        return ClauseVerdict(clause, "invalid", invalid[0], tuple(invalid[1:]))
    judgement = _closed(clause, evidence, clause.judge(evidence))
    if waiver is None:
        verdict: Verdict = judgement.verdict if judgement.verdict != "open" else "inconclusive"
        return _result(clause, verdict, judgement)
    return _waived(clause, judgement, waiver, today)


def _result(clause: Clause, verdict: Verdict, judgement: Judgement, *more: str) -> ClauseVerdict:
    hop = (f"first missing hop: {judgement.hop}",) if judgement.hop and verdict == "violated" else ()
    details = (*hop, *judgement.details, *more)
    return ClauseVerdict(clause, verdict, judgement.message, details, judgement.hop, judgement.slack_s)


def _waived(clause: Clause, judgement: Judgement, waiver: Waiver, today: date) -> ClauseVerdict:
    note = f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason}"
    if judgement.verdict == "held":
        return _result(clause, "waived but held", judgement, note, "remedy: remove the waiver")
    if judgement.verdict != "violated":
        return _result(clause, "inconclusive", judgement, note)
    if date.fromisoformat(waiver.expires) < today:
        return _result(clause, "violated", judgement, f"the waiver expired on {waiver.expires} ({waiver.owner})")
    return _result(clause, "waived", judgement, note)


def _closed(clause: Clause, evidence: Evidence, judgement: Judgement) -> Judgement:
    """What is still open when nothing more will be seen is inconclusive, for the reason known best."""
    if judgement.verdict not in {"open", "inconclusive"}:
        return judgement
    reason = next(_reasons(clause, evidence), "")
    if not reason:
        more = () if judgement.message.startswith(BECAUSE) else tuple(remedy(clause))
        return Judgement("inconclusive", judgement.message, (*judgement.details, *more))
    if judgement.verdict == "inconclusive":  # it knows its own reason, and that may come from this one
        return Judgement("inconclusive", judgement.message, (*judgement.details, reason))
    return Judgement("inconclusive", reason, (judgement.message, *judgement.details))


def _reasons(clause: Clause, evidence: Evidence) -> Iterator[str]:
    needed = {name for need in clause.needs for name in _COMPONENTS.get(need.kind, ())}
    cells = (*clause.cells, CAMPAIGN)
    ended = [s for cell in cells for s in evidence.of(ComponentState, cell) if s.action == "exited" and not s.expected]
    for state in sorted(ended, key=lambda item: not any(item.component.startswith(name) for name in needed)):
        code = "by a signal" if state.exit_code is None else f"with exit code {state.exit_code}"
        yield f"{state.component} ended {code} during the run"
    wanted = {str(need) for need in clause.needs} | {need.kind for need in clause.needs}
    for cell in cells:
        yield from (f"{item.need} was not recorded: {item.reason}" for item in _unmet(evidence, cell, wanted))
    for cell in clause.cells:
        if evidence.planned and cell not in evidence.planned and clause.scope == CAMPAIGN:
            continue  # it was not selected: the clause is judged by the others
        end = evidence.finished(cell)
        if end is None:
            yield f"the story {cell} did not run"
        elif not end.completed:
            yield f"the story {cell} was cut short: {end.reason}"


def _unmet(evidence: Evidence, cell: str, wanted: set[str]) -> Iterator[Unmet]:
    return (item for item in evidence.of(Unmet, cell) if item.need in wanted)


def exit_code(verdicts: Sequence[ClauseVerdict], planes: Iterable[str] = ()) -> int:
    """Exit code of a gate, the first that applies: 1 violated, 4 inconclusive or invalid, 0 held.

    ``planes`` are those that the contract declares: one without a held clause is inconclusive.
    """
    counts = Counter(item.verdict for item in verdicts)
    if counts["violated"] or counts["waived but held"]:
        return EXIT_VIOLATED
    proved = {item.clause.plane for item in verdicts if item.verdict == "held"}
    if counts["inconclusive"] or counts["invalid"] or not counts["held"] or set(planes) - proved:
        return EXIT_INCONCLUSIVE
    return EXIT_HELD
