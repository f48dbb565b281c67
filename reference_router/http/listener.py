"""uvicorn as a part that is started and stopped by its owner, on a socket that its owner opened."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

__all__ = ["Listener", "open_socket"]

KEEP_ALIVE_WALL_S = 75
TICK_WALL_S = 1.0


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ``OSError``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=1024)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited: head and body are written apart
    return listening


class _Server(uvicorn.Server):
    """Leaves signals to the process's owner, tells when it serves, and is told when to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Accept nothing more, from now on."""
        self.should_exit = True
        self._ending.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    async def main_loop(self) -> None:
        """Wake once a second, for the date that answers carry; uvicorn's own wakes ten times, to see whether to end."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_WALL_S):
                    await self._ending.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listener:
    """One server on one socket."""

    def __init__(
        self,
        app: ASGIApp,
        sock: socket.socket,
        *,
        drain_wall_s: float,
        protocol: type[asyncio.Protocol] = AutoHTTPProtocol,
    ) -> None:
        self._socket = sock
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_WALL_S,
            timeout_graceful_shutdown=math.ceil(drain_wall_s),
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that the socket really has."""
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Return once requests are served."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        serving = asyncio.create_task(self._server.serving.wait())
        await asyncio.wait({self._task, serving}, return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Accept nothing more, let requests finish, cancel what is still there after the drain time."""
        if self._task is None:
            return
        self._server.end()
        await self._task
        left = self._server.server_state.tasks
        if left:
            await asyncio.wait(set(left))
