"""From paths on a command line to a checked campaign; every error names file, line and column."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from harness.contract.attach import AttachFile
from harness.contract.campaign import Campaign, Expected, Loaded, Scenario
from harness.contract.expectations import SUBJECTS, WITHOUT_NAME
from harness.contract.files import CampaignFile, ContractFile, ProfileFile, ScenarioFile
from harness.contract.load_check import check_load
from harness.contract.placeholders import check_placeholders
from harness.contract.ports_check import check_ports
from harness.contract.stand_ins import check_stand_ins
from harness.contract.strict import Strict, known, matching_files, relative_file, validate
from harness.contract.sweep import unrolled
from harness.contract.thresholds import Threshold, parse_threshold
from harness.core.errors import ConfigError, Location
from harness.core.kinds import file_kind
from harness.core.positions import inside
from harness.core.source import Document, DocumentPath, load_yaml, nearest

__all__ = ["KINDS", "file_kind", "load_campaign", "stories_beside"]

KINDS: Final[dict[str, type[Strict]]] = {
    "campaign": CampaignFile,
    "contract": ContractFile,
    "profile": ProfileFile,
    "scenario": ScenarioFile,
    "attach": AttachFile,
}


def load_campaign(paths: Sequence[Path], also: Sequence[Path] = ()) -> Campaign:
    """The campaign that ``paths`` name: a campaign file, a folder that holds one, or scenario files beside one.

    ``also`` are scenario files beside those that the campaign lists, wherever they lie.
    """
    campaign_path, wanted = _resolve(paths)
    raw = load_yaml(campaign_path)
    spec = validate(CampaignFile, raw)
    folder = campaign_path.parent
    contract_path = relative_file(folder, spec.contract, raw, ("contract",))
    profile_path = relative_file(folder, spec.profile, raw, ("profile",))
    scenario_paths = [relative_file(folder, name, raw, ("scenarios", i)) for i, name in enumerate(spec.scenarios)]
    if not spec.scenarios:
        scenario_paths = [p.resolve() for p in sorted(folder.glob("*.yaml")) if file_kind(p) == "scenario"]
    root = _root([campaign_path, contract_path, profile_path, *scenario_paths], contract_path)
    source, contract_source, profile_source = (
        _load(path, root) for path in (campaign_path, contract_path, profile_path)
    )
    campaign = Campaign(
        name=spec.name,
        root=root,
        source=source,
        spec=validate(CampaignFile, source.document),
        contract=validate(ContractFile, contract_source.document),
        contract_source=contract_source,
        profile=validate(ProfileFile, profile_source.document),
        profile_source=profile_source,
        scenarios=(
            *(_scenario(_load(path, root)) for path in _selected(scenario_paths, wanted)),
            *(_scenario(Loaded(path, load_yaml(path, shown_as=path.name))) for path in also),
        ),
        also=tuple(also),
        listed=tuple(path.stem for path in scenario_paths),
    )
    _check(campaign)
    return campaign


def stories_beside(campaign: Campaign) -> tuple[Scenario, ...]:
    """Stories in the campaign's folder that it does not list: other campaigns play them."""
    listed = {(campaign.folder / name).resolve() for name in campaign.spec.scenarios}
    listed |= {scenario.file for scenario in campaign.scenarios}
    found = (path.resolve() for path in sorted(campaign.folder.glob("*.yaml")) if file_kind(path) == "scenario")
    return tuple(_scenario(_load(path, campaign.root)) for path in found if path not in listed)


def _resolve(paths: Sequence[Path]) -> tuple[Path, list[Path]]:
    campaigns: dict[Path, None] = {}
    scenarios: list[Path] = []
    for path in paths:
        here = path / "campaign.yaml" if path.is_dir() else path
        if not here.exists():
            raise ConfigError(
                "there is no such file", location=Location(str(here)), remedy="name a campaign.yaml, or its folder"
            )
        kind = file_kind(here)
        if kind == "campaign":
            campaigns[here.resolve()] = None
        elif kind == "scenario":
            scenarios.append(here.resolve())
            campaigns[_beside(here)] = None
        else:
            raise ConfigError(
                "this is neither a campaign nor a scenario",
                location=Location(str(here), 1, 1),
                remedy="its first key must be 'harness: campaign/1' or 'harness: scenario/1'",
            )
    if len(campaigns) != 1:
        names = ", ".join(map(str, campaigns)) or "none"
        raise ConfigError(f"one campaign is gated at a time, named were: {names}", remedy="name one of them")
    return next(iter(campaigns)), scenarios


def _beside(scenario: Path) -> Path:
    path = scenario.resolve().parent / "campaign.yaml"
    if not path.is_file():
        raise ConfigError(
            "the scenario has no campaign.yaml beside it",
            location=Location(str(scenario)),
            remedy="write one that names its profile and contract",
        )
    return path


def _root(files: Sequence[Path], contract: Path) -> Path:
    there = [contract.parent / name for name in _named(load_yaml(contract).data) if "\0" not in name]
    folders = [path.parent for path in files] + [path.resolve().parent for path in there]
    return Path(os.path.commonpath(folders))


def _named(raw: Any) -> Iterator[str]:
    """Files that a contract names, as far as it is one: artefacts and runbooks."""
    tables = [raw.get(key) for key in ("artefacts", "alerts")] if isinstance(raw, dict) else []
    for each in (value for table in tables if isinstance(table, dict) for value in table.values()):
        found = each.get("runbook") if isinstance(each, dict) else each
        yield from (name for name in (found if isinstance(found, list) else [found]) if isinstance(name, str))


def _load(path: Path, root: Path) -> Loaded:
    return Loaded(path, load_yaml(path, shown_as=str(path.relative_to(root))))


def _selected(paths: Sequence[Path], wanted: Sequence[Path]) -> list[Path]:
    missing = [path for path in wanted if path not in paths]
    if missing:
        raise ConfigError(
            "the campaign beside this scenario does not list it",
            location=Location(str(missing[0])),
            remedy="add it to scenarios in campaign.yaml",
        )
    return [path for path in paths if not wanted or path in wanted]


def _scenario(written: Loaded) -> Scenario:
    source = Loaded(written.path, unrolled(written.document))
    spec = validate(ScenarioFile, source.document)
    expected = [_expectation(source.document, i, entry) for i, entry in enumerate(spec.expect)]
    thresholds = [
        parse_threshold(text, inside(source.document, ("thresholds", i))) for i, text in enumerate(spec.thresholds)
    ]
    return Scenario(source.path.stem, source, spec, tuple(expected), tuple(thresholds))


def _expectation(document: Document, index: int, entry: dict[str, dict[str, Any]]) -> Expected:
    where = document.locate(("expect", index))
    if len(entry) != 1:
        raise ConfigError("each expectation has one key, such as 'alert NAME'", location=where)
    ((key, body),) = entry.items()
    subject, _, about = key.partition(" ")
    model = SUBJECTS.get(subject)
    if model is None or bool(about) == (subject in WITHOUT_NAME):
        hint = nearest(subject, SUBJECTS) or f"known: {', '.join(f'{name} …' for name in SUBJECTS)}"
        raise ConfigError(f"{key!r} is not an expectation", location=where, remedy=hint)
    part = _part(document, ("expect", index, key), body)
    return Expected(subject, about, validate(model, part), where)  # type: ignore[arg-type]


def _part(document: Document, path: tuple[str | int, ...], data: Any) -> Document:
    """The document below ``path`` as one of its own, with the positions of the whole."""
    length = len(path)
    values = {key[length:]: place for key, place in document._values.items() if key[:length] == path}
    keys = {key[length:]: place for key, place in document._keys.items() if key[:length] == path}
    return Document(document.file, document.text, data, values, keys)


def _check(campaign: Campaign) -> None:
    for kind, named in campaign.contract.artefacts:
        for index, name in enumerate([named] if isinstance(named, str) else named or []):
            step = () if isinstance(named, str) else (index,)
            _check_artefact(campaign.contract_source, name, ("artefacts", kind, *step))
    _check_names(campaign)
    _check_canaries(campaign)
    check_placeholders(campaign)
    for scenario in campaign.scenarios:
        _check_scenario(campaign, scenario)
    check_stand_ins(campaign)
    check_ports(campaign)
    for index, waiver in enumerate(campaign.spec.waivers):
        try:
            date.fromisoformat(waiver.expires)
        except ValueError:
            where = campaign.source.document.locate(("waivers", index, "expires"))
            raise ConfigError(
                f"{waiver.expires!r} is not a date", location=where, remedy="write it as in 2027-01-31"
            ) from None


def _check_artefact(source: Loaded, name: str, path: DocumentPath) -> None:
    if not glob.has_magic(name):
        relative_file(source.folder, name, source.document, path)
    elif not matching_files(source.folder, name):
        where = source.document.locate(path)
        raise ConfigError(f"no file matches {name}", location=where, remedy="patterns start at the contract's folder")


def _check_canaries(campaign: Campaign) -> None:
    """What is planted by name must be declared, or nobody would look for it."""
    for name, kind in campaign.profile.requests.items():
        written = "".join((kind.path, *kind.headers.values(), repr(kind.body)))
        for planted in re.findall(r"\{\{canary\.([^}]*)\}\}", written):
            place = campaign.profile_source.document.locate(("requests", name), key=True)
            known(planted, campaign.profile.canaries, "canary", place)


def _check_names(campaign: Campaign) -> None:
    """A scenario is known by the stem of its file: it names its cell and its clauses."""
    seen: dict[str, Scenario] = {}
    for scenario in campaign.scenarios:
        first = seen.setdefault(scenario.name, scenario)
        if first is not scenario or scenario.name == "campaign":
            other = first.source.shown if first is not scenario else "the campaign itself"
            raise ConfigError(
                f"the story has the same name as {other}",
                location=Location(scenario.source.shown, 1, 1),
                remedy="rename its file",
            )


def _check_scenario(campaign: Campaign, scenario: Scenario) -> None:
    profile = campaign.profile
    names = [phase.name for phase in scenario.phases]
    for index, phase in enumerate(scenario.phases):
        if names.index(phase.name) != index:
            where = scenario.place("phases", index, "name")
            raise ConfigError(f"two phases are named {phase.name!r}", location=where, remedy="rename one")
        for fault in phase.fault:
            known(fault, profile.faults, "fault", scenario.place("phases", index, "fault", fault, key=True))
        check_load(campaign, scenario, index)
    for item in scenario.expectations:
        _check_expectation(campaign, item, names)
    for threshold in scenario.thresholds:
        _check_threshold(campaign, scenario, threshold)


def _check_expectation(campaign: Campaign, item: Expected, phases: Sequence[str]) -> None:
    contract = campaign.contract
    tables: dict[str, Any] = {
        "log": contract.logs.streams if contract.logs else {},
        "health": contract.health,
    }
    if item.subject == "alert":
        _check_declared(campaign, item.about, item.source)
    if item.subject in tables:
        known(item.about, tables[item.subject], item.subject, item.source)
    for name in ("before", "inhibits"):
        other = getattr(item.rule, name, None)
        if other is not None:
            _check_declared(campaign, other, item.source)
    for name in ("during", "rises_in"):
        phase = getattr(item.rule, name, None)
        if phase is not None:
            known(phase, phases, "phase", item.source)


def _check_declared(campaign: Campaign, name: str, where: Location) -> None:
    """What a story claims of an alert is held against the contract, even where production's rules have the alert."""
    alerts = campaign.contract.alerts
    if name not in alerts:
        suggested = nearest(name, alerts) or f"known: {', '.join(alerts) or 'none is declared'}"
        raise ConfigError(
            f"the contract declares no alert {name!r}",
            location=where,
            remedy=f"{suggested}; one that production's rules alone have is declared under alerts of the contract",
        )


def _check_threshold(campaign: Campaign, scenario: Scenario, item: Threshold) -> None:
    phases = [phase for phase in scenario.phases if item.during in {None, phase.name}]
    if item.during is not None:
        known(item.during, [phase.name for phase in scenario.phases], "phase", item.places["during"])
    if item.subject == "alert":
        _check_declared(campaign, item.about, item.places["alert"])
    if item.subject == "log":
        logs = campaign.contract.logs
        known(item.about, logs.streams if logs else {}, "log", item.places["stream"])
    if item.subject in {"time", "share", "rate", "saturation"}:
        loads = [part for phase in phases if phase.load for _, part in phase.load.parts()]
        # a trace may name every kind
        sent = dict.fromkeys(k for part in loads for k in (campaign.profile.requests if part.trace else part.mix or ()))
        if item.kind is not None:
            known(item.kind, sent, "request of kind", item.places["kind"])
        if not sent:
            raise ConfigError("nothing is sent there", location=item.source, remedy="give the phase a load")
