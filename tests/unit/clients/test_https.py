"""Https: whom the client trusts, who it is itself, and what an error says."""

from __future__ import annotations

import http.server
import os
import shutil
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.core.tls import Tls, client_context
from harness.run.clients.http import Http, HttpFault, server_of

FILES = Path(__file__).parents[2] / "integration/tiny/data/odd/certificates"
KNOWN = Tls(
    authority=str(FILES / "authority.pem"), certificate=str(FILES / "client.pem"), key=str(FILES / "client.key")
)


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A handshake that fails is what some tests are about."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that lets in who shows a certificate of its authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FILES / "server.pem", FILES / "server.key")
    context.load_verify_locations(FILES / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = _Quiet(("127.0.0.1", 0), _Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.mark.parametrize(
    "tls", [KNOWN, replace(KNOWN, server_name="odd.example.test"), replace(KNOWN, any_certificate=True, authority="")]
)
def test_whoever_trusts_and_is_trusted_is_answered(url: str, tls: Tls) -> None:
    assert Http(url, tls=tls).get("/").text == "ok"
    assert server_of(f"{url}/a?b=c", 2.0, tls=tls)[0].get("/").ok


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        (replace(KNOWN, authority=""), "certificate verify failed"),
        (replace(KNOWN, server_name="other.example.test"), "other.example.test"),
        (replace(KNOWN, certificate="", key=""), "certificate required|reset|EOF"),
    ],
)
def test_else_the_fault_says_why(url: str, tls: Tls, reason: str) -> None:
    with pytest.raises(HttpFault, match=reason):
        Http(url, tls=tls).get("/")


def test_a_file_of_no_use_is_named_with_the_reason(tmp_path: Path) -> None:
    shutil.copyfile(FILES / "server.key", tmp_path / "other.key")
    (tmp_path / "text.pem").write_text("no certificate\n")
    for tls, problem in (
        (Tls(authority=str(tmp_path / "none.pem")), r"none\.pem cannot be used for TLS: No such file"),
        (Tls(authority=str(tmp_path / "text.pem")), r"text\.pem cannot be used for TLS: \S+"),
        (
            replace(KNOWN, key=str(tmp_path / "other.key")),
            r"\.pem with \S*other\.key cannot .*KEY_VALUES_MISMATCH",
        ),
    ):
        with pytest.raises(ConfigError, match=problem):
            client_context(tls)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    key = tmp_path / "locked.key"
    key.write_text(LOCKED)
    with pytest.raises(ConfigError, match="the key has a passphrase"):
        client_context(replace(KNOWN, key=os.fspath(key)))


LOCKED = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhe4gDW5HayTgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAfs/1QCEfzT6D9tLrHqaSQEgZA7
FcDNZ20tLjMdiiqYLdPZD2KvYGrwDUpBmMlVVs0JmqibPLjggzoVC73/8LJ1UeP3
7Hud7AAd7elaoNuTsF7CKvrZFvNrLOuqpdetxcRCNuhtXfVpRjjFvlV1io0Pc1VD
NyL2rvoEPvrwAtuj0K3GxygVqrNpkEcYZfcRh29FJlgroWRqZOyHZP8orkwFFE8=
-----END ENCRYPTED PRIVATE KEY-----
"""
