"""``harness up``: the subject and its stack as a story would have them, left standing until Ctrl-C."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.contract import Campaign, load_campaign
from harness.core.errors import Location, MachineError
from harness.core.events import CampaignFailed, CellHeld, ComponentReady, Event, Note
from harness.front.choosing import default_path
from harness.front.gate import EXIT_ERROR, EXIT_KILLED, conduct
from harness.request import CampaignRequest

__all__ = ["STORY", "UpOptions", "attach_document", "up"]

STORY: Final = "standing"
"""Name of the story that is made for the stack; nothing of it is played."""
_TEXT: Final = """\
harness: scenario/1
story: The stack stands for whoever wants to look.
phases:
  - {name: standing, lasts: 1s}
"""
_GOODBYE: Final = "\nharness: ending everything (again: at once)\n"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """How fast the clock of the stack runs, and the file to which its addresses are written."""

    speed: float = 1.0
    state: Path | None = None


def up(paths: Sequence[Path], options: UpOptions) -> int:
    """Start the subject of a campaign with its stack, tell the addresses and stay; answers 0 after Ctrl-C."""
    named = tuple(paths) or (default_path(),)
    campaign = load_campaign(named)
    with tempfile.TemporaryDirectory(prefix="harness-up-") as scratch:
        bundle = Path(scratch) / "bundle"
        story = Path(scratch) / f"{STORY}.yaml"
        story.write_text(_TEXT, encoding="utf-8")
        request = CampaignRequest(
            paths=tuple(str(path.resolve()) for path in named),
            also=(str(story),),
            bundle=str(bundle),
            speed=options.speed,
            backend="native",
            up=True,
        )
        onlooker = _Onlooker(campaign, options)
        code = conduct(request, onlooker, bundle, goodbye=_GOODBYE)
    return EXIT_KILLED if code == EXIT_KILLED else onlooker.exit_code


class _Onlooker:
    """Tells what happens in a few lines; the addresses, once all stand, as a table and into the file asked for."""

    def __init__(self, campaign: Campaign, options: UpOptions) -> None:
        self._campaign, self._options = campaign, options
        self._stood = False
        self._failed = False

    @property
    def exit_code(self) -> int:
        """0 where all stood, or was cancelled before that; else that of an error."""
        return EXIT_ERROR if self._failed else 0

    def tell(self, event: Event) -> None:
        """One event of the campaign."""
        match event:
            case CellHeld():
                self._stands(event)
            case CampaignFailed():
                self._failed = True
                _say(f"harness: {event.error}")
            case ComponentReady():
                _say(f"{event.component} {event.version}".rstrip() + f" is ready after {event.took_s:.1f} s")
            case Note():
                _say(f"warning: {event.text}" if event.level == "warning" else event.text)
            case _:
                pass

    def close(self, _bundle: Path) -> None:
        """Take the file back: nobody is at those addresses any more."""
        if self._stood and self._options.state:
            self._options.state.unlink(missing_ok=True)

    def _stands(self, event: CellHeld) -> None:
        self._stood = True
        width = max(map(len, event.urls))
        sys.stdout.write("".join(f"{name:<{width}}  {url}\n" for name, url in event.urls.items()))
        sys.stdout.flush()
        if self._options.state:
            _write(self._options.state, attach_document(self._campaign, event.urls))
        _say(f"{self._campaign.name} stands at speed {self._options.speed:g}; Ctrl-C ends everything")


def attach_document(campaign: Campaign, urls: Mapping[str, str]) -> dict[str, Any]:
    """The addresses in the words of an attach file: the subject's by instance and port."""
    instances: dict[str, dict[str, str]] = {}
    found: dict[str, Any] = {"harness": "attach/1", "subject": {"instances": instances}}
    for name, url in urls.items():
        instance, _, port = name.rpartition(" ")
        if instance:
            instances.setdefault(instance, {})[port] = url
        else:
            found[name] = {"url": url}
    if "elasticsearch" in found:
        found["elasticsearch"]["streams"] = {stream: {"harness.stream": stream} for stream in campaign.profile.logs}
    return found


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Whole or not at all: whoever waits for the file may read it at once."""
    half = path.with_name(f".{path.name}.{time.time_ns()}")
    try:
        half.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        half.replace(path)
    except OSError as error:
        raise MachineError(f"it cannot be written: {error.strerror}", location=Location(str(path))) from None


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
