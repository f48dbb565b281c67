"""Exchanges with a peer that sends exactly what a test says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.tls import Tls
from harness.run.load.requests import ReadFrom, RequestKind
from harness.run.load.wire import Target, entry_of

CERTIFICATES = Path(__file__).parents[1] / "tiny/data/odd/certificates"

KIND = RequestKind("k", "/", read=ReadFrom("/id"))
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
TargetOf = Callable[..., Target]


class Peer:
    """Answers each request of a connection with the next scripted bytes; None closes the connection."""

    def __init__(self, family: socket.AddressFamily, address: str, secured_by: ssl.SSLContext | None = None) -> None:
        self._secured_by = secured_by
        self.script: list[bytes | None] = []
        self.connections = 0
        self.requests: list[bytes] = []
        self._listener = socket.create_server((address, 0), family=family)
        self.address = (address, self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(ssl.SSLError), connection, self._secured(connection) as talking:
                self._converse(talking)

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._secured_by.wrap_socket(connection, server_side=True) if self._secured_by else connection

    def _converse(self, connection: socket.socket) -> None:
        while self.script and (data := connection.recv(65536)):
            self.requests.append(data)
            answer = self.script.pop(0)
            if answer is None:
                return
            connection.sendall(answer)
            if self.script and self.script[0] is None:
                self.script.pop(0)
                return


@pytest.fixture
def peer() -> Iterator[Peer]:
    running = Peer(socket.AF_INET, "127.0.0.1")
    yield running
    running.close()


@pytest.fixture
def target_of() -> Iterator[TargetOf]:
    made: list[Target] = []

    def make(peer: Peer, idle_s: float = 1.0) -> Target:
        made.append(Target(peer.address, "h", idle_s=idle_s, clock=time.time))
        return made[-1]

    yield make
    for target in made:
        target.close()


REQUEST = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"


def test_a_connection_is_kept_and_used_again(peer: Peer, target_of: TargetOf) -> None:
    peer.script = [OK, OK]
    target = target_of(peer)
    first, second = (target.exchange(REQUEST, KIND) for _ in range(2))
    assert (first.status, bytes(first.body), first.error_kind) == (200, b"ok", None)
    assert second.status == 200
    assert (second.bytes_out, second.bytes_in) == (len(REQUEST), len(OK))
    assert peer.connections == 1


def test_a_redirect_is_an_answer_and_is_not_followed(peer: Peer, target_of: TargetOf) -> None:
    # the other host would never be asked whether it may be sent to
    elsewhere = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n"
    peer.script = [elsewhere, OK]
    target = target_of(peer)
    exchange = target.exchange(REQUEST, KIND)
    assert (exchange.status, exchange.header("location"), exchange.error_kind) == (307, "http://192.0.2.1/", None)
    assert target.exchange(REQUEST, KIND).status == 200
    assert (peer.connections, len(peer.requests)) == (1, 2)


@pytest.fixture
def secured() -> Iterator[Peer]:
    """A peer by TLS, which sends its tickets behind the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    running = Peer(socket.AF_INET, "127.0.0.1", context)
    yield running
    running.close()


def test_a_connection_by_tls_is_kept_too(secured: Peer) -> None:
    """What TLS itself still has to say after a request is no end of the connection."""
    secured.script = [OK, OK, None, OK]
    known = entry_of(Tls(authority=str(CERTIFICATES / "authority.pem")), "127.0.0.1")
    target = Target(secured.address, "h", idle_s=1.0, clock=time.time, entry=known)
    for _ in range(2):
        assert target.exchange(REQUEST, KIND).status == 200
    assert secured.connections == 1
    time.sleep(0.1)  # the end of the connection has to arrive; nothing on this side would show it
    assert target.exchange(REQUEST, KIND).status == 200
    assert secured.connections == 2
    target.close()


def test_a_peer_that_nobody_vouches_for_is_not_asked(secured: Peer) -> None:
    target = Target(secured.address, "h", idle_s=1.0, clock=time.time, entry=entry_of(Tls(), "127.0.0.1"))
    assert target.exchange(REQUEST, KIND).error_kind == "connect"
    assert secured.requests == []


def test_a_connection_that_the_target_let_go_of_is_not_used_again(peer: Peer, target_of: TargetOf) -> None:
    peer.script = [OK, None, OK]
    target = target_of(peer)
    assert target.exchange(REQUEST, KIND).status == 200
    time.sleep(0.1)  # the end of the connection has to arrive; nothing on this side would show it
    assert target.exchange(REQUEST, KIND).error_kind is None
    assert (peer.connections, len(peer.requests)) == (2, 2)


def test_a_connection_that_idled_too_long_is_not_used_again(peer: Peer, target_of: TargetOf) -> None:
    peer.script = [OK, None, OK]
    target = target_of(peer, idle_s=0.0)
    for _ in range(2):
        assert target.exchange(REQUEST, KIND).error_kind is None
    assert peer.connections == 2


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (b"", None, "reset"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", None, "reset"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", 200, "reset"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal", 200, "reset"),
        (b"SMTP ready\r\n\r\n", None, "protocol"),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", 200, None),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, None),
    ],
)
def test_an_answer_that_ends_with_its_connection(
    answer: bytes, status: int | None, error: str | None, peer: Peer, target_of: TargetOf
) -> None:
    peer.script = [answer, None]
    exchange = target_of(peer).exchange(REQUEST, KIND)
    assert (exchange.status, exchange.error_kind) == (status, error)
    assert exchange.bytes_in == len(answer)
    assert len(peer.requests) == 1, "never sent again"


def test_headers_are_found_whatever_their_case_and_number(peer: Peer, target_of: TargetOf) -> None:
    peer.script = [b"HTTP/1.1 204 X\r\nX-Id: a\r\nx-id: b\r\n\r\n"]
    exchange = target_of(peer).exchange(REQUEST, KIND)
    assert exchange.header("x-ID") == "a"
    assert exchange.header("none") is None


def test_an_answer_in_two_pieces_has_its_first_byte_first(peer: Peer, target_of: TargetOf) -> None:
    peer.script = [OK]
    exchange = target_of(peer).exchange(REQUEST, KIND)
    assert exchange.first_byte_t is not None
    assert exchange.sent_t < exchange.first_byte_t <= exchange.end_t


def test_the_newer_internet_protocol_works(target_of: TargetOf) -> None:
    try:
        peer = Peer(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    peer.script = [OK]
    try:
        assert target_of(peer).exchange(REQUEST, KIND).status == 200
    finally:
        peer.close()
