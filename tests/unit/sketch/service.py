"""A service that shows whatever a test lets it show: paths with their status, type and text.

A redirection has its target in place of the type; a path may be followed by the authorization that opens it.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["METRICS", "Page", "serving"]

Page = tuple[int, str, str]
METRICS = """\
# HELP shop_requests_total Requests.
# TYPE shop_requests_total counter
shop_requests_total{code="200",user="ann@example.com",method="GET"} 3
shop_requests_total{code="404",user="key-0f3c9d",method="POST"} 1
# HELP shop_request_seconds Time.
# TYPE shop_request_seconds histogram
shop_request_seconds_bucket{le="1"} 3
shop_request_seconds_bucket{le="+Inf"} 3
shop_request_seconds_sum 0.2
shop_request_seconds_count 3
# HELP shop_mixed_total Labels that differ.
# TYPE shop_mixed_total counter
shop_mixed_total{a="1"} 1
shop_mixed_total{b="1"} 1
# HELP go_goroutines Runtime.
# TYPE go_goroutines gauge
go_goroutines 7
# HELP shop_empty_total Without a series.
# TYPE shop_empty_total counter
"""


@contextmanager
def serving(pages: dict[str, Page], host: str = "127.0.0.1", secured_by: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve ``pages``, and 404 for every other path; answers the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            opened = f"{self.path} {self.headers.get('Authorization', '')}"
            status, kind, text = pages.get(opened) or pages.get(self.path, (404, "text/plain", "nothing here"))
            body = text.encode()
            self.send_response(status)
            if "packed as" in kind:
                body = b"\xff\xfe"
                self.send_header("Content-Encoding", kind.rpartition(" ")[2])
            if kind.endswith("packed"):
                body = gzip.compress(body)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Location" if 300 <= status < 400 else "Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, *_: object) -> None:
            """A handshake that fails is what some tests are about."""

    with Server((host, 0), Handler) as server:
        if secured_by:
            server.socket = secured_by.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            shown = f"[{host}]" if ":" in host else host
            yield f"{'https' if secured_by else 'http'}://{shown}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
