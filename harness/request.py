"""What a front asks of a campaign process: one JSON file, written by the front and read by the campaign.

The campaign is started as ``python -m harness.run.campaign REQUEST``. It appends events to
``<bundle>/events.ndjson``; closing its standard input cancels it. The last event is
``campaign_ended`` or ``campaign_failed``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import orjson

from harness.core.errors import HarnessError, Location

__all__ = ["CampaignRequest"]


@dataclass(frozen=True, slots=True)
class CampaignRequest:
    """A selection of clauses to prove, and how.

    ``paths`` are campaign or scenario files; ``clauses`` the selected clause ids, in the order in which
    they are reported (empty: all); ``bundle`` the folder that the evidence goes to. ``replay`` names a
    bundle to judge again: then nothing is started. ``workers`` share the load among so many processes; 0 is one alone.
    """

    paths: tuple[str, ...]
    bundle: str
    clauses: tuple[str, ...] = ()
    speed: float | Literal["auto"] | None = None
    backend: str = "auto"
    hold: bool = False
    replay: str = ""
    seed: int = 1
    also: tuple[str, ...] = ()
    """Stories beside those that the campaign lists, such as one that was made of a command line."""
    search: dict[str, float] | None = None
    """Search for the limit: fields of ``harness.clauses.limit.Search``."""
    workers: int = 0
    up: bool = False
    """Play nothing: leave the stack of the one story in ``also`` standing until cancelled."""
    attach: str = ""
    """The attach file that names a running system, absolute."""
    since: str = ""
    until: str = ""
    """The window to look at, as the command line has it; both empty: the present."""
    required: tuple[str, ...] = ()
    """Planes in which what cannot be judged for lack of access is a failure."""

    def write(self, path: Path) -> None:
        """Write the request as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(dataclasses.asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The request in the file at ``path``; raises ``HarnessError`` when it is not one."""
        try:
            fields: dict[str, Any] = orjson.loads(path.read_bytes())
            fields["paths"] = tuple(fields["paths"])
            fields["clauses"] = tuple(fields["clauses"])
            fields["also"] = tuple(fields.get("also", ()))
            fields["required"] = tuple(fields.get("required", ()))
            return cls(**fields)
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise HarnessError(f"not a campaign request: {error!r}", location=Location(str(path))) from None
