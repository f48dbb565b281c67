"""Where to look and where to put: everything a user can set, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Settings", "setting_name"]

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
        """Settings from ``environment`` (default: this process')."""
        env = os.environ if environment is None else environment
        explicit = {name: Path(env[setting_name(name)]) for name in _NAMES if env.get(setting_name(name))}
        return cls(
            cache=_cache(env),
            explicit=explicit,
            search_path=env.get("PATH", os.defpath),
            release_base=env.get("HARNESS_RELEASES", "").rstrip("/"),
            keep_build_cache=env.get("HARNESS_KEEP_BUILD_CACHE", "") not in ("", "0"),
        )


def _cache(env: Mapping[str, str]) -> Path:
    if env.get("HARNESS_CACHE"):
        return Path(env["HARNESS_CACHE"]).absolute()
    if env.get("XDG_CACHE_HOME"):
        return Path(env["XDG_CACHE_HOME"]).absolute() / "observability-harness"
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    return home / ".cache" / "observability-harness"
