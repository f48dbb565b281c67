"""Every scrape of the subject is answered: a service that fails one in ten leaves holes in every rate and dashboard."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.clauses.cutting import fault_stretches
from harness.clauses.fitness import timed_out
from harness.clauses.hops import scraped_jobs
from harness.clauses.model import Clause, Judge, Judgement, Need, held, still_open, violated
from harness.clauses.production import Production
from harness.clauses.scrapes import refusals
from harness.contract import Campaign
from harness.evidence.records import CAMPAIGN, ComponentState, Series
from harness.evidence.store import Evidence

__all__ = ["compile_scrape_answers"]

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Scrapes of one target in a row that failed: when the first and the last were, and how many."""

    target: str
    begin: float
    end: float
    count: int


def compile_scrape_answers(campaign: Campaign, production: Production) -> Iterator[Clause]:
    """The campaign's clause, where Prometheus scrapes the subject and the contract promises metrics."""
    jobs = frozenset(scraped_jobs(campaign, production))
    if campaign.contract.metrics is None or not jobs:
        return
    cells = tuple(scenario.name for scenario in campaign.scenarios)
    statement = "every scrape of an instance is answered while no fault is about"
    source, needs = campaign.promise("metrics"), (Need("series", "up"),)
    yield Clause(CAMPAIGN, "metrics", "exposition", "answers", source, statement, needs, _judge(jobs), cells)


def _judge(jobs: frozenset[str]) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        answered = 0
        for cell in evidence.cells():
            if not evidence.completed(cell):
                continue
            for target, points in _scrapes(evidence, cell, jobs).items():
                failed = [each for each in _failed(target, points) if not _is_excused(evidence, cell, each)]
                if failed:
                    return _told(evidence, cell, target, failed, points)
                answered += sum(1 for _, value in points if value)
        if answered and evidence.all_completed():
            return held(f"{answered} scrapes were answered")
        return still_open("no scrape was answered" if not answered else "the stories are not over")

    return judge


def _told(evidence: Evidence, cell: str, target: str, failed: Sequence[_Stretch], points: Points) -> Judgement:
    count = sum(each.count for each in failed)
    message = f"{count} of {len(points)} scrapes of {target} in {cell} failed"
    return violated(message, *refusals(evidence, cell), hop="scrape", at=failed[0].begin)


def _scrapes(evidence: Evidence, cell: str, jobs: frozenset[str]) -> dict[str, Points]:
    """``up`` of each instance from its first answer to the end of the story; scrapes that tell nothing are left out."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    late, over_t = timed_out(evidence, cell), _over_t(evidence, cell)
    for series in evidence.of(Series, cell):
        if series.query == "up" and series.labels.get("job") in jobs:
            target = f"{series.labels['job']} {series.labels.get('instance', '')}"
            found[target] += [(t, value) for t, value in series.points if t <= over_t and (target, t) not in late]
    return {target: points for target, each in found.items() if (points := _from_first_answer(sorted(each)))}


def _over_t(evidence: Evidence, cell: str) -> float:
    finished = evidence.finished(cell)
    return finished.t if finished else math.inf


def _from_first_answer(points: Points) -> Points:
    """One that never answers is another clause's to tell."""
    first = next((index for index, (_, value) in enumerate(points) if value), len(points))
    return points[first:]


def _failed(target: str, points: Points) -> Iterator[_Stretch]:
    zeros: list[float] = []
    for t, value in (*points, (math.inf, 1.0)):
        if not value:
            zeros.append(t)
        elif zeros:
            yield _Stretch(target, zeros[0], zeros[-1], len(zeros))
            zeros = []


def _is_excused(evidence: Evidence, cell: str, stretch: _Stretch) -> bool:
    """Whether it began while a fault was about, or two scrapes after, or when an instance ended by itself."""
    start = evidence.started(cell)
    scrape_s = start.scrape_s if start else 0.0
    ends = (each.t for each in evidence.of(ComponentState, cell) if each.role == "subject" and each.action == "exited")
    faults = ((each.begun_t, each.ended_t) for each in fault_stretches(evidence, cell))
    about = [*faults, *((t, math.inf) for t in ends)]
    return any(begin <= stretch.end and stretch.begin <= end + 2 * scrape_s for begin, end in about)
