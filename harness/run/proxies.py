"""The ways of one cell that a story disturbs lead through a Toxiproxy of its own; all others are direct."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from harness.run.clients.http import Http, HttpFault
from harness.run.clients.toxiproxy import ToxiproxyClient
from harness.run.parts import Parts, Spec
from harness.run.stack.wait import eventually

__all__ = ["Proxies", "Way"]

Way = tuple[str, str]
"""A hop, and the ``host:port`` that its way leads to."""
_READY_S: Final = 10.0


class Proxies:
    """``addresses`` maps each way to the ``host:port`` that stands in front of it. ``claim`` gives free ports."""

    def __init__(self, ways: Iterable[Way], claim: Callable[[], int]) -> None:
        self.addresses: Mapping[Way, str] = {way: f"127.0.0.1:{claim()}" for way in ways}
        self._port = claim()
        self.client = ToxiproxyClient(Http(f"http://127.0.0.1:{self._port}"))

    def spec(self, parts: Parts, id: str, folder: Path) -> Spec:
        """How it is started."""
        return parts.toxiproxy(id, folder, self._port)

    def open(self) -> None:
        """Wait for the process and open every way."""
        eventually(
            lambda: bool(self.client.version()),
            what="toxiproxy to be ready",
            within_s=_READY_S,
            every_s=0.01,
            retry_on=(OSError, HttpFault),
        )
        for way, listen in self.addresses.items():
            self.client.create(name_of(way), listen, way[1])

    def of(self, hop: str) -> tuple[str, ...]:
        """Names of the proxies on the ways of a hop."""
        return tuple(name_of(way) for way in self.addresses if way[0] == hop)


def name_of(way: Way) -> str:
    """Name of the proxy on a way."""
    return f"{way[0]} {way[1]}"
