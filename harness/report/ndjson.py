"""The event stream itself, one JSON object a line, as it happens."""

from __future__ import annotations

from harness.core.event_lines import encode_event
from harness.core.events import Event
from harness.report.output import Output

__all__ = ["NdjsonReporter"]


class NdjsonReporter:
    """Copies every event to its output."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def handle(self, event: Event) -> None:
        """Write one line."""
        self._output.write(encode_event(event))

    def close(self) -> None:
        """Close the output."""
        self._output.close()
