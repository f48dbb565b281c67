"""A loaded campaign: the four kinds of files, checked against each other, with their positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.contract.expectations import Expectation
from harness.contract.files import CampaignFile, ContractFile, Phase, ProfileFile, ScenarioFile, Waiver
from harness.contract.strict import matching_files
from harness.contract.thresholds import Threshold
from harness.core.errors import Location
from harness.core.source import Document

__all__ = ["USUAL_SPEED", "Campaign", "Expected", "Loaded", "Scenario"]

USUAL_SPEED: Final = 60.0
"""What ``speed: auto`` stands for where nothing is played, and so nothing is measured."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file on disk and its parsed document; ``shown`` is its path below the campaign's root."""

    path: Path
    document: Document

    @property
    def shown(self) -> str:
        """The name under which messages mention the file."""
        return self.document.file

    @property
    def folder(self) -> Path:
        """The folder that the file's own relative paths start from."""
        return self.path.parent


@dataclass(frozen=True, slots=True)
class Expected:
    """One entry of a scenario's ``expect``: ``subject`` is alert, log, metric, health or load."""

    subject: str
    about: str
    rule: Expectation
    source: Location


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story; its name is the stem of its file."""

    name: str
    source: Loaded
    spec: ScenarioFile
    expectations: tuple[Expected, ...]
    thresholds: tuple[Threshold, ...] = ()

    @property
    def file(self) -> Path:
        """Where the story is written."""
        return self.source.path

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases in order."""
        return tuple(self.spec.phases)

    def place(self, *path: str | int, key: bool = False) -> Location:
        """Position of ``path`` in the story's file."""
        return self.source.document.locate(path, key=key)


@dataclass(frozen=True, slots=True)
class Campaign:
    """Everything that one gate proves. ``root`` is the folder that all its files lie below."""

    name: str
    root: Path
    source: Loaded
    spec: CampaignFile
    contract: ContractFile
    contract_source: Loaded
    profile: ProfileFile
    profile_source: Loaded
    scenarios: tuple[Scenario, ...]
    listed: tuple[str, ...] = ()
    """Names of all stories of the campaign file, whether or not they were asked for now."""
    speed_override: float | None = None
    """Speed that a command line asked for, instead of those that the files name."""
    also: tuple[Path, ...] = ()
    """Stories that the campaign file does not list."""
    speed_measured: float | None = None
    """Speed that the machine allows, where ``speed: auto`` asks for it; a story's own speed goes before it."""
    speed_factor: float = 1.0
    """Below 1 where an unfit cell is played again, slower."""
    slowed: Mapping[str, float] = field(default_factory=dict)
    """By story, what stands in the place of ``speed_factor``: those that are slower still."""

    @property
    def file(self) -> Path:
        """Where the campaign is written."""
        return self.source.path

    @property
    def folder(self) -> Path:
        """The folder of the campaign file."""
        return self.source.folder

    @property
    def is_whole(self) -> bool:
        """Whether all stories that the campaign file lists are loaded."""
        return len(self.scenarios) == len(self.listed)

    @property
    def speed(self) -> float:
        """Default speed of a cell: production seconds per wall second."""
        return (self.speed_override or self._default_speed) * self.speed_factor

    @property
    def _default_speed(self) -> float:
        if self.speed_measured:
            return self.speed_measured
        return USUAL_SPEED if self.spec.speed == "auto" else self.spec.speed

    @property
    def side_by_side(self) -> int:
        """How many stories may be played at once: one, where the subject runs already and is there only once."""
        return 1 if self.profile.start.running else self.spec.side_by_side

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Known violations."""
        return tuple(self.spec.waivers)

    def promise(self, *path: str | int, key: bool = True) -> Location:
        """Position of ``path`` in the contract."""
        return self.contract_source.document.locate(path, key=key)

    def artefact(self, kind: str) -> Path | None:
        """Absolute path of a production artefact, or ``None`` where the contract names none."""
        return next(iter(self.artefacts(kind)), None)

    def artefacts(self, kind: str) -> tuple[Path, ...]:
        """Absolute paths of the production artefacts of a kind: those named, and those that patterns match."""
        named = getattr(self.contract.artefacts, kind) or []
        patterns = [named] if isinstance(named, str) else named
        folder = self.contract_source.folder
        return tuple(path for pattern in patterns for path in matching_files(folder, pattern))

    def shown(self, path: Path) -> str:
        """``path`` as messages name it: below the root where it lies there."""
        if path in self.also:
            return path.name
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def speed_of(self, scenario: Scenario) -> float:
        """Speed of the scenario's cell: never below production's own, however often it is slowed."""
        own = self.speed_override or scenario.spec.speed or self._default_speed
        return max(1.0, own * self.slowed.get(scenario.name, self.speed_factor))
