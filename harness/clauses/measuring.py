"""The load of a story in figures: what was offered, what came back and how fast, by phase and by kind of request."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Literal

from harness.clauses.saturation import phase_trend
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.files import Phase
from harness.core.events import LoadMeasured
from harness.evidence.figures import Figures, Good, Spread, Tally, tally
from harness.evidence.records import PhaseMark, Reading, Request
from harness.evidence.store import Evidence

__all__ = ["CPU_RATIO", "load_lasted_s", "measured"]

CPU_RATIO = "cpu_ratio"
"""Reading of the generator: share of one processor that it used in a phase, all its cells together."""


def measured(
    campaign: Campaign, evidence: Evidence, scenario: Scenario, good: Good | None = None
) -> Iterator[LoadMeasured]:
    """Figures of each phase with load and of the whole story: of all kinds, then of each if there are several."""
    phases = [phase for phase in scenario.phases if phase.load]
    end = evidence.finished(scenario.name)
    if not phases or end is None:
        return
    tallies = _tallies(evidence, scenario.name, good)
    for phase in phases:
        found = phase_trend(evidence, scenario.name, phase.name)
        for event in _of(campaign, evidence, scenario, (phase,), tallies[phase.name]):
            yield replace(event, saturated=found.saturated) if found and not event.kind else event
    if len(phases) > 1:
        whole: dict[str, Tally] = defaultdict(Tally)
        for phase in phases:
            for kind, of_kind in tallies[phase.name].items():
                whole[kind] += of_kind
        yield from _of(campaign, evidence, scenario, phases, whole)


def _tallies(evidence: Evidence, cell: str, good: Good | None) -> Mapping[str, Mapping[str, Tally]]:
    """By phase and by kind of request, each row looked at once."""
    rows: dict[str, dict[str, list[Request]]] = defaultdict(lambda: defaultdict(list))
    for row in evidence.of(Request, cell):
        if not row.warm_up:
            rows[row.phase][row.kind].append(row)
    found = {phase: {kind: tally(own, good) for kind, own in kinds.items()} for phase, kinds in rows.items()}
    return defaultdict(dict, found)


def _of(
    campaign: Campaign,
    evidence: Evidence,
    scenario: Scenario,
    phases: Sequence[Phase],
    tallies: Mapping[str, Tally],
) -> Iterator[LoadMeasured]:
    name = phases[0].name if len(phases) == 1 else ""
    lasted_s = load_lasted_s(evidence, scenario.name, phases)
    kinds = sorted(tallies)
    if kinds:
        yield _event(campaign, evidence, scenario, sum(tallies.values(), start=Tally()), lasted_s, name, "")
    for kind in kinds if len(kinds) > 1 else ():
        yield _event(campaign, evidence, scenario, tallies[kind], lasted_s, name, kind)


def _loop(loops: frozenset[str]) -> Literal["open", "closed", "both"]:
    return "both" if len(loops) > 1 else "closed" if "closed" in loops else "open"


def load_lasted_s(evidence: Evidence, cell: str, phases: Sequence[Phase]) -> float:
    """Wall seconds that ``phases`` lasted, all together; one that has not ended counts to the end of the story."""
    end = evidence.finished(cell)
    last = end.t if end else evidence.horizon(cell)
    spans = (evidence.phase(cell, phase.name) for phase in phases)
    return sum(max(0.0, (last if until is None else until) - since) for since, until in spans if since is not None)


def _event(
    campaign: Campaign, evidence: Evidence, scenario: Scenario, summed: Tally, lasted_s: float, phase: str, kind: str
) -> LoadMeasured:
    found = summed.figures(lasted_s)
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
        loop=_loop(summed.loops),
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
