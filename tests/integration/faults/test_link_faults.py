"""Links broken for real: a web server behind a real Toxiproxy."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.evidence.records import FaultAction
from harness.provision import ensure
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.toxiproxy import Proxy, ToxiproxyClient
from harness.run.faults.fault import FaultControl
from harness.run.faults.links import LinkFault, LinkKind
from harness.run.stack.wait import NotYet


class Upstream(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"x" * 2000
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToxiproxyClient]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("toxiproxy") / "log"
    argv = [str(ensure(["toxiproxy"])["toxiproxy"].executable), f"-port={port}"]
    with log.open("wb") as file:
        process = subprocess.Popen(argv, stdout=file, stderr=file)
    client = ToxiproxyClient(Http(f"http://127.0.0.1:{port}"))
    try:
        _wait_for(client, process, log)
        yield client
    finally:
        process.kill()
        process.wait()


def _wait_for(client: ToxiproxyClient, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            client.version()
        except HttpFault:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def link(client: ToxiproxyClient) -> Iterator[Proxy]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield client.create("web", "127.0.0.1:0", f"127.0.0.1:{httpd.server_address[1]}")
    client.delete("web")
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def fetch(link: Proxy) -> float:
    """Seconds that a fresh request over the link takes."""
    return Http(f"http://{link.listen}", headers={"connection": "close"}, timeout_s=0.5).get("/").duration_s


@pytest.mark.alone
@pytest.mark.parametrize(
    ("kind", "value", "effect"),
    [("latency", 0.15, "slow"), ("bandwidth", 10, "slow"), ("reset_peer", 0, "cut"), ("blackhole", 0, "cut"),
     ("down", 0, "cut")],
)  # fmt: skip
def test_a_link_fault_has_its_effect_until_it_is_healed(
    kind: LinkKind, value: float, effect: str, client: ToxiproxyClient, link: Proxy
) -> None:
    assert fetch(link) < 0.1
    records: list[FaultAction] = []
    control = FaultControl("c", "p", LinkFault("bad link", kind, client, "web", value=value), records.append)
    control.inject()
    assert control.stage == "confirmed", records
    if effect == "slow":
        assert fetch(link) >= 0.14
    else:
        with pytest.raises(HttpFault):
            fetch(link)
    control.heal()
    assert [record.action for record in records] == ["inject", "confirm", "heal", "healed"]
    assert fetch(link) < 0.1


@pytest.mark.alone
def test_an_effect_seen_from_outside_confirms(client: ToxiproxyClient, link: Proxy) -> None:
    def effect() -> str:
        took_s = fetch(link)
        if took_s < 0.14:
            raise NotYet(f"answered in {took_s:.3f} s")
        return f"answered after {took_s:.3f} s"

    fault = LinkFault("slow", "latency", client, "web", value=0.15, effect=effect)
    with pytest.raises(NotYet, match="is not disturbed"):
        fault.confirm()
    fault.inject()
    assert fault.confirm().startswith("answered after 0.1")
    with pytest.raises(NotYet, match="still disturbed"):
        fault.confirm_healed()
    fault.heal()
    assert fault.confirm_healed() == "web takes connections"


def test_a_link_that_is_said_to_be_down_but_takes_connections_is_not_confirmed(
    client: ToxiproxyClient, link: Proxy
) -> None:
    fault = LinkFault("cut", "down", client, "web")
    with pytest.raises(NotYet, match="is not disturbed"):
        fault.confirm()
    fault.inject()
    with (
        socket.create_server(("127.0.0.1", int(link.listen.rpartition(":")[2]))),
        pytest.raises(NotYet, match="still takes"),
    ):
        fault.confirm()
    fault.heal()


def test_a_toxiproxy_that_is_gone_is_told_as_failed() -> None:
    records: list[FaultAction] = []
    fault = LinkFault("cut", "latency", ToxiproxyClient(Http("http://127.0.0.1:1")), "web")
    FaultControl("c", "p", fault, records.append).inject()
    assert [record.action for record in records] == ["failed"]
    assert "Connection refused" in records[0].detail
