"""Where pytest finds a clause: the file that it is collected from, and its node id below that file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.clauses.model import Clause
from harness.contract import load_campaign
from harness.core.kinds import file_kind
from harness.front.choosing import Loaded, campaign_file, load_chosen

__all__ = ["Library", "PlacedClause"]

_LABELLED = re.compile(r"([^\[\]]+)(\[[^\[\]]*\])")
_ROUND = str.maketrans("[]", "()")


@dataclass(frozen=True, slots=True)
class PlacedClause:
    """A clause, the campaign file that it belongs to, and the names of its nodes below the collected file.

    pytest reads whatever follows the first bracket of an id as the parameters of its last node. The label
    of ``requests[error]::arrives`` therefore follows the promise, ``requests::arrives[error]``, and
    brackets within an expression become parentheses.
    """

    campaign: Path
    clause: Clause
    nodes: tuple[str, ...]


class Library:
    """Campaigns by their file, each loaded and compiled once; ``attached``: to judge a system that runs already."""

    def __init__(self, *, attached: bool = False) -> None:
        self._loaded: dict[Path, Loaded] = {}
        self._attached = attached

    def load(self, file: Path) -> Loaded:
        """The campaign in ``file``; raises ``ConfigError``."""
        if file not in self._loaded:
            self._loaded[file] = load_chosen([file], attached=self._attached)[0]
        return self._loaded[file]

    def clauses_in(self, path: Path) -> list[PlacedClause]:
        """The clauses that are collected from the file at ``path``: those of a story, or those over all stories.

        A story whose folder has another campaign file is collected from ours. Raises ``ConfigError``.
        """
        file, home = path.resolve(), campaign_file(path)
        if file_kind(path) == "scenario":
            return self._story(file, home)
        campaign = self.load(file)
        elsewhere = {s.name for s in campaign.campaign.scenarios if campaign_file(s.file) != file}
        own = {scenario.name for scenario in campaign.campaign.scenarios} - elsewhere
        return [_placed(file, c, foreign=c.scope in elsewhere) for c in campaign.clauses if c.scope not in own]

    def _story(self, file: Path, home: Path) -> list[PlacedClause]:
        campaign = self.load(home) if home.is_file() else None
        names = [s.name for s in campaign.campaign.scenarios if s.file == file] if campaign else []
        if campaign is None or not names:
            load_campaign([file])  # says what is wrong with it
            return []
        return [_placed(home, clause) for clause in campaign.clauses if clause.scope in names]


def _placed(campaign: Path, clause: Clause, *, foreign: bool = False) -> PlacedClause:
    scope = (clause.scope,) if foreign else ()
    labelled = _LABELLED.fullmatch(clause.name)
    name, label = (labelled[1], labelled[2]) if labelled else (clause.name.translate(_ROUND), "")
    return PlacedClause(campaign, clause, (*scope, clause.plane, name, clause.promise.translate(_ROUND) + label))
