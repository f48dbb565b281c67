"""GPUs where there are any: detected, and reported absent with the reason where there are none."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, ClassVar

from reference_router.devices import Devices
from reference_router.engines.base import EngineUnavailable
from reference_router.engines.cpu import RealEngine

__all__ = ["GpuEngine", "detect"]


def detect(device_folder: Path = Path("/dev")) -> list[str]:
    """Device nodes of the GPUs of this machine; empty where there is none."""
    return sorted(node.name for node in device_folder.glob("nvidia[0-9]*"))


class GpuEngine(RealEngine):
    """The same arithmetic on CuPy arrays. Raises ``EngineUnavailable`` without a GPU or without CuPy."""

    name: ClassVar[str] = "gpu"

    def __init__(self, seed: int, *, cpus: int, device_folder: Path = Path("/dev")) -> None:
        found = detect(device_folder)
        if not found:
            raise EngineUnavailable("the gpu engine finds no GPU on this machine: use --engine cpu or simulated")
        super().__init__(seed, Devices({"gpu": len(found), "cpu": cpus}), _array_module(found))


def _array_module(found: list[str]) -> Any:
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        gpus = ", ".join(found)
        raise EngineUnavailable(f"there is a GPU ({gpus}) but CuPy is not installed: install cupy") from error
