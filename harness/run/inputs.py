"""Copy everything that people wrote into the bundle, so that it can be judged again anywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.clauses.production import read_production
from harness.contract import Campaign
from harness.contract.load_check import trace_files
from harness.contract.loader import stories_beside

__all__ = ["copy_inputs"]


def copy_inputs(campaign: Campaign, bundle: Path) -> tuple[str, ...]:
    """Copy the files to ``inputs/``; answers the stories there that are selected, relative to it."""
    production = read_production(campaign)
    files = {campaign.file, campaign.contract_source.path, campaign.profile_source.path}
    files |= {scenario.file for scenario in campaign.scenarios} - set(campaign.also)
    # those that are listed but were not asked for belong to the campaign as well: it is loaded again as a whole
    files |= {(campaign.folder / name).resolve() for name in campaign.spec.scenarios}
    files |= {path for kind in type(campaign.contract.artefacts).model_fields for path in campaign.artefacts(kind)}
    files |= {path for table in (production.files, production.discovered) for paths in table.values() for path in paths}
    files |= _stand_ins(campaign) | _traces(campaign) | _of_coverage(campaign)
    for path in files:
        copy = bundle / "inputs" / campaign.shown(path).lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    for path in campaign.also:
        (bundle / "inputs" / "also").mkdir(exist_ok=True)
        shutil.copyfile(path, bundle / "inputs" / "also" / path.name)
    return tuple(campaign.shown(scenario.file) for scenario in campaign.scenarios)


def _traces(campaign: Campaign) -> set[Path]:
    return {(each.source.folder / name).resolve() for each in campaign.scenarios for name in trace_files(each)}


def _stand_ins(campaign: Campaign) -> set[Path]:
    folder = campaign.profile_source.folder
    return {(folder / entry.exposition).resolve() for entry in campaign.profile.stands_for if entry.exposition}


def _of_coverage(campaign: Campaign) -> set[Path]:
    """Runbooks, the baseline, and stories beside the campaign: what there is beside alerts is judged by them."""
    contract, folder = campaign.contract, campaign.contract_source.folder
    named = {alert.runbook for alert in contract.alerts.values()} | {contract.coverage.baseline}
    found = {(folder / name).resolve() for name in named if name}
    return {path for path in found if path.is_file()} | {story.file for story in stories_beside(campaign)}
