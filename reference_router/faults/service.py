# ruff: noqa: ARG002 - hooks of many small classes share one signature
"""Faults of the service around the engine: models, cache, queue, memory, event loop, health."""

from __future__ import annotations

import asyncio
import mmap
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from reference_router.faults.base import Fault, FaultError, Portions
from reference_router.metrics import CHECKS
from reference_router.models import CATALOGUE
from reference_router.process import resident_memory_bytes

if TYPE_CHECKING:
    from reference_router.instance import Router

__all__ = [
    "CacheBroken",
    "CacheBypass",
    "HealthFault",
    "LoadModels",
    "Memory",
    "QueuePressure",
    "Stall",
    "UnloadModels",
]

CHUNK_BYTES = 64 * 1024**2
MAX_MEMORY_BYTES = 64 * 1024**3
MAX_STALL_WALL_S = 30.0


@dataclass(eq=False)
class UnloadModels(Fault):
    """``models`` (all if none is named) are unloaded; healing loads them again."""

    name: ClassVar[str] = "unload_models"
    models: list[str] = field(default_factory=list)
    unloaded: list[str] = field(default_factory=list, init=False)

    def check(self, router: Router) -> None:
        """Models must be known."""
        if not set(self.models) <= router.models.known.keys():
            raise FaultError(f"{self.name}: models are {', '.join(router.models.known)}")

    async def inject(self, router: Router) -> None:
        """Unload."""
        for name in self.models or list(router.models.known):
            if router.models.unload(name):
                self.unloaded.append(name)
                self.hit()

    async def heal(self, router: Router) -> None:
        """Load again."""
        for name in self.unloaded:
            await router.models.load(name)

    def evidence(self, router: Router) -> dict[str, Any]:
        """What is loaded still."""
        return {"loaded": [model.name for model in router.models.loaded]}


@dataclass(eq=False)
class LoadModels(Fault):
    """``models`` of the catalogue are loaded beside the others; healing unloads them."""

    name: ClassVar[str] = "load_models"
    models: list[str]
    loaded: list[str] = field(default_factory=list, init=False)

    def check(self, router: Router) -> None:
        """Models must stand in the catalogue."""
        if not self.models or not set(self.models) <= CATALOGUE.keys():
            raise FaultError(f"{self.name}: models are {', '.join(CATALOGUE)}")

    async def inject(self, router: Router) -> None:
        """Load what is not loaded yet."""
        before = {model.name for model in router.models.loaded}
        for name in self.models:
            router.models.know(CATALOGUE[name])
            if name not in before:
                await router.models.load(name)
                self.loaded.append(name)
                self.hit()

    async def heal(self, router: Router) -> None:
        """Unload."""
        for name in self.loaded:
            router.models.unload(name)

    def evidence(self, router: Router) -> dict[str, Any]:
        """What is loaded now."""
        return {"loaded": [model.name for model in router.models.loaded]}


@dataclass(eq=False)
class CacheBypass(Fault):
    """A ``ratio`` of the look-ups miss whatever is stored."""

    name: ClassVar[str] = "cache_bypass"
    ratio: float = 1.0

    async def inject(self, router: Router) -> None:
        """Miss from now on."""
        self._portions = Portions({"": self.ratio}, router.settings.seed)
        router.cache.bypasses.append(self._bypass)

    async def heal(self, router: Router) -> None:
        """Find again."""
        router.cache.bypasses.remove(self._bypass)

    def _bypass(self) -> bool:
        if self._portions.next() is None:
            return False
        self.hit()
        return True


@dataclass(eq=False)
class CacheBroken(Fault):
    """Nothing goes into the cache, and nothing comes out."""

    name: ClassVar[str] = "cache_broken"

    async def inject(self, router: Router) -> None:
        """Break."""
        router.cache.broken = True
        self.hit()

    async def heal(self, router: Router) -> None:
        """Mend; what it held is there again."""
        router.cache.broken = False

    def evidence(self, router: Router) -> dict[str, Any]:
        """Whether what is put in comes back."""
        return {"round_trip": router.cache.round_trip()}


@dataclass(eq=False)
class QueuePressure(Fault):
    """``size`` places of the queue are taken by entries that no worker fetches; ``workers`` are withheld."""

    name: ClassVar[str] = "queue_pressure"
    size: int = 0
    workers: int = 0

    def check(self, router: Router) -> None:
        """Within the queue's bounds."""
        if not 0 <= self.size <= router.queue.capacity or not 0 <= self.workers <= router.settings.workers:
            limits = f"{router.queue.capacity} places and {router.settings.workers} workers"
            raise FaultError(f"{self.name}: there are {limits}")

    async def inject(self, router: Router) -> None:
        """Take."""
        router.queue.park(self.size)
        router.queue.withhold(self.workers)
        self.hit()

    async def heal(self, router: Router) -> None:
        """Give back."""
        router.queue.park(-self.size)
        router.queue.withhold(-self.workers)

    def evidence(self, router: Router) -> dict[str, Any]:
        """The queue now."""
        return {"queue_size": router.queue.size}


@dataclass(eq=False)
class Memory(Fault):
    """Resident memory rises to ``target_bytes``: the kernel counts one 64 MiB file once per mapping, so that
    gigabytes of resident memory cost the machine 64 MiB."""

    name: ClassVar[str] = "memory"
    target_bytes: int
    mappings: list[mmap.mmap] = field(default_factory=list, init=False)

    def check(self, router: Router) -> None:
        """Within reason, and on Linux."""
        if not 0 < self.target_bytes <= MAX_MEMORY_BYTES:
            raise FaultError(f"{self.name}: target_bytes must lie between 1 and {MAX_MEMORY_BYTES}")
        if not hasattr(os, "memfd_create"):
            raise FaultError(f"{self.name}: only Linux can do this (memfd_create)")

    async def inject(self, router: Router) -> None:
        """Map until the target is reached, a chunk at a time so that requests go on."""
        try:
            await self._grow()
        except OSError as error:
            await self.heal(router)
            raise FaultError(f"{self.name}: the kernel refuses: {error}") from error
        self.hit()

    async def replace(self, previous: Fault, router: Router) -> None:
        """Go from what is mapped to the new target, without giving it all back in between."""
        if isinstance(previous, Memory):
            self.mappings, previous.mappings = previous.mappings, []
        while self.mappings and resident_memory_bytes() > self.target_bytes + CHUNK_BYTES:
            self.mappings.pop().close()
            await asyncio.sleep(0)
        await self.inject(router)

    async def _grow(self) -> None:
        descriptor = os.memfd_create("reference-router-memory")
        try:
            os.ftruncate(descriptor, CHUNK_BYTES)
            while (missing := self.target_bytes - resident_memory_bytes()) > 0:
                size = min(CHUNK_BYTES, -(-missing // mmap.PAGESIZE) * mmap.PAGESIZE)
                self.mappings.append(mmap.mmap(descriptor, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE))
                await asyncio.sleep(0)
        finally:
            os.close(descriptor)

    async def heal(self, router: Router) -> None:
        """Unmap, a chunk at a time."""
        while self.mappings:
            self.mappings.pop().close()
            await asyncio.sleep(0)

    def evidence(self, router: Router) -> dict[str, Any]:
        """Resident memory as the kernel sees it."""
        return {"resident_bytes": resident_memory_bytes()}


@dataclass(eq=False)
class Stall(Fault):
    """The event loop stands still once, for ``lasts_s`` production seconds: nothing is accepted or answered."""

    name: ClassVar[str] = "stall"
    lasts_s: float = 1.0

    def check(self, router: Router) -> None:
        """Not for good."""
        if not 0 < router.clock.to_wall_s(self.lasts_s) <= MAX_STALL_WALL_S:
            raise FaultError(f"{self.name}: lasts_s must be above 0 and at most {MAX_STALL_WALL_S} s of wall time")

    async def inject(self, router: Router) -> None:
        """Shortly after this has been answered."""
        self._wall_s = router.clock.to_wall_s(self.lasts_s)
        self._timer = asyncio.get_running_loop().call_later(0.05, self._stand_still)

    async def heal(self, router: Router) -> None:
        """Not any more, if it has not been yet."""
        self._timer.cancel()

    def _stand_still(self) -> None:
        time.sleep(self._wall_s)
        self.hit()


@dataclass(eq=False)
class HealthFault(Fault):
    """``checks`` answer unhealthy, whatever the truth is."""

    name: ClassVar[str] = "health"
    checks: list[str]

    def check(self, router: Router) -> None:
        """Checks must exist."""
        if not set(self.checks) <= set(CHECKS):
            raise FaultError(f"{self.name}: checks are {', '.join(CHECKS)}")

    async def inject(self, router: Router) -> None:
        """From the next round on."""
        router.health.overrides.append(self._override)

    async def heal(self, router: Router) -> None:
        """Back to the truth."""
        router.health.overrides.remove(self._override)

    def _override(self, check: str) -> str | None:
        if check not in self.checks:
            return None
        self.hit()
        return "the check was made to fail"
