"""The six health checks of the specification."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference_router.cache import ResponseCache
from reference_router.health import Check, CheckFailed
from reference_router.inference import Inferences
from reference_router.models import Models
from reference_router.process import resident_memory_bytes

__all__ = ["Checks", "disk_usage"]

FULL_RATIO = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The checks of one instance, bound to its parts; each method returns details or raises."""

    initialized: Callable[[], bool]
    models: Models
    inferences: Inferences
    cache: ResponseCache
    memory_limit_bytes: int
    disk_path: Path
    disk_capacity_bytes: int | None

    def all(self) -> list[Check]:
        """All six, with their weight."""
        return [
            Check(name="router_initialized", run=self.router_initialized, critical=True),
            Check(name="models_available", run=self.models_available, critical=True),
            Check(name="memory_usage", run=self.memory_usage, critical=True),
            Check(name="inference_capability", run=self.inference_capability),
            Check(name="cache_functionality", run=self.cache_functionality),
            Check(name="disk_space", run=self.disk_space),
        ]

    async def router_initialized(self) -> dict[str, Any]:
        """The instance has started and is not on its way out."""
        _demand(self.initialized(), "the router is starting or stopping")
        return {}

    async def models_available(self) -> dict[str, Any]:
        """At least one model is loaded."""
        names = [model.name for model in self.models.loaded]
        _demand(bool(names), "no model is loaded", loaded=names)
        return {"loaded": names}

    async def memory_usage(self) -> dict[str, Any]:
        """Resident memory is below nine tenths of its limit."""
        return _below_limit("memory", resident_memory_bytes(), self.memory_limit_bytes)

    async def inference_capability(self) -> dict[str, Any]:
        """A tiny inference returns."""
        return {"device": await self.inferences.probe()}

    async def cache_functionality(self) -> dict[str, Any]:
        """What is put into the cache comes back."""
        _demand(self.cache.round_trip(), "a cache entry did not come back")
        return {"entries": len(self.cache), "size_bytes": self.cache.size_bytes}

    async def disk_space(self) -> dict[str, Any]:
        """The disk is used to less than nine tenths."""
        used, capacity = disk_usage(self.disk_path, self.disk_capacity_bytes)
        return _below_limit("disk", used, capacity)


def disk_usage(path: Path, capacity_bytes: int | None) -> tuple[int, int]:
    """Used and total bytes: of the file system, or, with a capacity given, of the files under ``path``."""
    if capacity_bytes is None:
        usage = shutil.disk_usage(path)
        return usage.used, usage.total
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()), capacity_bytes


def _below_limit(what: str, used_bytes: int, limit_bytes: int) -> dict[str, Any]:
    details = {"used_bytes": used_bytes, "limit_bytes": limit_bytes, "used_ratio": round(used_bytes / limit_bytes, 4)}
    _demand(used_bytes < FULL_RATIO * limit_bytes, f"{what} is used to {details['used_ratio']:.0%}", **details)
    return details


def _demand(holds: bool, message: str, **details: Any) -> None:
    if not holds:
        raise CheckFailed(message, details)
