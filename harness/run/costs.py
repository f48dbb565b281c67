"""What stories will cost, from what they will do: pure. A story costs the same CPU seconds at any speed.

The figures are those of two busy cores of a common server, which slow each other down: alone, all is a third cheaper.
They were fitted to what 22 stories of a campaign cost, side by side.
They are multiplied by what this machine needed for the figures of its last campaigns (``calibration``), so that only
their proportions have to be right here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clauses.bounds import expected_story_s
from harness.clauses.production import Production
from harness.clauses.subject import instance_names
from harness.contract import Campaign
from harness.contract.files import Phase
from harness.core.events import StoryPlan
from harness.run.calibration import StoryRatios
from harness.run.load.schedule import Users
from harness.run.load.written import load_phase
from harness.run.selection import CellPlan

__all__ = ["Work", "cpu_s", "plan_story", "shared_cpu_s", "work_of"]

_REQUEST_S: Final = 0.0022
"""Sent, served, logged by the subject, recorded."""
_LINE_S: Final = 0.0005
"""A log line through Filebeat and Elasticsearch, read there, compared."""
_SCRAPE_S: Final = 0.0075
"""Rendered by the subject, taken in by Prometheus."""
_EVALUATION_S: Final = 0.035
"""All rules once, what Prometheus and Alertmanager are asked about them, and what becomes of the answers."""
_PROBE_S: Final = 0.0050
_START_S: Final = 0.85
"""Prometheus and Alertmanager, until they work."""
_INSTANCE_S: Final = 0.05
_SHARED_S: Final[dict[str, float]] = {"elasticsearch": 6.0, "filebeat": 0.6}
_CAMPAIGN_S: Final = 3.0
"""The harness itself: imports, plan, verdicts."""
_GENERATOR_S: Final = 1.8


@dataclass(frozen=True, slots=True)
class Work:
    """How often a story does what costs something. ``production_s`` is how long it is expected to take."""

    production_s: float
    requests: float
    lines: float
    scrapes: float
    evaluations: float
    probes: float
    instances: int


def work_of(campaign: Campaign, production: Production, cell: CellPlan) -> Work:
    """What the story of ``cell`` will do."""
    scenario = cell.scenario
    length_s = expected_story_s(campaign, production, scenario)
    lengths_s = [expected_story_s(campaign, production, scenario, phase) for phase in scenario.phases]
    folder = scenario.source.folder
    requests = sum(_requests(phase, lasts, folder) for phase, lasts in zip(scenario.phases, lengths_s, strict=True))
    instances = len(instance_names(campaign, scenario))
    streams = len({need.detail for need in cell.needs if need.kind == "documents"})
    wall_s = length_s / campaign.speed_of(scenario)
    probed = sum(1 for need in cell.needs if need.kind == "answers")
    return Work(
        production_s=length_s,
        requests=requests,
        lines=requests * streams,
        scrapes=instances * length_s / production.scrape_s,
        evaluations=length_s / production.evaluation_s,
        probes=instances * probed * wall_s,
        instances=instances,
    )


def _requests(phase: Phase, lasts_s: float, folder: Path) -> float:
    """Requests of open loops; how often users in a closed loop ask is only known when they did."""
    if phase.load is None:
        return 0.0
    traffic = load_phase(phase, lasts_s, folder).traffic
    return sum(flow.expected(lasts_s) for flow in traffic if not isinstance(flow, Users))


def cpu_s(work: Work) -> float:
    """CPU seconds of everything in the cell, on the machine that the figures are of."""
    return (
        _START_S
        + _INSTANCE_S * work.instances
        + _REQUEST_S * work.requests
        + _LINE_S * work.lines
        + _SCRAPE_S * work.scrapes
        + _EVALUATION_S * work.evaluations
        + _PROBE_S * work.probes
    )


def plan_story(campaign: Campaign, production: Production, cell: CellPlan, ratios: StoryRatios) -> StoryPlan:
    """What the story of ``cell`` is expected to take on a machine that needs ``ratios`` of the figures."""
    work, speed = work_of(campaign, production, cell), campaign.speed_of(cell.scenario)
    wall_s, spent_s = work.production_s / speed, ratios.cpu * cpu_s(work)
    return StoryPlan(cell.name, speed, round(wall_s, 2), round(spent_s, 2), round(ratios.wall * wall_s, 2))


def shared_cpu_s(cells: Iterable[CellPlan], factor: float) -> float:
    """CPU seconds of what all ``cells`` share, the harness included."""
    found = list(cells)
    parts = {part for cell in found for part in cell.parts}
    loaded = any(phase.load for cell in found for phase in cell.scenario.phases)
    total = sum(_SHARED_S.get(part, 0.0) for part in parts) + _CAMPAIGN_S + (_GENERATOR_S if loaded else 0.0)
    return round(factor * total, 2)
