"""Read an event file while another process still writes it."""

from __future__ import annotations

from pathlib import Path

from harness.core.event_lines import decode_event
from harness.core.events import CampaignEnded, CampaignFailed, Event

__all__ = ["EVENTS", "EventFile", "is_last"]

EVENTS = "events.ndjson"


def is_last(event: Event) -> bool:
    """Whether the campaign says nothing after this event."""
    return isinstance(event, CampaignEnded | CampaignFailed)


class EventFile:
    """The events of one bundle, in the order in which they were written; each is answered once."""

    def __init__(self, bundle: Path) -> None:
        self.path = bundle / EVENTS
        self._offset = 0

    def read(self) -> tuple[Event, ...]:
        """The events that were completed since the last call; a half-written last line waits."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                chunk = file.read()
        except FileNotFoundError:
            return ()
        complete = chunk[: chunk.rfind(b"\n") + 1]
        self._offset += len(complete)
        return tuple(decode_event(line) for line in complete.splitlines())
