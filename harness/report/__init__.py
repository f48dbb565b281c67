"""How a campaign is told: one module per output, each fed with the event stream and nothing else.

Fronts call ``make_reporter``, hand every event to ``handle`` and call ``close`` in the end, whatever ended the run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol, TextIO

from harness.core.errors import ConfigError
from harness.core.events import Event
from harness.report.console import ConsoleReporter
from harness.report.json_report import JsonReporter
from harness.report.junit import JUnitReporter
from harness.report.ndjson import NdjsonReporter
from harness.report.output import Output

__all__ = ["REPORTERS", "Reporter", "make_reporter", "tell"]


class Reporter(Protocol):
    """Consumes the events of one campaign, in their order."""

    def handle(self, event: Event) -> None:
        """Take one event."""

    def close(self) -> None:
        """Finish the output: after the last event, or when no more will come. A second call does nothing."""


_FILES: Final[dict[str, Callable[[Output], Reporter]]] = {
    "json": JsonReporter,
    "junit": JUnitReporter,
    "ndjson": NdjsonReporter,
}
REPORTERS: Final = ("console", *_FILES)


def make_reporter(kind: str, path: Path | None = None, *, verbose: bool = False) -> Reporter:
    """The reporter ``kind`` (console, json, junit or ndjson), writing to ``path`` or to standard output.

    ``verbose`` lists held clauses one by one on the console. Raises ``ConfigError`` for an unknown kind
    and ``MachineError`` where ``path`` cannot be written, before anything has run.
    """
    if kind not in REPORTERS:
        raise ConfigError(f"there is no report {kind!r}", remedy=f"known: {', '.join(REPORTERS)}")
    output = Output(path)
    if kind in _FILES:
        return _FILES[kind](output)
    live = path is None and _is_live(sys.stdout)
    return ConsoleReporter(output, verbose=verbose, live=live, colour=live and not os.environ.get("NO_COLOR"))


def tell(events: Iterable[Event], reporters: Sequence[Reporter]) -> None:
    """Hand ``events`` to all ``reporters`` and close every one of them, whatever happens on the way."""
    with ExitStack() as stack:
        for reporter in reporters:
            stack.callback(reporter.close)
        for event in events:
            for reporter in reporters:
                reporter.handle(event)


def _is_live(stream: TextIO) -> bool:
    """Whether a person watches: a terminal that can rewrite a line."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"
