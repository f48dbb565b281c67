"""Which cells are played once more, why, and at which speed: those that were unfit, and those that were too fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from harness.clauses.fitness import unfit
from harness.contract import Campaign
from harness.evidence.store import Evidence
from harness.run.restarts import TooFastError, slowed_by
from harness.run.selection import CellPlan

__all__ = ["once_more", "slower"]

_SLOWER: Final = 0.5
"""By which factor a cell is slowed that is played once more, unless it needs more than that."""


def once_more(
    campaign: Campaign, cells: Sequence[CellPlan], evidence: Evidence, too_fast: Mapping[str, TooFastError]
) -> dict[str, str]:
    """By cell that is to be played once more, what to tell of it; ``too_fast`` are those that were not played."""
    slowed = slower(campaign, cells, too_fast)
    limit_s = campaign.contract.budgets.lateness_p99
    told: dict[str, str] = {}
    for cell in cells:
        reasons = unfit(evidence, cell.name, limit_s) if evidence.completed(cell.name) else ()
        if reasons:
            how = "at half speed" if slowed.speed_of(cell.scenario) < campaign.speed_of(cell.scenario) else "at speed 1"
            told[cell.name] = f"was unfit and is played again {how}: {'; '.join(reasons)}"
        elif cell.name in slowed.slowed:
            speed, problem = slowed.speed_of(cell.scenario), too_fast[cell.name].problem
            told[cell.name] = f"was too fast and is played again at speed {speed:.3g}: {problem}"
    return told


def slower(campaign: Campaign, cells: Sequence[CellPlan], too_fast: Mapping[str, TooFastError]) -> Campaign:
    """The campaign as it is played once more: each of ``too_fast`` as slowly as its restart asks for."""
    found = {
        cell.name: slowed_by(campaign.speed_of(cell.scenario), too_fast[cell.name].fastest, _SLOWER)
        for cell in cells
        if cell.name in too_fast
    }
    slowed = {name: factor for name, factor in found.items() if factor}
    return replace(campaign, speed_factor=_SLOWER, slowed=slowed)
