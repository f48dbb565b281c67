"""What an instance is told at start: one frozen record, read from the command line."""

from __future__ import annotations

import argparse
import functools
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from reference_router import __version__

__all__ = ["DEFAULT_MODELS", "ENGINES", "Launch", "Settings", "SettingsError", "parse", "parser"]

ENGINES = ("simulated", "cpu", "gpu")
DEFAULT_MODELS = ("ember-7b", "spark-1b")
GIB = 1024**3
MIB = 1024**2


class SettingsError(Exception):
    """The command line cannot be used as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One instance's configuration. Durations are production seconds unless the name says ``wall``."""

    log_dir: Path
    host: str = "127.0.0.1"
    app_port: int = 3000
    metrics_port: int = 9090
    admin_port: int | None = None
    speed: float = 1.0
    engine: str = "simulated"
    seed: int = 1
    models: tuple[str, ...] = DEFAULT_MODELS
    instance_name: str = "router-0"
    hostname: str = "localhost"
    service_name: str = "llm-router"
    environment: str = "production"
    version: str = __version__
    memory_limit_bytes: int = 8 * GIB
    disk_path: Path | None = None
    disk_capacity_bytes: int | None = None
    workers: int = 8
    queue_capacity: int = 1000
    gpu_devices: int = 2
    cpu_devices: int = 4
    cache_capacity_bytes: int = 64 * MIB
    cache_ttl_s: float = 3600.0
    health_interval_s: float = 30.0
    health_timeout_s: float = 5.0
    health_retries: int = 3
    log_max_bytes: int = 64 * MIB
    log_backups: int = 5
    drain_wall_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Launch:
    """What a command line asks for; ``forked`` means that a launcher stays above the instances."""

    instances: tuple[Settings, ...]
    forked: bool


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def _ports(text: str) -> tuple[int, ...]:
    ports = tuple(int(part) for part in text.split(","))
    if any(not 0 <= port <= 65535 for port in ports):
        raise argparse.ArgumentTypeError(f"not a port: {text}")
    return ports


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@functools.cache
def parser() -> argparse.ArgumentParser:
    """The command line of ``python -m reference_router``."""
    build = argparse.ArgumentParser(prog="reference_router", description="An LLM router, fully instrumented.")
    add = build.add_argument
    add("--standby", action="store_true", help="alone: fork an instance for every order on standard input")
    add("--instances", type=_count, help="fork this many warm instances, each with DIR/<instance>/ for its logs")
    add("--host", default="127.0.0.1")
    add("--app-port", type=_ports, default=(3000,), help="0 = any free port; with --instances a comma list")
    add("--metrics-port", type=_ports, default=(9090,))
    add("--admin-port", type=_ports, help="fault interface, always on loopback; off when not given")
    add("--log-dir", type=Path, required=True)
    add("--speed", type=_positive, default=1.0, help="production seconds per wall second")
    add("--engine", choices=ENGINES, default="simulated")
    add("--seed", type=int, default=1)
    add("--models", type=_names, default=DEFAULT_MODELS, help="comma list from the catalogue, loaded at start")
    add("--instance-name", help="default: router-0")
    add("--service-name", default="llm-router")
    add("--environment", default="production")
    add("--version", default=__version__)
    add("--memory-limit-bytes", type=_count, default=8 * GIB)
    add("--disk-path", type=Path, help="default: the log folder")
    add("--disk-capacity-bytes", type=_count, help="default: the file system's own size")
    add("--workers", type=_count, default=8)
    add("--queue-capacity", type=_count, default=1000)
    add("--cache-capacity-bytes", type=_count, default=64 * MIB)
    add("--cache-ttl-s", type=_positive, default=3600.0)
    add("--health-interval-s", type=_positive, default=30.0)
    add("--health-timeout-s", type=_positive, default=5.0)
    add("--health-retries", type=_count, default=3)
    add("--log-max-bytes", type=_count, default=64 * MIB)
    add("--log-backups", type=_count, default=5)
    add("--drain-wall-s", type=_positive, default=10.0, help="wall seconds that a shutdown waits for requests")
    return build


def parse(arguments: list[str]) -> Launch:
    """Settings of every instance that the command line asks for; one without ``--instances``.

    Raises ``SettingsError`` where options contradict each other; argparse itself exits on bad syntax.
    """
    options = vars(parser().parse_args(arguments))
    if options.pop("standby"):
        raise SettingsError("--standby takes no other option: every instance gets its own with its order")
    instances: int | None = options.pop("instances")
    count = instances or 1
    ports = {key: _spread(key, options.pop(key), count) for key in ("app_port", "metrics_port", "admin_port")}
    name: str | None = options.pop("instance_name")
    if name and instances:
        raise SettingsError("--instance-name names one instance: leave it out with --instances")
    if options["engine"] != "simulated" and options["speed"] != 1.0:
        raise SettingsError(f"--engine {options['engine']} does real work, which no clock can compress: use --speed 1")
    base = Settings(**options, hostname=name or socket.gethostname())
    forked = instances is not None
    return Launch(tuple(_instance(base, ports, index, name, forked=forked) for index in range(count)), forked)


def _spread(key: str, ports: tuple[int, ...] | None, count: int) -> tuple[int | None, ...]:
    if ports is None:
        return (None,) * count
    if len(ports) == count:
        return ports
    if ports == (0,):
        return ports * count
    option = "--" + key.replace("_", "-")
    raise SettingsError(f"{option} has {len(ports)} port(s) for {count} instance(s): give 0 or one port per instance")


def _instance(
    base: Settings, ports: dict[str, tuple[int | None, ...]], index: int, name: str | None, *, forked: bool
) -> Settings:
    instance = name or f"router-{index}"
    log_dir = base.log_dir / instance if forked else base.log_dir
    return replace(
        base,
        app_port=ports["app_port"][index] or 0,
        metrics_port=ports["metrics_port"][index] or 0,
        admin_port=ports["admin_port"][index],
        instance_name=instance,
        hostname=instance if forked else base.hostname,
        seed=base.seed + index,
        log_dir=log_dir,
        disk_path=base.disk_path or log_dir,
    )
