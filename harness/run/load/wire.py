"""One HTTP/1.1 exchange on gevent sockets: sent once, never retried, each instant taken where it happens.

Locust's fast client sends again when a kept connection breaks, which makes one request two; here the
same parser and sockets are used without that, so that requests sent and requests counted agree.
Only the driver process uses this module.
"""

from __future__ import annotations

import errno
import functools
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import gevent
from gevent import socket, ssl
from geventhttpclient.response import HTTPParseError, HTTPResponse

from harness.core.tls import Tls, client_context
from harness.run.load.answer import TokenStream
from harness.run.load.ledger import ErrorKind
from harness.run.load.requests import RequestKind

__all__ = ["Entry", "Exchange", "Target", "entry_of"]

_BLOCK_BYTES = 65536
_KEPT_BYTES = 65536
_OWN_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS})

Clock = Callable[[], float]
Entry = Callable[[socket.socket], socket.socket]
"""Makes a connection by TLS of a plain one."""


class Exchange(HTTPResponse):
    """One answer while it arrives. All times are epoch seconds of the driver's clock."""

    def __init__(self, kind: RequestKind) -> None:
        super().__init__(method=kind.method)
        self.sent_t = 0.0
        self.first_byte_t: float | None = None
        self.end_t = 0.0
        self.bytes_in = 0
        self.bytes_out = 0
        self.error_kind: ErrorKind | None = None
        self.aborted = False
        self.body = bytearray()
        self.tokens = TokenStream(kind) if kind.streaming != "none" else None
        self._now = 0.0

    def take(self, data: bytes, now: float) -> None:
        """Parse ``data``, which came at ``now``. Raises ``HTTPParseError`` for what is not HTTP."""
        self.first_byte_t = self.first_byte_t or now
        self.bytes_in += len(data)
        self._now = now
        self.feed(data)

    def end_of_connection(self) -> None:
        """The target closed: the end of an answer without a length, else ``ConnectionResetError``."""
        with suppress(HTTPParseError):
            self.feed(b"")
        if not self.complete:
            raise ConnectionResetError

    def _on_body(self, buf: bytearray) -> None:
        if self.tokens is None:
            self.body += buf
        else:
            self.tokens.feed(bytes(buf), self._now)

    @property
    def complete(self) -> bool:
        """The final answer is here as a whole; an interim 1xx answer is not it."""
        return bool(self.message_complete and self.get_code() >= 200)

    @property
    def status(self) -> int | None:
        """The status code, None while the head of the answer is not here."""
        return self.get_code() if self.headers_complete else None

    def header(self, name: str) -> str | None:
        """The value of a header, None without it, the first of several."""
        value = self.get(name)
        return value[0] if isinstance(value, list) else value

    def documents(self) -> list[bytes]:
        """The JSON documents of the answer: its body, or the first and last event of its stream."""
        return [bytes(self.body)] if self.tokens is None else self.tokens.documents

    def last_document(self) -> str:
        """The answer as a whole, or the last event of its stream; not more of it than anybody reads."""
        documents = self.documents()
        return documents[-1][:_KEPT_BYTES].decode("utf-8", "replace") if documents else ""


def entry_of(tls: Tls | None, host: str) -> Entry | None:
    """How a connection to ``host`` becomes one by TLS; None where it stays plain."""
    if tls is None:
        return None
    context = client_context(tls, ssl.SSLContext)
    return functools.partial(context.wrap_socket, server_hostname=tls.server_name or host)


class Target:
    """One address with its kept connections."""

    def __init__(
        self, address: tuple[str, int], authority: str, *, idle_s: float, clock: Clock, entry: Entry | None = None
    ) -> None:
        self.authority = authority
        self._address = address
        self._family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._idle_s = idle_s
        self._clock = clock
        self._entry = entry
        self._idle: deque[tuple[float, socket.socket]] = deque()

    def exchange(self, request: bytes, kind: RequestKind) -> Exchange:
        """Send ``request`` once and read the whole answer, or up to its abort, time-out or failure.

        Never raises for what the network or the target does; a killed greenlet ends as ``aborted``.
        An ``error_kind`` of ``dropped`` means that this machine had no socket left, so nothing was sent.
        """
        exchange = Exchange(kind)
        exchange.sent_t = self._clock()
        leaves = kind.abort_after_s is not None and kind.abort_after_s <= kind.timeout_s
        limit = gevent.Timeout.start_new(kind.abort_after_s if leaves else kind.timeout_s)
        sock = None
        try:
            sock = self._kept() or self._connected()
            self._converse(sock, request, exchange)
        except gevent.Timeout:
            exchange.aborted = leaves
            exchange.error_kind = None if leaves else "timeout"
        except gevent.GreenletExit:
            exchange.aborted = True
            exchange.error_kind = "aborted"
        except HTTPParseError:
            exchange.error_kind = "protocol"
        except OSError as error:
            exchange.error_kind = _failure(error, connected=sock is not None)
        finally:
            limit.close()
            exchange.end_t = self._clock()
            self._put_back(sock, exchange)
        return exchange

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop()[1].close()

    def _converse(self, sock: socket.socket, request: bytes, exchange: Exchange) -> None:
        sock.sendall(request)
        exchange.bytes_out = len(request)
        while not exchange.complete:
            data = sock.recv(_BLOCK_BYTES)
            if data:
                exchange.take(data, self._clock())
            else:
                exchange.end_of_connection()

    def _connected(self) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(self._address)
            if self._entry is not None:
                sock = self._entry(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _kept(self) -> socket.socket | None:
        oldest = self._clock() - self._idle_s
        while self._idle and self._idle[0][0] < oldest:
            self._idle.popleft()[1].close()
        while self._idle:
            sock = self._idle.pop()[1]
            if _is_open(sock):
                return sock
            sock.close()
        return None

    def _put_back(self, sock: socket.socket | None, exchange: Exchange) -> None:
        if sock is None:
            return
        if exchange.error_kind is None and not exchange.aborted and not exchange.should_close():
            self._idle.append((exchange.end_t, sock))
        else:
            sock.close()


def _is_open(sock: socket.socket) -> bool:
    # An unused connection has nothing to read: data or an end here means that the target let go of it.
    sock.settimeout(0.0)
    try:
        # what TLS itself has to say is taken in here, and is nothing to read
        sock.recv(1, 0 if isinstance(sock, ssl.SSLSocket) else socket.MSG_PEEK)
    except (BlockingIOError, ssl.SSLWantReadError):
        sock.settimeout(None)
        return True
    except OSError:
        return False
    return False


def _failure(error: OSError, *, connected: bool) -> ErrorKind:
    if error.errno in _OWN_LIMITS:
        return "dropped"
    return "reset" if connected else "connect"
