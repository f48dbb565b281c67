"""A fault of an exporter that a stand-in serves: its series take another course; a scrape confirms that it was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.contract.flows import Flow
from harness.run.sinks.exposition import ExpositionStandIn
from harness.run.stack.wait import NotYet

__all__ = ["StandInFault"]


@dataclass(slots=True)
class StandInFault:
    """Series of ``stand_in`` follow ``changes`` until they are healed."""

    name: str
    stand_in: ExpositionStandIn
    changes: Mapping[str, Flow]
    within_s: float
    _scrapes: int = field(default=0, init=False)

    def inject(self) -> str:
        """Change the course of the series."""
        self._scrapes = self.stand_in.change(self.changes)
        return f"changed {', '.join(self.changes)}"

    def confirm(self) -> str:
        """That a scrape has read the change; raises ``NotYet`` before."""
        return self._scraped()

    def heal(self) -> str:
        """Let the series do again what they usually do."""
        self._scrapes = self.stand_in.restore(self.changes)
        return f"restored {', '.join(self.changes)}"

    def confirm_healed(self) -> str:
        """That a scrape has read the usual values; raises ``NotYet`` before."""
        return self._scraped()

    def _scraped(self) -> str:
        count = self.stand_in.scrapes - self._scrapes
        if count < 1:
            raise NotYet("no scrape has read it")
        return f"{count} scrapes have read it"
