"""The faults that hold now, and their injection and healing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from reference_router.faults import inference, logs, metrics, service
from reference_router.faults.base import FAULTS, Fault, FaultError
from reference_router.log_fields import utc_now

if TYPE_CHECKING:
    from reference_router.instance import Router

__all__ = ["FaultBoard"]

FAMILIES = (inference, logs, metrics, service)


class FaultBoard:
    """At most one fault of each name holds; injecting it again replaces it and starts its count anew. Callers that
    inject or heal hold ``lock``."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._active: dict[str, Fault] = {}
        self.lock = asyncio.Lock()

    def report(self) -> dict[str, Any]:
        """Every active fault with its counters."""
        return {name: fault.report(self._router) for name, fault in self._active.items()}

    async def inject(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Inject all faults of ``wanted`` or, where one makes no sense, none. Raises ``FaultError``."""
        faults = [self._make(name, document) for name, document in wanted.items()]
        for fault in faults:
            previous = self._active.pop(fault.name, None)
            fault.since = utc_now()
            if previous is None:
                await fault.inject(self._router)
            else:
                await fault.replace(previous, self._router)
            self._active[fault.name] = fault
        return self.report()

    async def heal(self, name: str) -> dict[str, Any]:
        """Undo one fault and return its last report; empty if it was not active. Raises ``FaultError``."""
        if name not in FAULTS:
            raise FaultError(f"no fault {name}; there are {', '.join(sorted(FAULTS))}")
        fault = self._active.pop(name, None)
        if fault is None:
            return {}
        last = fault.report(self._router)
        await fault.heal(self._router)
        return {name: last}

    async def heal_all(self) -> dict[str, Any]:
        """Undo everything, youngest first."""
        healed: dict[str, Any] = {}
        for name in reversed(list(self._active)):
            healed |= await self.heal(name)
        return healed

    def _make(self, name: str, document: Any) -> Fault:
        if name not in FAULTS:
            raise FaultError(f"no fault {name}; there are {', '.join(sorted(FAULTS))}")
        fault = FAULTS[name].from_json(document)
        fault.check(self._router)
        return fault
