"""Real arithmetic on the CPU: a small language model in NumPy, in threads beside the event loop."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import numpy

from reference_router.devices import Devices
from reference_router.engines.base import Job, Piece
from reference_router.engines.language import Decoder, LanguageModel
from reference_router.models import ModelSpec

__all__ = ["CpuEngine", "RealEngine"]

CHUNK_TOKENS = 8
SHAPES = {"small": (96, 2), "medium": (160, 3), "large": (224, 4), "xlarge": (256, 6)}


class RealEngine:
    """Runs ``LanguageModel`` on an array module; all durations are wall time, whatever the clock says."""

    planned_time: ClassVar[bool] = False

    def __init__(self, seed: int, devices: Devices, xp: Any) -> None:
        self.devices = devices
        self._seed = seed
        self._xp = xp
        self._models: dict[str, LanguageModel] = {}

    async def load(self, model: ModelSpec) -> float:
        """Draw the weights; larger catalogue entries get wider and deeper ones."""
        begun_s = time.perf_counter()
        width, layers = SHAPES[model.size_category]
        seed = zlib.crc32(f"{self._seed}/{model.name}".encode())
        self._models[model.name] = await asyncio.to_thread(LanguageModel, self._xp, seed, width=width, layers=layers)
        return time.perf_counter() - begun_s

    async def generate(self, job: Job) -> AsyncIterator[Piece]:
        """Eight tokens at a time: the loop stays free, a cancellation takes effect within one chunk."""
        await job.watch.pause(job.delay_s)
        decoder = Decoder(self._models[job.model.name], zlib.crc32(f"{self._seed}/{job.seed}".encode()))
        await asyncio.to_thread(decoder.read, job.prompt)
        left = job.max_tokens
        while left:
            count = min(CHUNK_TOKENS, left)
            begun_s = time.perf_counter()
            text = await asyncio.to_thread(decoder.write, count)
            await job.watch.pause((time.perf_counter() - begun_s) * (job.slowdown - 1))
            left -= count
            yield Piece(text, count, None if left else "length")


class CpuEngine(RealEngine):
    """The CPU alone."""

    name: ClassVar[str] = "cpu"

    def __init__(self, seed: int, *, cpus: int) -> None:
        super().__init__(seed, Devices({"cpu": cpus}), numpy)
