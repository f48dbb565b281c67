"""What one driver process is told before it starts: its cells, where they send, and how far it may go.

A driver sends to loopback only. Any other host must be named in ``ceilings`` with the most requests
and seconds that it may receive; a host that is not named is refused before anything is dialled.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from harness.core.errors import ConfigError, Location
from harness.core.tls import Tls
from harness.run.load.requests import RequestKind, from_mapping

__all__ = ["Ceiling", "CellPlan", "DriverPlan", "Instance", "Workers", "read_plan", "resolved", "write_plan"]

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Instance:
    """One address of the subject, ``http://127.0.0.1:8000``; load is shared in proportion to ``weight``.

    ``ports`` are further ports of the same host, by the name under which a request kind asks for one. Those that speak
    https stand in ``tls``; that of the address does by its scheme, under the name ``""``.
    """

    name: str
    url: str
    weight: float = 1.0
    ports: Mapping[str, int] = field(default_factory=dict)
    tls: Mapping[str, Tls] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme in _PORTS and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            fits = False
        if not fits or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            raise ConfigError(
                f"instance {self.name!r}: {self.url!r} is not an address that can be driven",
                remedy="write scheme, host and port only, such as http://127.0.0.1:8000",
            )
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ConfigError(f"instance {self.name!r}: weight must be 0 or more, not {self.weight}")

    @property
    def host(self) -> str:
        """The host as written, without brackets."""
        return urlsplit(self.url).hostname or ""

    def port(self, name: str = "") -> int:
        """The port called ``name``; else that of the address, as its scheme says where none is written."""
        written = urlsplit(self.url)
        return self.ports.get(name) or written.port or _PORTS[written.scheme]

    def entered(self, name: str = "") -> Tls | None:
        """How the port called ``name`` is entered by https; None by http."""
        if name in self.ports or name in self.tls:
            return self.tls.get(name)
        return Tls() if urlsplit(self.url).scheme == "https" else None

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Instance:
        """The instance in a mapping. Raises ``ConfigError`` for missing, unknown or unusable fields."""
        tls = {name: from_mapping(Tls, each) for name, each in written.get("tls", {}).items()}
        return from_mapping(cls, {**written, "tls": tls})

    def authority(self, name: str = "") -> str:
        """The value of the Host header for the port called ``name``."""
        written = urlsplit(self.url)
        if name not in self.ports:
            return written.netloc
        host = f"[{written.hostname}]" if ":" in self.host else self.host
        return f"{host}:{self.ports[name]}"


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One cell: where it sends, what it can send, and into which ledger each request is written.

    ``max_in_flight`` bounds concurrency: a request that is due while as many are in flight is
    recorded as dropped. ``idle_s`` is how long an unused connection is kept (wall seconds).
    """

    name: str
    ledger: str
    instances: tuple[Instance, ...]
    kinds: tuple[RequestKind, ...]
    speed: float = 1.0
    seed: int = 0
    max_in_flight: int = 4096
    idle_s: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.speed) and self.speed > 0) or self.max_in_flight < 1:
            raise ConfigError(f"cell {self.name!r}: speed and max_in_flight must be above 0")
        if not any(instance.weight for instance in self.instances):
            raise ConfigError(f"cell {self.name!r} has no instance to send to")
        ports = {kind.port for kind in self.kinds if kind.port}
        for instance in self.instances:
            if unknown := sorted(ports - set(instance.ports)):
                raise ConfigError(f"cell {self.name!r}: instance {instance.name!r} has no port {', '.join(unknown)}")
        for what, names in (("instance", self.instances), ("kind", self.kinds)):
            _require_unique(f"cell {self.name!r}: {what}", [item.name for item in names])

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> CellPlan:
        """The cell in a mapping. Raises ``ConfigError`` for missing, unknown or unusable fields."""
        values = dict(written)
        values["instances"] = tuple(Instance.from_json(item) for item in values.get("instances", ()))
        values["kinds"] = tuple(RequestKind.from_json(item) for item in values.get("kinds", ()))
        return from_mapping(cls, values)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A host off this machine that may get at most ``requests``, for ``seconds`` after the first."""

    host: str
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes share every schedule: ``here`` are started on this machine, ``elsewhere`` are waited for.

    Those from elsewhere connect to ``bind``:``port``; port 0 is any free one. ``here`` 0 is no sharing at all.
    """

    here: int = 0
    elsewhere: int = 0
    bind: str = "127.0.0.1"
    port: int = 0

    def __post_init__(self) -> None:
        if self.here < 0 or self.elsewhere < 0 or not 0 <= self.port <= 65535:
            raise ConfigError(f"workers cannot be {self.here} here and {self.elsewhere} elsewhere at port {self.port}")
        if self.elsewhere and not self.port:
            raise ConfigError("workers from elsewhere need a port to connect to", remedy="name one, such as 5557")

    @property
    def count(self) -> int:
        """All of them."""
        return self.here + self.elsewhere


@dataclass(frozen=True, slots=True)
class DriverPlan:
    """The whole of what a driver process is told. ``run_id`` makes request ids of two runs differ.

    ``clock_offset_s`` is epoch minus monotonic seconds of whoever starts the driver, so that both
    stamp with one clock; without it the driver takes its own at its start. With ``workers`` the process that
    is told this plan drives nothing itself, it shares the work out and keeps the ledgers. ``traces`` are read
    before the driver is ready, so that no request waits for a file.
    """

    cells: tuple[CellPlan, ...]
    run_id: str = "run"
    ceilings: tuple[Ceiling, ...] = ()
    clock_offset_s: float | None = None
    workers: Workers = field(default_factory=Workers)
    traces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.cells:
            raise ConfigError("the plan has no cell to drive")
        _require_unique("cell", [cell.name for cell in self.cells])
        _require_unique("ledger", [cell.ledger for cell in self.cells])

    def share(self, count: int, *, same_clock: bool) -> DriverPlan:
        """The plan of one of ``count`` workers, with its part of what may be in flight and of every ceiling."""
        cells = tuple(replace(cell, max_in_flight=-(-cell.max_in_flight // count)) for cell in self.cells)
        ceilings = tuple(replace(ceiling, requests=ceiling.requests // count) for ceiling in self.ceilings)
        offset_s = self.clock_offset_s if same_clock else None
        return replace(self, cells=cells, ceilings=ceilings, clock_offset_s=offset_s, workers=Workers())

    def to_json(self) -> dict[str, Any]:
        """A plain mapping that ``from_json`` turns back into an equal plan."""
        return asdict(self)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> DriverPlan:
        """The plan in a mapping. Raises ``ConfigError`` for missing, unknown or unusable fields."""
        values = dict(written)
        values["cells"] = tuple(CellPlan.from_json(item) for item in values.get("cells", ()))
        values["ceilings"] = tuple(from_mapping(Ceiling, item) for item in values.get("ceilings", ()))
        values["traces"] = tuple(values.get("traces", ()))
        values["workers"] = from_mapping(Workers, values.get("workers", {}))
        return from_mapping(cls, values)


def _require_unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{what} named more than once: {', '.join(twice)}")


def write_plan(plan: DriverPlan, path: Path) -> None:
    """Write ``plan`` for a driver process to read."""
    path.write_bytes(orjson.dumps(plan.to_json(), option=orjson.OPT_INDENT_2))


def read_plan(path: Path) -> DriverPlan:
    """The plan in a file. Raises ``ConfigError`` with the file where it cannot be read or used."""
    try:
        return DriverPlan.from_json(orjson.loads(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError, ConfigError, AttributeError, TypeError, ValueError) as error:
        problem = error.problem if isinstance(error, ConfigError) else str(error)
        raise ConfigError(problem, location=Location(str(path)), remedy=getattr(error, "remedy", "")) from error


def resolved(plan: DriverPlan, resolve: Callable[[str], list[str]]) -> dict[str, str]:
    """The numeric address to dial for each host of ``plan``, each of them allowed.

    ``resolve`` gives a host's addresses. Names are looked up once, so that a name cannot come to mean
    another machine later. Raises ``ConfigError`` for a host that is neither loopback nor under a ceiling.
    """
    allowed = {ceiling.host for ceiling in plan.ceilings}
    return {
        host: _address(host, allowed, resolve)
        for host in {instance.host for cell in plan.cells for instance in cell.instances}
    }


def _address(host: str, allowed: set[str], resolve: Callable[[str], list[str]]) -> str:
    try:
        addresses = resolve(host)
    except OSError as error:
        raise ConfigError(f"host {host!r} has no address: {error}") from error
    if host not in allowed and not all(ipaddress.ip_address(text).is_loopback for text in addresses):
        raise ConfigError(
            f"{host} is not loopback and no ceiling allows sending to it",
            remedy=f"name {host} with the most requests and seconds that it may receive",
        )
    return addresses[0]
