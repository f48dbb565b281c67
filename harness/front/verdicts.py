"""The verdicts of one campaign, awaited clause by clause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from harness.core.errors import HarnessError
from harness.core.events import CampaignEnded, CampaignFailed, ClauseJudged, Event
from harness.front.process import POLL_S
from harness.front.sources import Source

__all__ = ["Verdicts"]

SETTLE_S = 20.0
"""Wall seconds that a campaign, all of whose verdicts are known, gets to say its last word."""


class Verdicts:
    """Reads ``source`` as far as needed. ``hear`` is told every event that was read."""

    def __init__(self, source: Source, hear: Callable[[Event], None]) -> None:
        self._source, self._hear = source, hear
        self._judged: dict[str, ClauseJudged] = {}
        self._over: HarnessError | None = None

    def wait(self, clause: str) -> ClauseJudged:
        """The verdict on ``clause``, as soon as it is known; raises ``HarnessError`` where none will come."""
        while clause not in self._judged:
            if self._over is not None:
                raise self._over
            if not self._read():
                time.sleep(POLL_S)
        return self._judged[clause]

    def drain(self, stop: threading.Event) -> None:
        """Read until the campaign is over, or ``stop`` is set."""
        while self._over is None and not stop.is_set():
            if not self._read():
                stop.wait(POLL_S)

    def close(self, wanted: Collection[str]) -> None:
        """Let the campaign end where all of ``wanted`` is judged; cancel it otherwise."""
        try:
            deadline = time.monotonic() + SETTLE_S
            while self._read() or (self._settled(wanted) and time.monotonic() < deadline):
                time.sleep(POLL_S)
        finally:
            self._source.close()

    def _settled(self, wanted: Collection[str]) -> bool:
        return self._over is None and self._judged.keys() >= set(wanted)

    def _read(self) -> bool:
        if self._over is not None:
            return False
        try:
            events = self._source.poll()
        except HarnessError as error:
            self._over = error
            return True
        for event in events:
            self._take(event)
        return bool(events)

    def _take(self, event: Event) -> None:
        match event:
            case ClauseJudged():
                self._judged[event.clause] = event
            case CampaignFailed():
                self._over = HarnessError(f"the campaign failed: {event.error}")
            case CampaignEnded():
                self._over = HarnessError(
                    "the campaign ended without a verdict on this clause",
                    remedy=f"it may not have been selected when {event.bundle} was recorded",
                )
        self._hear(event)
