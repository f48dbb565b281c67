"""Removing what belongs to nobody any more: containers, networks and volumes of dead campaigns, found by label."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from harness.provision.engine import Engine, EngineFaultError, Kind
from harness.run.containers.owner import RUN, Owner

__all__ = ["remove_run", "sweep"]

_ORDER: Final[tuple[Kind, ...]] = ("containers", "networks", "volumes")
"""Containers first: what they use cannot be removed before them."""
_SIDE_BY_SIDE: Final = 8
Wanted = Callable[[dict[str, str]], bool]


def sweep(engine: Engine, here: Owner) -> list[str]:
    """Remove what campaigns left that have certainly ended; what was removed, by kind and name."""

    def dead(labels: dict[str, str]) -> bool:
        owner = Owner.of(labels)
        return owner is not None and owner.is_dead(here)

    return _remove(engine, RUN, dead)


def remove_run(engine: Engine, run_id: str) -> list[str]:
    """Remove everything of one run; what was removed."""
    return _remove(engine, f"{RUN}={run_id}", lambda _labels: True)


def _remove(engine: Engine, label: str, wanted: Wanted) -> list[str]:
    removed: list[str] = []
    for kind in _ORDER:
        names = [_name(item) for item in engine.owned(kind, label) if wanted(item.get("Labels") or {})]
        _remove_all(engine, kind, names)
        removed += [f"{kind.removesuffix('s')} {name[:12]}" for name in names]
    return removed


def _remove_all(engine: Engine, kind: Kind, names: Iterable[str]) -> None:
    def remove(name: str) -> None:
        with contextlib.suppress(EngineFaultError):  # whoever looks afterwards finds what stayed
            engine.remove(kind, name)

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        list(pool.map(remove, names))


def _name(item: dict[str, Any]) -> str:
    return str(item.get("Id") or item["Name"])
