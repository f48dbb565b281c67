"""The six health checks of the specification."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reference_router.cache import ResponseCache
from reference_router.health import Check, CheckFailed
from reference_router.inference import Inferences
from reference_router.models import Models
from reference_router.process import resident_memory_bytes

__all__ = ["make_checks"]

FULL_RATIO = 0.9


def make_checks(
    *,
    initialized: Callable[[], bool],
    models: Models,
    inferences: Inferences,
    cache: ResponseCache,
    memory_limit_bytes: int,
    disk_path: Path,
    disk_capacity_bytes: int | None,
) -> list[Check]:
    """All checks of one instance, bound to its parts."""

    async def router_initialized() -> dict[str, Any]:
        _demand(initialized(), "the router is starting or stopping")
        return {}

    async def models_available() -> dict[str, Any]:
        names = [model.name for model in models.loaded]
        _demand(bool(names), "no model is loaded", loaded=names)
        return {"loaded": names}

    async def memory_usage() -> dict[str, Any]:
        return _below_limit("memory", resident_memory_bytes(), memory_limit_bytes)

    async def inference_capability() -> dict[str, Any]:
        return {"device": await inferences.probe()}

    async def cache_functionality() -> dict[str, Any]:
        _demand(cache.round_trip(), "a cache entry did not come back")
        return {"entries": len(cache), "size_bytes": cache.size_bytes}

    async def disk_space() -> dict[str, Any]:
        used, capacity = disk_usage(disk_path, disk_capacity_bytes)
        return _below_limit("disk", used, capacity)

    return [
        Check(name="router_initialized", run=router_initialized, critical=True),
        Check(name="models_available", run=models_available, critical=True),
        Check(name="memory_usage", run=memory_usage, critical=True),
        Check(name="inference_capability", run=inference_capability),
        Check(name="cache_functionality", run=cache_functionality),
        Check(name="disk_space", run=disk_space),
    ]


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
