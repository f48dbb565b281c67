"""Binds what a gate would bind, for places that nobody claims: what it would refuse is told before anything starts.

A process of its own, as a campaign is: ``python -m harness.run.linting PATH…``. Answers 2 where something is refused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from harness.artefacts.topology import FilebeatPlace, Link, Topology
from harness.clauses.compiled import compile_campaign
from harness.clauses.production import Production, read_production
from harness.clauses.subject import instance_names
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError, HarnessError
from harness.run.bound import bind_cell, bind_pipeline, bound_template
from harness.run.entering import secret_names, tls_of
from harness.run.placement import CellPlace, InstancePlace, fill, helper_values, topology_of, values_of
from harness.run.selection import CellPlan, select

__all__ = ["main", "refusals"]

_FIRST_PORT: Final = 1025


def main(paths: Sequence[str]) -> int:
    """Tell on standard error what cannot be bound of the campaign that ``paths`` name; answers the exit code."""
    try:
        found: Sequence[HarnessError] = refusals(load_campaign([Path(path) for path in paths]))
    except HarnessError as error:
        found = (error,)
    for each in found:
        sys.stderr.write(f"harness: {each}\n")
    return 2 if found else 0


def refusals(campaign: Campaign) -> tuple[ConfigError, ...]:
    """Everything that binding refuses in any story, each once. Secrets that are not here count as if they were."""
    for name in secret_names(campaign):
        os.environ.setdefault(name, "held by nobody")
    production = read_production(campaign)
    plans = select(campaign, compile_campaign(campaign), ()).cells
    found: dict[str, ConfigError] = {}
    with TemporaryDirectory(prefix="harness-lint-") as folder:
        for plan in {_likeness(campaign, plan): plan for plan in reversed(plans)}.values():
            for step in _steps(campaign, production, plan, Path(folder) / plan.name):
                try:
                    step()
                except ConfigError as error:
                    found.setdefault(str(error), error)
    return tuple(found.values())


def _likeness(campaign: Campaign, plan: CellPlan) -> tuple[object, ...]:
    """Cells that are alike in this are bound alike."""
    return campaign.speed_of(plan.scenario), plan.parts, len(instance_names(campaign, plan.scenario))


def _steps(campaign: Campaign, production: Production, plan: CellPlan, folder: Path) -> Iterator[Callable[[], object]]:
    place = _place(campaign, production, plan, folder)

    def topology() -> Topology:
        return topology_of(campaign, production, place, folder / "build")

    speed = campaign.speed_of(plan.scenario)
    yield lambda: bind_cell(campaign, production, topology(), speed, plan.parts & {"prometheus"}, folder)
    yield lambda: bind_cell(campaign, production, topology(), speed, plan.parts & {"alertmanager"}, folder)
    yield lambda: _fill_commands(campaign, place, folder / "build")
    if "filebeat" in plan.parts:
        filebeat = FilebeatPlace("data", "logs", Link.direct(place.filebeat))
        yield lambda: bind_pipeline(campaign, replace(topology(), filebeat=filebeat), folder)
        yield lambda: bound_template(campaign)


def _fill_commands(campaign: Campaign, place: CellPlace, build: Path) -> None:
    """Every field in braces that a command or its environment names has a value."""
    profile, locate = campaign.profile, campaign.profile_source.document.locate
    values = values_of(place, place.instances[0], build, 0)
    for index, text in enumerate(profile.start.command):
        fill(text, values, locate(("start", "command", index)))
    for name, text in profile.start.environment.items():
        fill(text, values, locate(("start", "environment", name)))
    for name in place.helpers:
        values = helper_values(place, name, build, 0)
        for index, text in enumerate(profile.helpers[name].command):
            fill(text, values, locate(("helpers", name, "command", index)))
        for variable, text in profile.helpers[name].environment.items():
            fill(text, values, locate(("helpers", name, "environment", variable)))


def _place(campaign: Campaign, production: Production, plan: CellPlan, folder: Path) -> CellPlace:
    """The cell as if every port were its own."""
    profile, ports, tls = campaign.profile, count(_FIRST_PORT), tls_of(campaign)
    instances = tuple(
        InstancePlace(
            name,
            index,
            profile.start.running or {port: next(ports) for port in profile.ports},
            folder,
            folder,
            profile.host,
            tls,
        )
        for index, name in enumerate(instance_names(campaign, plan.scenario))
    )
    config = production.alertmanager
    kinds = [(each.name, item) for each in (config.receivers if config else ()) for item in each.integrations]
    return CellPlace(
        cell=plan.name,
        folder=folder,
        speed=campaign.speed_of(plan.scenario),
        instances=instances,
        helpers={
            name: {port: next(ports) for port in helper.ports}
            for name, helper in profile.helpers.items()
            if plan.parts.issuperset(helper.beside)
        },
        prometheus=next(ports) if "prometheus" in plan.parts else 0,
        alertmanager=next(ports) if "alertmanager" in plan.parts else 0,
        elasticsearch=f"127.0.0.1:{next(ports)}" if "elasticsearch" in plan.parts else "",
        filebeat=f"127.0.0.1:{next(ports)}" if "filebeat" in plan.parts else "",
        stand_ins={each.exposition: f"127.0.0.1:{next(ports)}" for each in profile.stands_for if each.exposition},
        sinks={
            (name, f"{item.kind}-{item.index}"): f"{'' if item.kind == 'email' else 'http://'}127.0.0.1:{next(ports)}"
            for name, item in kinds
        },
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
