"""One thread with one event loop for every listener of a campaign, and the listeners' common life."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from harness.core.errors import MachineError

__all__ = ["Connection", "Listener", "SinkLoop"]

T = TypeVar("T")
Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_PATIENCE_S = 5.0


class Listener:
    """An open port on loopback; ``address`` is ``host:port``."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    @property
    def address(self) -> str:
        """``host:port``, as a component's configuration wants it."""
        return f"{self.host}:{self.port}"


class SinkLoop:
    """The thread behind every listener; a context manager that closes all of them, with their connections.

    Callbacks of the sinks run in this thread: they record and return. What one of them raises is raised by ``close``.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sinks", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._transports: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in the loop's thread and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def listen(self, serve: Connection, host: str = "127.0.0.1", port: int = 0) -> Listener:
        """Open a port whose every connection is given to ``serve``; raises ``MachineError`` if it is taken."""

        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(serve, reader, writer)

        return self._opened(asyncio.start_server(guarded, host, port), host, port)

    def listen_protocol(
        self, protocol: Callable[[], asyncio.Protocol], host: str = "127.0.0.1", port: int = 0
    ) -> Listener:
        """Open a port that speaks ``protocol``, which must ``track`` each transport that it is given."""
        return self._opened(self._loop.create_server(protocol, host, port), host, port)

    def _opened(self, opening: Coroutine[Any, Any, asyncio.Server], host: str, port: int) -> Listener:
        try:
            server = self.run(opening)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise MachineError(f"cannot listen on {host}:{port}: {reason}") from None
        self._servers.append(server)
        return Listener(*server.sockets[0].getsockname()[:2])

    def track(self, transport: asyncio.BaseTransport) -> None:
        """Have a connection closed with the loop."""
        self._transports.add(transport)

    async def _serve(self, serve: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.track(writer.transport)
        try:
            await serve(reader, writer)
        except (ConnectionError, EOFError, asyncio.CancelledError):
            pass  # the peer went away, or we close
        except Exception as error:
            self.fail(error)
        finally:
            writer.close()

    def fail(self, error: Exception) -> None:
        """Keep the first error of a callback until ``close`` raises it."""
        self._error = self._error or error

    def close(self) -> None:
        """Close every port and connection and end the thread; raises what a callback had raised."""
        if self._loop.is_closed():
            return
        self.run(self._close_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._error:
            raise self._error

    async def _close_all(self) -> None:
        for server in self._servers:
            server.close()
        for transport in list(self._transports):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # the loop tells protocols of a lost connection in its next turn
