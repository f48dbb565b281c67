"""What turns a prompt into tokens. The rest of the router knows only ``Engine`` and ``Job``."""

from __future__ import annotations

from reference_router.clock import Clock
from reference_router.config import Settings
from reference_router.engines.base import Engine, EngineUnavailable, Job, Piece

__all__ = ["Engine", "EngineUnavailable", "Job", "Piece", "make_engine"]


def make_engine(settings: Settings, clock: Clock) -> Engine:
    """The engine that ``settings`` names. Raises ``EngineUnavailable`` where this machine has none.

    Numerics are imported only by the engines that need them: a simulated instance starts faster.
    """
    if settings.engine == "simulated":
        from reference_router.engines.simulated import SimulatedEngine

        return SimulatedEngine(settings.seed, clock, gpus=settings.gpu_devices, cpus=settings.cpu_devices)
    if settings.engine == "cpu":
        from reference_router.engines.cpu import CpuEngine

        return CpuEngine(settings.seed, cpus=settings.cpu_devices)
    from reference_router.engines.gpu import GpuEngine

    return GpuEngine(settings.seed, cpus=settings.cpu_devices)
