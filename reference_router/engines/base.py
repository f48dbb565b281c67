"""The contract between the router and an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from reference_router.clock import Stopwatch
from reference_router.devices import Device, Devices
from reference_router.models import ModelSpec

__all__ = ["Engine", "EngineUnavailable", "Job", "Piece"]


class EngineUnavailable(Exception):  # noqa: N818
    """This machine cannot run the engine; the message says what is missing."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One generation on one device.

    ``slowdown`` stretches generation time and ``delay_s`` precedes it (production seconds); both are 1 and
    0 in normal service. ``probe`` marks a health check, which must not count as traffic.
    """

    model: ModelSpec
    device: Device
    prompt: str
    max_tokens: int
    seed: int
    stream: bool
    watch: Stopwatch
    probe: bool = False
    slowdown: float = 1.0
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of consecutive tokens; the last one names the finish reason."""

    text: str
    tokens: int
    finish_reason: str | None = None


class Engine(Protocol):
    """Turns jobs into pieces.

    ``planned_time`` is True where all time passes in the job's stopwatch: then waiting alone is the
    duration of an inference, and scheduling noise is not.
    """

    name: ClassVar[str]
    planned_time: ClassVar[bool]
    devices: Devices

    async def load(self, model: ModelSpec) -> float:
        """Make ``model`` ready; returns the production seconds that it took."""

    def generate(self, job: Job) -> AsyncIterator[Piece]:
        """Pieces until the job is done. Raises ``InferenceFailed``."""
