"""Where the events of a campaign come from when nobody here has started it: a recorded bundle, or another process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from harness.clauses.replay import replay
from harness.core.errors import ConfigError, HarnessError, Location
from harness.core.events import Event
from harness.evidence.bundle import read_manifest
from harness.front.follow import EventFile
from harness.front.process import death, written_pid
from harness.front.replaying import opened

__all__ = ["Followed", "Replayed", "Source"]


class Source(Protocol):
    """Events of one campaign."""

    def poll(self) -> tuple[Event, ...]:
        """Events since the last call; raises ``HarnessError`` when no last event can come any more."""

    def close(self) -> None:
        """No event is wanted any more."""


class Replayed:
    """A recorded bundle, judged again. Raises ``HarnessError`` when it is not one of the campaign ``name``."""

    def __init__(self, bundle: Path, name: str, wanted: Sequence[str] = ()) -> None:
        self._wanted = wanted
        with ExitStack() as stack:
            self._folder = stack.enter_context(opened(bundle))
            recorded = read_manifest(self._folder).get("campaign")
            if recorded != name:
                raise HarnessError(
                    f"the bundle was recorded for the campaign {recorded}, these clauses are of {name}",
                    location=Location(str(bundle)),
                    remedy="name the files of that campaign on the command line",
                )
            self._stack = stack.pop_all()

    def poll(self) -> tuple[Event, ...]:
        """All events at once; clauses that the bundle does not know get no verdict."""
        try:
            return tuple(replay(self._folder, self._wanted))
        except ConfigError:
            return tuple(replay(self._folder))

    def close(self) -> None:
        """Remove what was unpacked."""
        self._stack.close()


class Followed:
    """A campaign that another process on this machine starts, now or later, with its bundle at ``bundle``."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle
        self._events = EventFile(bundle)

    def poll(self) -> tuple[Event, ...]:
        """Events since the last call; raises ``HarnessError`` when the campaign lives no more and says no more."""
        pid = written_pid(self._bundle)
        gone = pid is not None and not _lives(pid)
        events = self._events.read()
        if gone and not events:
            raise death(self._bundle, "early")
        return events

    def close(self) -> None:
        """Nothing is held."""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
