"""What the doctor says of containers: the engine, the package that speaks to it, the images, and what it can limit.

Nothing of it is needed for a gate: where it is not there the state is ``without``, and processes are taken.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from harness.core.errors import HarnessError, MachineError
from harness.provision.engine import Engine, find_engine, require_local
from harness.provision.images import ImageEntry, MissingImagesError, choose_images, read_images
from harness.provision.tool import DoctorLine

__all__ = ["engine_lines", "require_package"]

_LIMITS: Final = {"MemoryLimit": "memory", "SwapLimit": "swap", "CpuCfsQuota": "processors"}
"""What an engine says that the control groups of its machine can limit."""


def require_package() -> None:
    """Raise ``MachineError`` where the package that starts containers is not installed."""
    if importlib.util.find_spec("testcontainers") is None:
        raise MachineError(
            "the package testcontainers is not installed", remedy="pip install 'observability-harness[containers]'"
        )


def engine_lines() -> list[DoctorLine]:
    """One line each for the engine, its images and its limits; where there is no engine, one that says so."""
    try:
        engine = find_engine()
        info = engine.info()
        require_local(info)
        require_package()
    except HarnessError as error:
        return [DoctorLine("containers", "without", "", error.problem, error.remedy)]
    version = str(info.get("ServerVersion", "")).partition("+")[0]
    return [DoctorLine("containers", "ok", version, engine.socket), _images(engine), _limits(info)]


def _images(engine: Engine) -> DoctorLine:
    def there(name: str) -> bool:
        return engine.image(name) is not None

    try:
        entries = read_images()
        told = ", ".join(_told(entries, there))
        choose_images(entries, entries, there)
    except MissingImagesError as error:
        return DoctorLine("images", "without", "", f"{error.problem}; {told or 'none is there'}", error.remedy)
    except HarnessError as error:
        where = f"{error.location}: " if error.location else ""
        return DoctorLine("images", "broken", "", f"{where}{error.problem}", error.remedy)
    return DoctorLine("images", "ok", "", told)


def _told(entries: Mapping[str, ImageEntry], there: Callable[[str], bool]) -> Iterator[str]:
    """Every image that is there, the official one before its stand-in."""
    for entry in entries.values():
        names = [name for name in (entry.image, entry.stand_in) if name and there(name)]
        yield from names


def _limits(info: Mapping[str, Any]) -> DoctorLine:
    groups = f"control groups v{info.get('CgroupVersion', '1')}"
    lacking = [what for key, what in _LIMITS.items() if not info.get(key)]
    if not lacking:
        return DoctorLine("limits", "ok", "", f"{', '.join(_LIMITS.values())} ({groups})")
    return DoctorLine(
        "limits",
        "without",
        "",
        f"the engine cannot limit {', '.join(lacking)} ({groups}): what images.yaml says of it does not hold",
        "start the machine with the controllers memory and cpu (cgroup_enable=memory swapaccount=1)",
    )
