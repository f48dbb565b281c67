"""The stack as native processes: how each real component is started from its bound configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from harness.provision import Tool, elasticsearch_command
from harness.run.stack.surface import ProcessSpec

__all__ = ["alertmanager_spec", "elasticsearch_spec", "filebeat_spec", "prometheus_spec", "toxiproxy_spec"]

# One thread of Go code each: cells share few cores, and a garbage collector on every core disturbs its neighbours.
# It collects later, too: heaps are small beside what a run may use, and a collection costs as much as a dozen scrapes.
_GO = {"GOMAXPROCS": "1", "GOGC": "400"}


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    keep = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ")
    return {**{name: os.environ[name] for name in keep if name in os.environ}, **more}


def prometheus_spec(tool: Tool, id: str, folder: Path, port: int, flags: tuple[str, ...], config: Path) -> ProcessSpec:
    """Prometheus with its data below ``folder``; ``flags`` carry the clock."""
    argv = (
        str(tool.executable),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        *flags,
    )
    return ProcessSpec(id, argv, folder, folder / "output.log", env=_environment(_GO), ports=(port,))


def alertmanager_spec(tool: Tool, id: str, folder: Path, port: int, config: Path) -> ProcessSpec:
    """Alertmanager alone: an empty cluster address, else it would wait ten seconds for peers."""
    argv = (
        str(tool.executable),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    )
    return ProcessSpec(id, argv, folder, folder / "output.log", env=_environment(_GO), ports=(port,))


def filebeat_spec(tool: Tool, id: str, folder: Path, port: int, config: Path) -> ProcessSpec:
    """Filebeat that logs to its output and keeps its registry below ``folder``."""
    argv = (
        str(tool.executable),
        "-e",
        "-c",
        str(config),
        f"--path.home={folder}",
        f"--path.data={folder / 'data'}",
        f"--path.logs={folder / 'logs'}",
        "--strict.perms=false",
    )
    return ProcessSpec(id, argv, folder, folder / "output.log", env=_environment(_GO), ports=(port,))


def elasticsearch_spec(tool: Tool, id: str, folder: Path, port: int, transport: int) -> ProcessSpec:
    """One Elasticsearch node on loopback."""
    settings = {"http.port": str(port), "transport.port": str(transport)}
    argv = tuple(elasticsearch_command(tool, folder / "home", settings))
    return ProcessSpec(id, argv, folder, folder / "output.log", env=_environment({}), ports=(port, transport))


def toxiproxy_spec(tool: Tool, id: str, folder: Path, port: int) -> ProcessSpec:
    """Toxiproxy without a link: they are made over its control port."""
    argv = (str(tool.executable), "-host=127.0.0.1", f"-port={port}")
    return ProcessSpec(id, argv, folder, folder / "output.log", env=_environment(_GO), ports=(port,))
