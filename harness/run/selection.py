"""Which stories and components the selected clauses need: pure, decided before anything is started."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from harness.clauses.helper_links import helper_links
from harness.clauses.hops import cuts_pipeline, links_cut
from harness.clauses.model import Clause, Need
from harness.clauses.telemetry import SCRAPE_DURATION
from harness.clauses.until import awaited
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError
from harness.core.source import nearest
from harness.evidence.records import CAMPAIGN

__all__ = ["CellPlan", "Selection", "select", "standing", "with_telemetry"]

_PARTS: dict[str, frozenset[str]] = {
    "query": frozenset({"prometheus"}),
    "snapshot": frozenset({"prometheus"}),
    "series": frozenset({"prometheus"}),
    "federated": frozenset({"prometheus"}),
    "rules": frozenset({"prometheus"}),
    "alerts": frozenset({"prometheus", "alertmanager"}),
    "pages": frozenset({"prometheus", "alertmanager"}),
    "documents": frozenset({"filebeat", "elasticsearch"}),
    "mapping": frozenset({"filebeat", "elasticsearch"}),
}


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One story to run, what must be recorded in it, and the parts of the stack that this takes."""

    scenario: Scenario
    needs: frozenset[Need]
    parts: frozenset[str]
    own: frozenset[Need] = frozenset()
    """The needs among them that the story itself has; the others are those of clauses over all stories."""

    @property
    def name(self) -> str:
        """The cell is named after its story."""
        return self.scenario.name


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected clauses in their order, and the cells that they need."""

    clauses: tuple[Clause, ...]
    cells: tuple[CellPlan, ...]
    compiled: tuple[Clause, ...]
    """All clauses of the campaign: a phase may wait for one that was not selected."""

    @property
    def parts(self) -> frozenset[str]:
        """Every part of the stack that some cell needs."""
        return frozenset(part for cell in self.cells for part in cell.parts)


def select(campaign: Campaign, clauses: Sequence[Clause], wanted: Collection[str]) -> Selection:
    """The plan for ``wanted`` clause ids (none: all); raises ``ConfigError`` for an id that does not exist."""
    ids = {clause.id for clause in clauses}
    for name in wanted:
        if name not in ids:
            raise ConfigError(f"there is no clause {name!r}", remedy=nearest(name, ids))
    chosen = tuple(clause for clause in clauses if not wanted or clause.id in wanted)
    stories = _stories(campaign, chosen)
    cells = tuple(_cell(campaign, scenario, chosen, clauses) for scenario in stories)
    return Selection(chosen, cells, tuple(clauses))


def standing(campaign: Campaign, clauses: Sequence[Clause], story: str) -> Selection:
    """The plan for a stack that only stands: every part that the contract has an artefact for, and no clause."""
    scenario = next(each for each in campaign.scenarios if each.name == story)
    parts = {kind for kind in ("prometheus", "alertmanager", "filebeat") if campaign.artefact(kind)}
    parts |= {"elasticsearch"} if "filebeat" in parts else set()
    return Selection((), (CellPlan(scenario, frozenset(), frozenset(parts)),), tuple(clauses))


def with_telemetry(selection: Selection) -> Selection:
    """The plan, with the durations of scrapes recorded where there is a Prometheus to ask for them."""
    need = frozenset({Need("series", SCRAPE_DURATION)})
    cells = tuple(replace(c, needs=c.needs | need) if "prometheus" in c.parts else c for c in selection.cells)
    return replace(selection, cells=cells)


def _stories(campaign: Campaign, chosen: Sequence[Clause]) -> list[Scenario]:
    everywhere = {scenario.name for scenario in campaign.scenarios}
    told = (clause for clause in chosen if clause.scope != CAMPAIGN or set(clause.cells) != everywhere)
    named = {cell for clause in told for cell in clause.cells}
    if not named:
        # clauses that hold over all stories are shown by the shortest one alone
        return sorted(campaign.scenarios, key=_length)[:1] if chosen else []
    return [scenario for scenario in campaign.scenarios if scenario.name in named]


def _length(scenario: Scenario) -> float:
    return sum(phase.lasts or phase.at_most or 600.0 for phase in scenario.phases)


def _cell(campaign: Campaign, scenario: Scenario, chosen: Sequence[Clause], clauses: Sequence[Clause]) -> CellPlan:
    seen_here = [clause for clause in chosen if scenario.name in clause.cells]
    waited = [clause for phase in scenario.phases for clause in awaited(scenario, phase, clauses)]
    needs = frozenset(need for clause in (*seen_here, *waited) for need in clause.needs)
    own = frozenset(need for clause in (*seen_here, *waited) if clause.scope != CAMPAIGN for need in clause.needs)
    parts = frozenset(part for need in needs for part in _PARTS.get(need.kind, frozenset()))
    declared = {kind for kind in ("prometheus", "alertmanager", "filebeat") if campaign.artefact(kind)}
    missing = {part for part in parts if part not in declared and part != "elasticsearch"}
    if missing:
        raise ConfigError(
            f"the story {scenario.name} needs {', '.join(sorted(missing))}, but the contract names no such artefact",
            location=campaign.promise("artefacts"),
        )
    return CellPlan(scenario, needs, parts | _cut_parts(campaign, scenario, declared), own)


def _cut_parts(campaign: Campaign, scenario: Scenario, declared: set[str]) -> frozenset[str]:
    """Parts that must be there for the story to cut them, and for somebody to notice."""
    proxy = {"toxiproxy"} if links_cut(scenario) or helper_links(campaign, scenario) else set()
    if not any(phase.cut for phase in scenario.phases):
        return frozenset(proxy)
    pipeline = {"filebeat", "elasticsearch"} if cuts_pipeline(scenario) else set()
    return frozenset(declared & {"prometheus", "alertmanager"} | pipeline | proxy)
