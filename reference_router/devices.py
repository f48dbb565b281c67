"""Pools of devices, and where a generation runs: preferred pool first, CPU when that one is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reference_router.errors import DeviceFailed

__all__ = ["Device", "Devices"]


@dataclass(slots=True)
class Device:
    """One place where a generation can run."""

    id: str
    pool: str
    busy: int = 0

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Count one generation on this device for the body."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


class Devices:
    """All devices of one engine."""

    def __init__(self, pools: dict[str, int]) -> None:
        self.all = tuple(Device(f"{pool}:{index}", pool) for pool, count in pools.items() for index in range(count))

    def candidates(self, pool: str) -> Iterator[Device]:
        """Devices to try in turn: the least busy one of ``pool``, then the least busy CPU.

        Raises ``DeviceFailed`` on exhaustion only if no pool has a device at all.
        """
        pools = (pool,) if pool == "cpu" else (pool, "cpu")
        found = False
        for name in pools:
            members = [device for device in self.all if device.pool == name]
            if members:
                found = True
                yield min(members, key=lambda device: device.busy)
        if not found:
            raise DeviceFailed(f"the engine has no device for pool {pool}")
