"""Connections that carry traffic: opened at their first request that is no probe, closed with their socket."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from reference_router.clock import Clock
from reference_router.recorder import Recorder

__all__ = ["Connections", "tracked_protocol"]

Peer = tuple[str, int]


class Connections:
    """Which peers are connected, since when, and whether they carry traffic. Lifetimes in production seconds."""

    def __init__(self, clock: Clock, recorder: Recorder) -> None:
        self._clock = clock
        self._recorder = recorder
        self._since_s: dict[Peer, float] = {}
        self._carrying: set[Peer] = set()

    def made(self, peer: Peer) -> None:
        """A socket was accepted."""
        self._since_s[peer] = self._clock.now_s()

    def used(self, peer: Peer | None) -> None:
        """A request that counts as traffic came over it."""
        if peer in self._since_s and peer not in self._carrying:
            self._carrying.add(peer)
            self._recorder.connection_opened("client", "http")

    def lost(self, peer: Peer) -> None:
        """The socket is closed."""
        since_s = self._since_s.pop(peer, None)
        if since_s is not None and peer in self._carrying:
            self._carrying.remove(peer)
            self._recorder.connection_closed("client", "http", self._clock.now_s() - since_s)


def tracked_protocol(connections: Connections) -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol that tells ``connections`` when sockets open and close."""

    class TrackedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            if self.client:
                connections.made(self.client)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.client:
                connections.lost(self.client)

    return TrackedProtocol
