"""Made-up secrets of one run, and request kinds with them planted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

__all__ = ["canaries_of", "planted"]


def canaries_of(run_id: str, names: Iterable[str]) -> dict[str, str]:
    """A value for each canary: another one every run, and none that anybody could write by chance."""
    return {name: f"cnry{blake2b(f'{run_id}/{name}'.encode(), digest_size=12).hexdigest()}" for name in names}


def planted(value: Any, canaries: Mapping[str, str]) -> Any:
    """``value`` with every ``{{canary.NAME}}`` in its texts replaced."""
    if isinstance(value, str):
        for name, secret in canaries.items():
            value = value.replace(f"{{{{canary.{name}}}}}", secret)
        return value
    if isinstance(value, dict):
        return {key: planted(item, canaries) for key, item in value.items()}
    return [planted(item, canaries) for item in value] if isinstance(value, list) else value
