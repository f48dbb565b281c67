"""The load of a story in figures: what was offered, what came back and how fast, by phase and by kind of request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Literal

from harness.clauses.saturation import phase_trend
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.files import Phase
from harness.core.events import LoadMeasured
from harness.evidence.figures import Figures, Spread, figures
from harness.evidence.records import PhaseMark, Reading, Request
from harness.evidence.store import Evidence

__all__ = ["CPU_RATIO", "load_lasted_s", "measured"]

Good = Callable[[Request], bool]
CPU_RATIO = "cpu_ratio"
"""Reading of the generator: share of one processor that it used in a phase, all its cells together."""


def measured(
    campaign: Campaign, evidence: Evidence, scenario: Scenario, good: Good | None = None
) -> Iterator[LoadMeasured]:
    """Figures of each phase with load and of the whole story: of all kinds, then of each if there are several."""
    phases = [phase for phase in scenario.phases if phase.load]
    rows = [row for row in evidence.of(Request, scenario.name) if not row.warm_up]
    end = evidence.finished(scenario.name)
    if not phases or end is None:
        return
    for phase in phases:
        of_phase = [row for row in rows if row.phase == phase.name]
        found = phase_trend(evidence, scenario.name, phase.name)
        for event in _of(campaign, evidence, scenario, (phase,), of_phase, good):
            yield replace(event, saturated=found.saturated) if found and not event.kind else event
    if len(phases) > 1:
        yield from _of(campaign, evidence, scenario, phases, rows, good)


def _of(
    campaign: Campaign,
    evidence: Evidence,
    scenario: Scenario,
    phases: Sequence[Phase],
    rows: Sequence[Request],
    good: Good | None,
) -> Iterator[LoadMeasured]:
    kinds = sorted({row.kind for row in rows})
    name = phases[0].name if len(phases) == 1 else ""
    lasted_s = load_lasted_s(evidence, scenario.name, phases)
    for kind in ("", *kinds) if len(kinds) > 1 else ("",) if kinds else ():
        found = figures([row for row in rows if not kind or row.kind == kind], good, lasted_s)
        event = _event(campaign, evidence, scenario, found, name, kind)
        yield replace(event, loop=_loop(row for row in rows if not kind or row.kind == kind))


def _loop(rows: Iterable[Request]) -> Literal["open", "closed", "both"]:
    loops = {row.loop for row in rows}
    return "both" if len(loops) > 1 else loops.pop()


def load_lasted_s(evidence: Evidence, cell: str, phases: Sequence[Phase]) -> float:
    """Wall seconds that ``phases`` lasted, all together; one that has not ended counts to the end of the story."""
    end = evidence.finished(cell)
    last = end.t if end else evidence.horizon(cell)
    spans = (evidence.phase(cell, phase.name) for phase in phases)
    return sum(max(0.0, (last if until is None else until) - since) for since, until in spans if since is not None)


def _event(
    campaign: Campaign, evidence: Evidence, scenario: Scenario, found: Figures, phase: str, kind: str
) -> LoadMeasured:
    start, end = evidence.started(scenario.name), evidence.finished(scenario.name)
    assert start is not None
    assert end is not None
    clock = _clock(campaign)
    factor = start.speed if clock == "production" else 1.0
    return LoadMeasured(
        t=end.t,
        cell=scenario.name,
        phase=phase,
        kind=kind,
        loop="open",
        clock=clock,
        intended=found.intended,
        sent=found.sent,
        dropped=found.dropped,
        ended=found.ended,
        aborted=found.aborted,
        lost=found.lost,
        unexpected=found.unexpected,
        good=found.good,
        throughput_per_s=found.throughput_per_s / start.speed,
        goodput_per_s=found.goodput_per_s / start.speed,
        work_per_s=found.work_per_s / start.speed,
        spreads=dict(_spreads(found, factor)),
        generator_cpu_ratio=_cpu_ratio(evidence, scenario.name, phase),
    )


def _clock(campaign: Campaign) -> Literal["production", "wall"]:
    """The clock of the subject's own durations."""
    return "production" if campaign.profile.clock == "scaled" else "wall"


def _spreads(found: Figures, factor: float) -> Iterator[tuple[str, dict[str, float]]]:
    named = {
        "response": found.response,
        "service": found.service,
        "first token": found.first_token,
        "inter-token": found.inter_token,
        "widest gap": found.widest_gap,
    }
    yield from ((name, _scaled(spread, factor)) for name, spread in named.items() if spread)
    if found.lateness:
        yield "lateness", asdict(found.lateness)


def _scaled(spread: Spread, factor: float) -> dict[str, float]:
    return {name: value * factor if name != "count" else value for name, value in asdict(spread).items()}


def _cpu_ratio(evidence: Evidence, cell: str, phase: str) -> float | None:
    """That of the phase; of a whole story the highest of its phases."""
    spans = [evidence.phase(cell, mark.phase) for mark in evidence.of(PhaseMark, cell) if phase in {"", mark.phase}]
    found = [
        item.value
        for item in evidence.of(Reading, cell)
        if item.name == CPU_RATIO and any(a is not None and a <= item.t <= (b or math.inf) for a, b in spans)
    ]
    return max(found, default=None)
