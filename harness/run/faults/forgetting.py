"""The fault of a process that is killed and loses what it remembered, as one without a lasting disk does."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.run.faults.fault import Fault
from harness.run.stack.wait import NotYet

__all__ = ["ForgettingFault"]


class ForgettingFault:
    """``death`` (and its healing, which starts the process again), with everything below ``memory`` gone in between."""

    def __init__(self, death: Fault, memory: Path) -> None:
        self.name, self.within_s = death.name, death.within_s
        self._death, self._memory = death, memory

    def inject(self) -> str:
        """End it."""
        return self._death.inject()

    def confirm(self) -> str:
        """It has ended, and there was something to forget."""
        said = self._death.confirm()
        if not self._memory.is_dir():
            raise NotYet(f"{self._memory.name} is not there to be lost")
        return said

    def heal(self) -> str:
        """Take its memory away and start it."""
        shutil.rmtree(self._memory, ignore_errors=True)
        return self._death.heal()

    def confirm_healed(self) -> str:
        """It serves again."""
        return self._death.confirm_healed()
