"""What every part of a running campaign shares: the campaign itself, its tools, its supervisor and its recorder."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.clauses.production import Production
from harness.contract import Campaign
from harness.core.events import ComponentReady
from harness.evidence.records import ComponentState
from harness.request import CampaignRequest
from harness.run.parts import Part, Parts
from harness.run.recorder import Recorder
from harness.run.restarts import TooFastError
from harness.run.selection import Selection
from harness.run.sinks.loop import SinkLoop
from harness.run.stack.ports import PortLease
from harness.run.stack.supervisor import Supervisor

__all__ = ["BUILD_ID", "Context"]

BUILD_ID: Final = "campaign/build"
"""The one process that is meant to end by itself."""


@dataclass(frozen=True, slots=True)
class Context:
    """Shared by the cells of one campaign; ``folder`` is removed at its end, ``bundle`` is kept."""

    campaign: Campaign
    production: Production
    selection: Selection
    request: CampaignRequest
    parts: Parts
    supervisor: Supervisor
    recorder: Recorder
    ports: PortLease
    sinks: SinkLoop
    folder: Path
    cancel: threading.Event = field(default_factory=threading.Event)
    starts_s: list[float] = field(default_factory=list)
    """Wall seconds from start to readiness of every instance of the subject so far."""
    took_s: dict[str, float] = field(default_factory=dict)
    """Wall seconds of every story that is over, from the start of its first process."""
    too_fast: dict[str, TooFastError] = field(default_factory=dict)
    """Cells that were not played, because a restart takes too long for their speed."""

    @property
    def build(self) -> Path:
        """Where the profile's build command leaves what it makes."""
        return self.folder / "build"

    def processes_of(self, cell: str) -> list[Part]:
        """What was started for ``cell``: the death of one ends whatever is waited for in it."""
        return [part for part in self.parts.all if part.id.startswith(f"{cell}/")]

    def ready(self, cell: str, component: str, role: str, began: float, url: str = "", version: str = "") -> None:
        """A part is ready: ``began`` is when its start was ordered (monotonic seconds)."""
        now, took_s = time.time(), time.monotonic() - began
        if role == "subject":
            self.starts_s.append(took_s)
        self.recorder.add(ComponentState(cell, now, component, role, "ready"))
        self.recorder.say(ComponentReady(now, cell, component, took_s, url, version))

    def late(self, cell: str, component: str, role: str, problem: str) -> None:
        """A part was not ready in time: what was last seen of it instead."""
        self.recorder.add(ComponentState(cell, time.time(), component, role, "late", tail=(problem,)))

    def version(self, tool: str) -> str:
        """Version of a part of the stack, or the empty string."""
        return self.parts.version(tool)
