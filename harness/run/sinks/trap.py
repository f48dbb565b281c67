"""A listener on an address that nobody may dial: it answers nothing and remembers every attempt."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from harness.run.sinks.loop import SinkLoop

__all__ = ["Dialled", "Trap"]

_FIRST_WORDS_S = 0.5
_FIRST_WORDS_BYTES = 256


@dataclass(frozen=True, slots=True)
class Dialled:
    """One attempt: when, from where, and the first bytes that the caller sent (empty if it stayed silent)."""

    t: float
    peer: str
    first: bytes


class Trap:
    """Counts connections to ``host:port``; on Linux any 127.x.y.z can stand for an outward address."""

    def __init__(self, loop: SinkLoop, host: str = "127.0.0.1", port: int = 0) -> None:
        self.count = 0
        self._dialled: list[Dialled] = []
        self._listener = loop.listen(self._serve, host, port)

    @property
    def address(self) -> str:
        """``host:port`` that must not be dialled."""
        return self._listener.address

    @property
    def dialled(self) -> tuple[Dialled, ...]:
        """Every attempt whose first words are in; ``count`` moves at once."""
        return tuple(self._dialled)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began, first = time.time(), b""
        self.count += 1
        host, port = writer.get_extra_info("peername")[:2]
        try:
            first = await asyncio.wait_for(reader.read(_FIRST_WORDS_BYTES), _FIRST_WORDS_S)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self._dialled.append(Dialled(began, f"{host}:{port}", first))
