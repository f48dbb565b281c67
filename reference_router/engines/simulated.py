"""A language model's timing without its arithmetic: seeded text, planned speed, scaled clock."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar

from reference_router.clock import Clock, Stopwatch
from reference_router.devices import Devices
from reference_router.engines.base import Job, Piece
from reference_router.models import ModelSpec

__all__ = ["Plan", "SimulatedEngine"]

LOAD_BYTES_PER_S = 4e9
CPU_FALLBACK_SLOWDOWN = 2.5
STREAM_TICK_WALL_S = 0.01
PROSE = (
    "a the this that each every some water stone light river paper signal carries holds opens moves keeps turns "
    "quiet small early open bright steady slow plain over under after before near between never often once again "
    "and but so then while because garden window engine letter morning market island winter number story"
)
WORDS = tuple(PROSE.split())


@dataclass(frozen=True, slots=True)
class Plan:
    """What a generation will say and how many production seconds it will take."""

    words: tuple[str, ...]
    duration_s: float
    finish_reason: str


class SimulatedEngine:
    """The same seed, model, prompt and options give the same text and the same planned time."""

    name: ClassVar[str] = "simulated"
    planned_time: ClassVar[bool] = True

    def __init__(self, seed: int, clock: Clock, *, gpus: int, cpus: int) -> None:
        self.devices = Devices({"gpu": gpus, "cpu": cpus})
        self._seed = seed
        self._clock = clock

    async def load(self, model: ModelSpec) -> float:
        """Wait as long as reading the model's bytes would take; the planned time is reported."""
        watch = Stopwatch(self._clock)
        await watch.pause(model.size_bytes / LOAD_BYTES_PER_S)
        return watch.waited_s

    def plan(self, job: Job) -> Plan:
        """Deterministic text and timing of ``job``; one answer in four ends of itself, a little early."""
        chance = random.Random(f"{self._seed}/{job.seed}/{job.model.name}/{job.prompt}")  # noqa: S311
        count, reason = job.max_tokens, "length"
        if chance.random() < 0.25 and count > 1:
            count, reason = count - chance.randint(1, max(1, count // 8)), "stop"
        seconds = count / job.model.tokens_per_s * chance.uniform(0.95, 1.05)
        if job.device.pool != job.model.pool:
            seconds *= CPU_FALLBACK_SLOWDOWN
        return Plan(tuple(chance.choices(WORDS, k=count)), seconds * job.slowdown, reason)

    async def generate(self, job: Job) -> AsyncIterator[Piece]:
        """One piece at the end, or, when streaming, one about every 10 ms of wall time."""
        plan = self.plan(job)
        step = self._step(plan, job)
        await job.watch.pause(job.delay_s)
        for first in range(0, len(plan.words), step):
            words = plan.words[first : first + step]
            await job.watch.pause(plan.duration_s * len(words) / len(plan.words))
            last = first + step >= len(plan.words)
            text = " ".join(words) if first == 0 else " " + " ".join(words)
            yield Piece(text, len(words), plan.finish_reason if last else None)

    def _step(self, plan: Plan, job: Job) -> int:
        if not job.stream:
            return len(plan.words)
        token_wall_s = self._clock.to_wall_s(plan.duration_s) / len(plan.words)
        return max(1, round(STREAM_TICK_WALL_S / token_wall_s))
