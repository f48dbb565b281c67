"""Webhook, exposition and trap listeners over real sockets."""

from __future__ import annotations

import http.client
import queue
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from harness.contract.flows import Flow
from harness.core.errors import MachineError
from harness.run.sinks.exposition import ExpositionStandIn
from harness.run.sinks.loop import SinkLoop
from harness.run.sinks.trap import Trap
from harness.run.sinks.web import Answer
from harness.run.sinks.webhooks import Received, WebhookSink
from harness.run.stack.wait import eventually

Arrived = queue.SimpleQueue[Received]


@pytest.fixture
def sinks() -> Iterator[SinkLoop]:
    before = threading.active_count()
    with SinkLoop() as loop:
        yield loop
    assert threading.active_count() == before


@pytest.fixture
def arrived() -> Arrived:
    return queue.SimpleQueue()


@pytest.fixture
def webhooks(sinks: SinkLoop, arrived: Arrived) -> WebhookSink:
    return WebhookSink(sinks, arrived.put)


def post(url: str, body: bytes = b"{}", timeout_s: float = 2.0) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def raw(address: str, data: bytes) -> bytes:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 2) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_a_post_is_recorded_with_receiver_integration_and_body(webhooks: WebhookSink, arrived: Arrived) -> None:
    before = time.time()
    assert post(webhooks.url("critical alerts/ü", "slack-0"), b'{"text":"x"}') == (200, b"ok")
    got = arrived.get(timeout=1)
    assert (got.receiver, got.integration, got.method, got.status) == ("critical alerts/ü", "slack-0", "POST", 200)
    assert got.body == b'{"text":"x"}'
    assert got.headers["content-type"] == "application/json"
    assert before <= got.t <= time.time()


def test_the_most_exact_answer_wins(webhooks: WebhookSink, arrived: Arrived) -> None:
    webhooks.answer(Answer(503, b"all"))
    webhooks.answer(Answer(500, b"one receiver"), receiver="a")
    webhooks.answer(Answer(429, b"one integration"), receiver="a", integration="slack-0")
    assert post(webhooks.url("a", "slack-0")) == (429, b"one integration")
    assert post(webhooks.url("a", "webhook-0")) == (500, b"one receiver")
    assert post(webhooks.url("b", "slack-0")) == (503, b"all")
    assert [arrived.get(timeout=1).status for _ in range(3)] == [429, 500, 503]


def test_a_path_of_nobody_is_recorded_without_a_receiver(webhooks: WebhookSink, arrived: Arrived) -> None:
    assert post(f"http://{webhooks.address}/stray")[0] == 200
    got = arrived.get(timeout=1)
    assert (got.receiver, got.integration, got.path) == ("", "", "/stray")


@pytest.mark.alone
def test_a_delayed_answer_takes_that_long_but_the_arrival_is_known_at_once(
    webhooks: WebhookSink, arrived: Arrived
) -> None:
    webhooks.answer(Answer(delay_s=0.2))
    began = time.time()
    assert post(webhooks.url("a", "b"))[0] == 200
    assert time.time() - began >= 0.2
    assert arrived.get(timeout=1).t - began < 0.15


def test_a_hanging_answer_ends_in_the_clients_time_out(webhooks: WebhookSink, arrived: Arrived) -> None:
    webhooks.answer(Answer(hang=True))
    with pytest.raises(TimeoutError):
        post(webhooks.url("a", "b"), timeout_s=0.1)
    assert arrived.get(timeout=1).status is None


def test_one_connection_serves_many_requests(webhooks: WebhookSink, arrived: Arrived) -> None:
    connection = http.client.HTTPConnection(webhooks.address, timeout=2)
    for number in range(3):
        connection.request("POST", "/r/i", body=str(number))
        assert connection.getresponse().read() == b"ok"
    connection.request("HEAD", "/r/i")
    assert connection.getresponse().read() == b""
    connection.close()
    assert [arrived.get(timeout=1).body for _ in range(4)] == [b"0", b"1", b"2", b""]


def test_a_chunked_body_and_an_expectation_are_understood(webhooks: WebhookSink, arrived: Arrived) -> None:
    head = b"POST /r/i HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    answer = raw(webhooks.address, head + b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert arrived.get(timeout=1).body == b"abcde"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffff0\r\n", b"413"),
        (b"POST / HTT", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70000, b"400"),
    ],
)
def test_broken_requests_are_refused_and_not_recorded(
    webhooks: WebhookSink, arrived: Arrived, request_bytes: bytes, status: bytes
) -> None:
    assert raw(webhooks.address, request_bytes).startswith(b"HTTP/1.1 " + status)
    assert arrived.empty()


def test_a_client_that_leaves_in_the_middle_of_a_body_is_not_recorded(webhooks: WebhookSink, arrived: Arrived) -> None:
    assert raw(webhooks.address, b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc") == b""
    assert arrived.empty()


def test_closing_ends_hanging_connections_and_frees_the_port(arrived: Arrived) -> None:
    with SinkLoop() as loop:
        sink = WebhookSink(loop, arrived.put)
        sink.answer(Answer(hang=True))
        host, port = sink.address.split(":")
        connection = socket.create_connection((host, int(port)), 2)
        connection.sendall(b"GET /r/i HTTP/1.1\r\n\r\n")
        arrived.get(timeout=1)
    with connection:
        assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 2)
    loop.close()


def test_what_a_callback_raises_comes_out_at_the_end() -> None:
    def fail(_received: Received) -> None:
        raise RuntimeError("the recorder is full")

    loop = SinkLoop().__enter__()
    sink = WebhookSink(loop, fail)
    with pytest.raises(http.client.RemoteDisconnected):
        post(sink.url("a", "b"))
    with pytest.raises(RuntimeError, match="the recorder is full"):
        loop.close()


def test_a_stand_in_serves_its_text_and_follows_its_change(sinks: SinkLoop) -> None:
    stand_in = ExpositionStandIn(sinks, "up 1\n")
    url = f"http://{stand_in.address}/metrics"
    with urllib.request.urlopen(url) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert response.read() == b"up 1.0\n"
    seen = stand_in.change({"up": Flow(at=2.0)})
    assert (post(url), stand_in.scrapes - seen) == ((200, b"up 2.0\n"), 1)
    stand_in.restore({"up": Flow(at=2.0)})
    assert post(url) == (200, b"up 1.0\n")
    stand_in.fault = Answer(500)
    assert post(url)[0] == 500
    assert post(f"http://{stand_in.address}/else")[0] == 404
    assert stand_in.scrapes == 4


def test_a_stand_in_answers_nowhere_else_than_it_is_asked(sinks: SinkLoop) -> None:
    stand_in = ExpositionStandIn(sinks, "up 1\n", paths=("/probe",))
    assert post(f"http://{stand_in.address}/probe?target=x") == (200, b"up 1.0\n")
    assert post(f"http://{stand_in.address}/metrics") == (404, b"only /probe is served here\n")


def test_a_trap_counts_and_remembers_who_dialled(sinks: SinkLoop) -> None:
    trap = Trap(sinks, "127.0.0.77")
    assert (trap.count, trap.dialled) == (0, ())
    assert raw(trap.address, b"CONNECT hooks.example.org:443") == b""
    eventually(lambda: trap.dialled, what="the attempt on record", within_s=2)
    assert trap.count == 1
    assert trap.dialled[0].first == b"CONNECT hooks.example.org:443"
    assert trap.dialled[0].peer.startswith("127.")


def test_a_silent_caller_is_counted_at_once_and_recorded_later(sinks: SinkLoop) -> None:
    trap = Trap(sinks)
    host, port = trap.address.split(":")
    with socket.create_connection((host, int(port)), 2):
        eventually(lambda: trap.count == 1, what="the connection", within_s=2)
        eventually(lambda: trap.dialled, what="the attempt on record", within_s=2)
    assert trap.dialled[0].first == b""


def test_a_taken_port_is_an_error_with_its_number(sinks: SinkLoop) -> None:
    trap = Trap(sinks)
    port = int(trap.address.split(":")[1])
    with pytest.raises(MachineError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use"):
        Trap(sinks, port=port)
