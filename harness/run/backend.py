"""Where the parts of the stack run. The choice is made once, when a campaign starts, and told with its reason.

A new backend is a line in ``_CHOICES``: what ``--backend NAME`` means, and when ``auto`` takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.core.errors import ConfigError
from harness.core.source import nearest
from harness.request import CampaignRequest

__all__ = ["Backend", "choose_backend"]


@dataclass(frozen=True, slots=True)
class Backend:
    """The chosen backend, and why it was chosen."""

    name: str
    reason: str


Reason = Callable[[CampaignRequest], str]
"""Why ``auto`` takes a backend for a request; empty where it does not."""


def _always(_request: CampaignRequest) -> str:
    return "pinned components of this machine"


_CHOICES: Final[Mapping[str, Reason]] = {"native": _always}
"""In the order in which ``auto`` prefers them; the last one can always be taken."""


def choose_backend(request: CampaignRequest, choices: Mapping[str, Reason] = _CHOICES) -> Backend:
    """The backend for ``request``; raises ``ConfigError`` for one that does not exist."""
    asked = request.backend
    if asked in choices:
        return Backend(asked, "asked for")
    if asked != "auto":
        remedy = nearest(asked, choices) or f"known: auto, {', '.join(choices)}"
        raise ConfigError(f"there is no backend {asked!r}", remedy=remedy)
    taken = next((Backend(name, reason) for name, why in choices.items() if (reason := why(request))), None)
    if taken is None:
        raise ConfigError("no backend can be used here", remedy=f"choose one of {', '.join(choices)} with --backend")
    return taken
