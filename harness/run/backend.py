"""Where the parts of the stack run. The choice is made once, when a campaign starts, and told with its reason.

A new backend is a line in ``_CHOICES``: what ``--backend NAME`` means, and when ``auto`` takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.core.errors import ConfigError, HarnessError
from harness.core.source import nearest
from harness.provision.sets import NATIVE
from harness.request import CampaignRequest
from harness.run.ground import container_images

__all__ = ["Backend", "choose_backend"]


@dataclass(frozen=True, slots=True)
class Backend:
    """The chosen backend, and why it was chosen."""

    name: str
    reason: str


Reason = Callable[[CampaignRequest], str]
"""Why ``auto`` takes a backend for a request; empty where it does not."""


def _attach(request: CampaignRequest) -> str:
    return "an attach file is named" if request.attach else ""


def _containers(_request: CampaignRequest) -> str:
    """Where an engine of this machine answers and has an image of every part."""
    try:
        engine, images = container_images(NATIVE.by_name)
    except HarnessError:
        return ""
    stand_ins = sum(not image.official for image in images.values())
    of_which = f", {stand_ins} of them stand-ins" if stand_ins else ""
    return f"the engine on {engine.socket} has all {len(images)} images{of_which}"


def _always(_request: CampaignRequest) -> str:
    return "pinned components of this machine"


_CHOICES: Final[Mapping[str, Reason]] = {"attach": _attach, "containers": _containers, "native": _always}
"""In the order in which ``auto`` prefers them; the last one can always be taken."""


def choose_backend(request: CampaignRequest, choices: Mapping[str, Reason] = _CHOICES) -> Backend:
    """The backend for ``request``; raises ``ConfigError`` for one that does not exist."""
    asked = request.backend
    _check_attach(request)
    if asked in choices:
        return Backend(asked, "asked for")
    if asked != "auto":
        remedy = nearest(asked, choices) or f"known: auto, {', '.join(choices)}"
        raise ConfigError(f"there is no backend {asked!r}", remedy=remedy)
    taken = next((Backend(name, reason) for name, why in choices.items() if (reason := why(request))), None)
    if taken is None:
        raise ConfigError("no backend can be used here", remedy=f"choose one of {', '.join(choices)} with --backend")
    return taken


def _check_attach(request: CampaignRequest) -> None:
    """What is only for a system that runs already must not pass unseen elsewhere."""
    if request.backend == "attach" and not request.attach:
        raise ConfigError("it is not said what to attach to", remedy="name an attach file with --attach FILE")
    if request.backend not in {"attach", "auto"} and request.attach:
        raise ConfigError(
            f"--attach names a running system, and --backend {request.backend} does not look at one",
            remedy="leave out one of the two",
        )
    pointless = {"--speed": request.speed, "--hold": request.hold, "--workers": request.workers}
    useless = [name for name, value in pointless.items() if value]
    if request.attach and useless:
        raise ConfigError(
            f"{useless[0]} means nothing to a running system: it is read at its own speed, and sent no load",
            remedy=f"leave out {useless[0]}",
        )
    options = {"--from": request.since, "--to": request.until, "--require": request.required}
    given = [name for name, value in options.items() if value]
    if given and not request.attach:
        raise ConfigError(f"{given[0]} is about a running system", remedy="name it with --attach FILE")
