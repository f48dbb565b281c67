"""What a metrics text costs: how long it takes to read, how long it is; both in real units, never scaled."""

from __future__ import annotations

from statistics import median

from harness.clauses.exposition import by_instance, expositions
from harness.clauses.model import Judge, Judgement, held, still_open, violated
from harness.evidence.store import Evidence

__all__ = ["judge_duration", "judge_length"]


def judge_duration(limit_s: float) -> Judge:
    """The middle one of the reads of an instance in a story: one slow read may be the machine's doing."""

    def judge(evidence: Evidence) -> Judgement:
        worst, of = -1.0, ""
        for cell in evidence.cells():
            for instance, texts in by_instance(evidence, cell).items() if evidence.completed(cell) else ():
                middle = median(item.duration_s for item in texts)
                if middle > worst:
                    worst, of = middle, f"{cell}/{instance}"
        if worst > limit_s:
            return violated(f"half of the reads of {of} took {worst:.3f} s wall or more, allowed are {limit_s:g} s")
        if worst >= 0 and evidence.all_completed():
            return held(f"at most {worst:.3f} s wall ({of})")
        return still_open("no text was read" if worst < 0 else "the stories are not over")

    return judge


def judge_length(limit_bytes: int) -> Judge:
    """Every text counts: what is too long once is too long."""

    def judge(evidence: Evidence) -> Judgement:
        longest = -1
        for item in expositions(evidence):
            size = len(item.text.encode())
            if size > limit_bytes:
                where = f"{item.cell}/{item.instance}"
                return violated(f"the text of {where} has {size} bytes, allowed are {limit_bytes}", at=item.t)
            longest = max(longest, size)
        if longest >= 0 and evidence.all_completed():
            return held(f"at most {longest} bytes")
        return still_open("no text was read" if longest < 0 else "the stories are not over")

    return judge
