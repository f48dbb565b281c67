"""Stories that end early: where a threshold with ``abort_on_fail`` has failed and its delay has passed."""

from __future__ import annotations

from collections.abc import Iterable

from harness.clauses.model import Clause
from harness.evidence.store import Evidence

__all__ = ["ends_story"]


def ends_story(clauses: Iterable[Clause], evidence: Evidence, cell: str, now: float) -> str:
    """Why the story of ``cell`` is to end at ``now`` (epoch seconds): the clause and its message, or nothing."""
    for clause in clauses:
        if clause.abort is None or clause.scope != cell or not _due(clause, evidence, cell, now):
            continue
        judgement = clause.judge(evidence)
        if judgement.verdict == "violated":
            return f"{clause.id}: {judgement.message}"
    return ""


def _due(clause: Clause, evidence: Evidence, cell: str, now: float) -> bool:
    start = evidence.started(cell)
    if start is None or clause.abort is None:
        return False
    begin = evidence.phase(cell, clause.abort.during)[0] if clause.abort.during else start.t
    return begin is not None and (now - begin) * start.speed >= clause.abort.after_s
