# ruff: noqa: ARG002 - hooks of many small classes share one signature
"""Faults of generations: they fail, slow down, hang, or lose their device."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from reference_router.engines.base import Job
from reference_router.errors import DeviceFailed, InferenceFailed, InferenceTimedOut, OutOfMemory
from reference_router.faults.base import Fault, FaultError, Portions

if TYPE_CHECKING:
    from reference_router.instance import Router

__all__ = ["DeviceFailure", "Hang", "InferenceErrors", "Latency"]

KINDS: dict[str, type[InferenceFailed]] = {
    "engine": InferenceFailed,
    "out_of_memory": OutOfMemory,
    "timeout": InferenceTimedOut,
}


class InferenceFault(Fault):
    """Intercepts jobs; a ``ratio`` of them, evenly spread. Health probes follow the same pattern apart and
    are not counted, so that ``applied`` equals the failures that clients saw."""

    ratio: float = 1.0

    def shares(self) -> dict[str, float]:
        """What share of jobs each kind of effect gets."""
        return {"": self.ratio}

    async def inject(self, router: Router) -> None:
        """Step in before the engine."""
        self._traffic = Portions(self.shares(), router.settings.seed)
        self._probes = Portions(self.shares(), router.settings.seed)
        router.inferences.before.append(self._intercept)

    async def heal(self, router: Router) -> None:
        """Step out."""
        router.inferences.before.remove(self._intercept)

    def concerns(self, job: Job) -> bool:
        """Whether this job is one that the fault can touch."""
        return True

    async def strike(self, job: Job, kind: str) -> None:
        """The effect on one job."""
        raise NotImplementedError

    async def _intercept(self, job: Job) -> None:
        if not self.concerns(job):
            return
        kind = (self._probes if job.probe else self._traffic).next()
        if kind is None:
            return
        if not job.probe:
            self.hit()
        await self.strike(job, kind)


@dataclass(eq=False)
class InferenceErrors(InferenceFault):
    """Generations fail: ``ratio`` of them with ``kind``, or each of ``kinds`` with its own ratio; after
    ``after_s`` production seconds."""

    name: ClassVar[str] = "inference_errors"
    ratio: float = 1.0
    kind: str = "engine"
    kinds: dict[str, float] = field(default_factory=dict)
    after_s: float = 0.0

    def shares(self) -> dict[str, float]:
        """Ratio by kind."""
        return self.kinds or {self.kind: self.ratio}

    def check(self, router: Router) -> None:
        """Known kinds, ratios that leave no more than every request."""
        shares = self.shares()
        if not shares.keys() <= KINDS.keys():
            raise FaultError(f"{self.name}: kinds are {', '.join(KINDS)}")
        if any(ratio < 0 for ratio in shares.values()) or sum(shares.values()) > 1:
            raise FaultError(f"{self.name}: ratios must be at least 0 and at most 1 together")

    async def strike(self, job: Job, kind: str) -> None:
        """Fail."""
        await job.watch.pause(self.after_s)
        raise KINDS[kind]("the engine gave up on the generation")


@dataclass(eq=False)
class Latency(InferenceFault):
    """Generations take ``factor`` times as long and begin ``add_s`` production seconds late."""

    name: ClassVar[str] = "latency"
    add_s: float = 0.0
    factor: float = 1.0
    ratio: float = 1.0

    def check(self, router: Router) -> None:
        """Times cannot be negative."""
        super().check(router)
        if self.add_s < 0 or self.factor <= 0:
            raise FaultError(f"{self.name}: add_s must be at least 0 and factor above 0")

    async def strike(self, job: Job, kind: str) -> None:
        """Slow down."""
        job.delay_s += self.add_s
        job.slowdown *= self.factor


@dataclass(eq=False)
class Hang(InferenceFault):
    """Generations begin and never end, until healed; then they go on as if nothing had been."""

    name: ClassVar[str] = "hang"
    ratio: float = 1.0
    hanging: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._healed = asyncio.Event()

    async def heal(self, router: Router) -> None:
        """Let go of all that hangs."""
        await super().heal(router)
        self._healed.set()

    def evidence(self, router: Router) -> dict[str, int]:
        """How many hang now, probes included."""
        return {"hanging": self.hanging}

    async def strike(self, job: Job, kind: str) -> None:
        """Wait for healing."""
        self.hanging += 1
        try:
            await job.watch.wait(self._healed.wait())
        finally:
            self.hanging -= 1


@dataclass(eq=False)
class DeviceFailure(InferenceFault):
    """Devices of one ``pool`` fail as soon as a generation touches them."""

    name: ClassVar[str] = "device_failure"
    pool: str = "gpu"
    ratio: float = 1.0

    def check(self, router: Router) -> None:
        """The pool must exist."""
        super().check(router)
        pools = {device.pool for device in router.engine.devices.all}
        if self.pool not in pools:
            raise FaultError(f"{self.name}: pools are {', '.join(sorted(pools))}")

    def concerns(self, job: Job) -> bool:
        """Jobs on that pool."""
        return job.device.pool == self.pool

    async def strike(self, job: Job, kind: str) -> None:
        """Fail."""
        raise DeviceFailed(f"device {job.device.id} does not answer")
