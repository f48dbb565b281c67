"""Where to look and where to put: everything a user can set, read once from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.errors import ConfigError
from harness.core.source import nearest

__all__ = ["Settings", "setting_name"]

_VARIABLE = re.compile(r"HARNESS_([A-Z0-9]+)_BINARY")

_NAMES = (
    "prometheus",
    "promtool",
    "alertmanager",
    "amtool",
    "filebeat",
    "toxiproxy",
    "java",
    "go",
    "maven",
)


def setting_name(tool: str) -> str:
    """Environment variable that names the binary of ``tool``."""
    return f"HARNESS_{tool.upper()}_BINARY"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may decide about provisioning.

    ``cache`` is the folder that keeps provisioned parts; ``explicit`` maps a tool to the binary that
    must be used for it; ``search_path`` is PATH; ``release_base`` is the address of a release page
    (empty: release archives are not tried); ``keep_build_cache`` keeps compilers' caches.
    """

    cache: Path
    explicit: Mapping[str, Path] = field(default_factory=dict)
    search_path: str = ""
    release_base: str = ""
    keep_build_cache: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Settings from ``environment`` (default: this process'); ``HARNESS_X_BINARY`` of no known X is an error."""
        env = os.environ if environment is None else environment
        return cls(
            cache=_cache(env),
            explicit=_explicit(env),
            search_path=env.get("PATH", os.defpath),
            release_base=env.get("HARNESS_RELEASES", "").rstrip("/"),
            keep_build_cache=env.get("HARNESS_KEEP_BUILD_CACHE", "") not in ("", "0"),
        )


def _explicit(env: Mapping[str, str]) -> dict[str, Path]:
    explicit: dict[str, Path] = {}
    for variable, value in env.items():
        found = _VARIABLE.fullmatch(variable)
        if found is None or not value:
            continue
        name = found[1].lower()
        if name not in _NAMES:
            hint = nearest(name, _NAMES) or f"choose from {', '.join(_NAMES)}"
            raise ConfigError(f"{variable} names no tool that can be set", remedy=hint)
        explicit[name] = Path(value).absolute()
    return explicit


def _cache(env: Mapping[str, str]) -> Path:
    if env.get("HARNESS_CACHE"):
        return Path(env["HARNESS_CACHE"]).absolute()
    if env.get("XDG_CACHE_HOME"):
        return Path(env["XDG_CACHE_HOME"]).absolute() / "observability-harness"
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    return home / ".cache" / "observability-harness"
