"""Judge a bundle again: offline, without a stack, with the same words and verdicts as when it was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.clauses.attached import Reach, attached_clauses
from harness.clauses.compiled import compile_campaign
from harness.clauses.conclusion import conclude, conclude_search, planned
from harness.clauses.model import Clause, Judge, inconclusive
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError, HarnessError, Location
from harness.core.event_lines import decode_event
from harness.core.events import (
    CampaignEnded,
    CampaignPlanned,
    CampaignSpent,
    CampaignStarted,
    ComponentEnded,
    ComponentReady,
    Event,
    HopSeen,
    Note,
    PhaseEnded,
    PhaseStarted,
)
from harness.core.source import nearest
from harness.evidence.bundle import read_evidence, read_manifest
from harness.evidence.store import Evidence

__all__ = ["replay"]

_RETOLD = (CampaignPlanned, CampaignSpent, ComponentReady, ComponentEnded, PhaseStarted, PhaseEnded, HopSeen)
"""What happened is told as it was recorded; what follows from it is judged anew."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A bundle, read."""

    folder: Path
    manifest: dict[str, Any]
    campaign: Campaign
    evidence: Evidence
    events: tuple[Event, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        return tuple(self.manifest["cells"])

    @property
    def played_again(self) -> tuple[str, ...]:
        return tuple(self.manifest.get("played_again", ()))

    @property
    def reach(self) -> Reach | None:
        """What could be seen of a system that ran already; ``None`` for one that the harness started."""
        return Reach.of_json(self.manifest["attach"]) if self.manifest.get("attach") else None

    @property
    def ended_t(self) -> float:
        """When the campaign ended; for one that was killed, the last that is known of it."""
        if self.manifest["ended_t"] is not None:
            return float(self.manifest["ended_t"])
        known = [event.t for event in self.events] + [self.evidence.horizon(cell) for cell in self.cells]
        return max([float(self.manifest["started_t"]), *known])


def replay(folder: Path, clause_ids: Sequence[str] = ()) -> Iterator[Event]:
    """The events of the bundle in ``folder``, judged again; ``clause_ids`` narrows its clauses, in their order.

    Every replay gives the same events: times come from the bundle. A campaign that was killed is judged
    on what it left. Raises ``HarnessError``, at once, for a bundle that cannot be read and
    ``ConfigError`` for an id that no clause has; a clause that was not selected when the bundle was
    recorded is inconclusive.
    """
    recorded = _read(folder)
    clauses = _selected(recorded, clause_ids)
    return _told(recorded, clauses)


def _read(folder: Path) -> _Recorded:
    manifest = read_manifest(folder)
    try:
        campaign = _load(folder / "inputs", manifest)
        evidence = read_evidence(folder)
        evidence.planned = tuple(manifest["cells"])
    except KeyError as error:
        raise HarnessError(
            f"the manifest lacks {error}",
            location=Location(str(folder / "manifest.json")),
            remedy="replay it with the harness version that recorded it",
        ) from None
    return _Recorded(folder, manifest, campaign, evidence, tuple(_events(folder / "events.ndjson")))


def _load(inputs: Path, manifest: dict[str, Any]) -> Campaign:
    """The campaign as it was gated: of its stories those that the command line named."""
    loaded = load_campaign([inputs / manifest["file"]], [inputs / "also" / name for name in manifest.get("also", ())])
    measured = manifest.get("speed_measured")
    stories = tuple(story for story in loaded.scenarios if loaded.shown(story.file) in manifest["paths"])
    return replace(loaded, scenarios=stories, speed_override=manifest["speed_override"], speed_measured=measured)


def _events(path: Path) -> Iterator[Event]:
    """Events as recorded; the half-written last line of a killed campaign is ignored."""
    if path.is_file():
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
            try:
                yield decode_event(line)
            except HarnessError as error:
                raise HarnessError(error.problem, location=Location(str(path), number), remedy=error.remedy) from None


def _selected(recorded: _Recorded, wanted: Sequence[str]) -> tuple[Clause, ...]:
    clauses = compile_campaign(recorded.campaign)
    if recorded.reach:
        clauses = attached_clauses(recorded.campaign, clauses, recorded.reach)
    known = {clause.id for clause in clauses}
    shown = set(recorded.manifest["clauses"])
    for name in wanted:
        if name not in known:
            raise ConfigError(f"there is no clause {name!r} in the bundle", remedy=nearest(name, known))
    for name in sorted(shown - known):
        raise HarnessError(
            f"this version knows no clause {name!r}, which the bundle was recorded for",
            location=Location(str(recorded.folder)),
            remedy="replay it with the harness version that recorded it",
        )
    chosen = [clause for clause in clauses if clause.id in (set(wanted) or shown)]
    return tuple(clause if clause.id in shown else replace(clause, judge=_UNRECORDED) for clause in chosen)


def _unrecorded() -> Judge:
    verdict = inconclusive("this clause was not selected when the bundle was recorded")
    return lambda _evidence: verdict


_UNRECORDED = _unrecorded()


def _is_retold(event: Event) -> bool:
    return isinstance(event, _RETOLD) or (isinstance(event, Note) and event.level == "warning")


def _told(recorded: _Recorded, clauses: tuple[Clause, ...]) -> Iterator[Event]:
    manifest, ended_t = recorded.manifest, recorded.ended_t
    began, bundle = float(manifest["started_t"]), str(recorded.folder)
    yield CampaignStarted(
        began,
        manifest["campaign"],
        bundle,
        manifest["speed"],
        manifest["backend"],
        recorded.cells,
        () if manifest.get("search") else planned(clauses),
        replayed=True,
    )
    yield from filter(_is_retold, recorded.events)
    if manifest.get("search"):
        conclusion = conclude_search(recorded.campaign, clauses, recorded.evidence)
    else:
        again, reach = recorded.played_again, recorded.reach
        conclusion = conclude(recorded.campaign, clauses, recorded.evidence, ended_t, again, reach)
    yield from conclusion.events()
    cancelled = any(isinstance(event, CampaignEnded) and event.cancelled for event in recorded.events)
    yield CampaignEnded(ended_t, ended_t - began, conclusion.counts, conclusion.exit_code, bundle, cancelled)
