"""Everything that a campaign sees and says goes through here: evidence in memory and on disk, events to the front."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.core.event_lines import encode_event
from harness.core.events import Event, Note
from harness.evidence.bundle import BundleWriter
from harness.evidence.records import Record
from harness.evidence.store import Evidence

__all__ = ["Recorder"]


class Recorder:
    """Thread-safe writer of one campaign's bundle; a context manager. ``evidence`` grows with every record."""

    def __init__(self, bundle: Path, planned: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._writer = BundleWriter(bundle)
        self._events = (bundle / "events.ndjson").open("ab")
        self.bundle = bundle
        self.has_told = False
        """Whether the front was told anything."""
        self.evidence = Evidence(planned=planned)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._events.close()
            self._writer.__exit__(kind, error, trace)

    def add(self, record: Record) -> None:
        """Keep one record."""
        with self._lock:
            self.evidence.add(record)
            self._writer.add(record)

    def begin_again(self, cells: Iterable[str]) -> None:
        """Set aside what was recorded of ``cells``; what follows is their next attempt."""
        with self._lock:
            self.evidence.forget(cells)
            self._writer.begin_again(self.evidence.records())

    def say(self, event: Event) -> None:
        """Tell the front one event, at once."""
        with self._lock:
            self.has_told = True
            self._events.write(encode_event(event))
            self._events.flush()

    def note(self, text: str, *, warning: bool = False) -> None:
        """Tell the front a line for people."""
        self.say(Note(time.time(), text, "warning" if warning else "info"))

    def write_manifest(self, **fields: object) -> None:
        """Write the bundle's manifest."""
        with self._lock:
            self._writer.write_manifest(dict(fields))
