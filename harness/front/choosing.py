"""From what a command line names to campaigns with the clauses that were asked for. Nothing is started here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.core.kinds import file_kind
from harness.core.source import nearest
from harness.front.keyword import keyword_matcher

if TYPE_CHECKING:
    from harness.clauses.model import Clause

__all__ = ["Chosen", "Loaded", "campaign_file", "choose", "default_path", "load_chosen"]

_DEFAULTS = (Path("scenarios/campaign.yaml"), Path("campaign.yaml"))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A campaign, the paths that named it, and all its clauses, in their order."""

    campaign: Campaign
    paths: tuple[Path, ...]
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A campaign, the paths that named it, and the ids of the clauses that a request names: none for all."""

    campaign: Campaign
    paths: tuple[Path, ...]
    ids: tuple[str, ...] = ()


def campaign_file(path: Path) -> Path:
    """The campaign file that ``path`` (a folder, a campaign or a scenario) belongs to."""
    if path.is_dir():
        return (path / "campaign.yaml").resolve()
    return (path.parent / "campaign.yaml" if file_kind(path) == "scenario" else path).resolve()


def load_chosen(paths: Iterable[Path], *, attached: bool = False) -> list[Loaded]:
    """Every campaign that ``paths`` name, with all its clauses; without paths the one of this folder.

    ``attached``: those on a system that runs already are among them. Raises ``ConfigError`` for whatever is wrong.
    """
    return [_load(group, attached=attached) for group in _grouped(paths)]


def choose(
    paths: Iterable[Path], expression: str = "", wanted: Sequence[str] = (), *, attached: bool = False
) -> list[Chosen]:
    """The campaigns that have clauses matching ``expression`` and, if given, named in ``wanted``.

    ``attached``: those on a system that runs already are among them. Where all clauses are wanted nobody here has to
    know them: the campaign process compiles them anyway, and refuses what cannot be.
    """
    if not expression and not wanted:
        return [Chosen(load_campaign(group), group) for group in _grouped(paths)]
    matches = keyword_matcher(expression)
    loaded = load_chosen(paths, attached=attached)
    _check_known(wanted, {clause.id for item in loaded for clause in item.clauses})
    chosen = [
        Chosen(item.campaign, item.paths, () if len(picked) == len(item.clauses) else picked)
        for item in loaded
        if (picked := tuple(c.id for c in item.clauses if matches(c.id) and (not wanted or c.id in wanted)))
    ]
    if not chosen:
        raise ConfigError("no clause is selected", remedy="harness lint -v lists the ids of all clauses")
    return chosen


def _grouped(paths: Iterable[Path]) -> list[tuple[Path, ...]]:
    """The paths of each campaign; without paths the one of this folder."""
    groups: dict[Path, list[Path]] = {}
    for path in tuple(paths) or (default_path(),):
        groups.setdefault(campaign_file(path), []).append(path)
    return [tuple(group) for group in groups.values()]


def _load(paths: tuple[Path, ...], *, attached: bool) -> Loaded:
    from harness.clauses.attached import Reach, attached_clauses
    from harness.clauses.compiled import compile_campaign

    campaign = load_campaign(paths)
    clauses = compile_campaign(campaign)
    if attached:
        clauses = attached_clauses(campaign, clauses, Reach())
    return Loaded(campaign, paths, clauses)


def _check_known(wanted: Sequence[str], known: set[str]) -> None:
    for name in wanted:
        if name not in known:
            raise ConfigError(f"there is no clause {name!r}", remedy=nearest(name, known))


def default_path() -> Path:
    """The campaign file of this folder; raises ``ConfigError`` where there is none."""
    for path in _DEFAULTS:
        if path.is_file():
            return path
    raise ConfigError(
        "there is neither scenarios/campaign.yaml nor campaign.yaml here",
        remedy="name a campaign or scenario file, or change to the folder of your project",
    )
