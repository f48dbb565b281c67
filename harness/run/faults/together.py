"""Several faults under one name: a way that leads to many places is cut at each of them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.run.faults.fault import Fault

__all__ = ["Together"]


class Together:
    """Injected, confirmed and healed only when every one of ``faults`` is."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        self.name, self._faults = name, tuple(faults)
        self.within_s = max(fault.within_s for fault in faults)

    def inject(self) -> str:
        """Break them all."""
        return "; ".join(fault.inject() for fault in self._faults)

    def confirm(self) -> str:
        """What was seen of each."""
        return "; ".join(fault.confirm() for fault in self._faults)

    def heal(self) -> str:
        """Mend them all."""
        return "; ".join(fault.heal() for fault in self._faults)

    def confirm_healed(self) -> str:
        """What was seen of the end of each."""
        return "; ".join(fault.confirm_healed() for fault in self._faults)
