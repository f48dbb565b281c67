"""The one call that everybody makes: have these tools, from wherever they can be had."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

from harness.core.errors import MachineError
from harness.provision.planning import plan
from harness.provision.search import find, is_trained
from harness.provision.sets import Component, select
from harness.provision.settings import Settings
from harness.provision.tool import Progress, Tool

__all__ = ["ensure", "print_progress"]


def print_progress(line: str) -> None:
    """Write one line of progress to standard error."""
    sys.stderr.write(f"provision: {line}\n")
    sys.stderr.flush()


def ensure(
    names: Collection[str], *, settings: Settings | None = None, progress: Progress = print_progress
) -> dict[str, Tool]:
    """The tools called ``names``, made first where they are not there yet.

    The plan (source, megabytes, minutes) goes to ``progress`` before anything is fetched. Raises
    ``ConfigError`` for an unknown name and ``MachineError`` when the machine cannot provide a tool.
    """
    settings = settings or Settings.from_environment()
    components = select(names)
    found = {part.name: find(part, settings) for part in components}
    missing = [part for part in components if found[part.name] is None]
    if missing:
        from harness.provision.making import make  # builders and downloads: not imported where all is there

        _announce(missing, settings, progress)
        make(missing, settings, progress)
        found |= {part.name: find(part, settings) for part in missing}
    return {part.name: _finish(part, found[part.name], settings, progress) for part in components}


def _announce(missing: Sequence[Component], settings: Settings, progress: Progress) -> None:
    steps = plan([part.name for part in missing], settings)
    for step in steps:
        progress(str(step))
    megabytes, minutes = sum(step.megabytes for step in steps), sum(step.minutes for step in steps)
    progress(f"in all {megabytes} MB and about {minutes:.0f} min, once, into {settings.cache}")


def _finish(part: Component, tool: Tool | None, settings: Settings, progress: Progress) -> Tool:
    if tool is None:
        raise MachineError(f"{part.name} vanished from {settings.cache} while it was used", remedy="run it again")
    if not is_trained(part, settings):
        from harness.provision.making import retrain

        return retrain(part, tool, settings, progress)
    return tool
