"""An engine's socket that answers as it is told: what is below the unit under test."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = False  # what one of them says of its end must not reach a later test


@contextmanager
def fake_engine(path: Path, answers: Mapping[str, tuple[int, bytes]]) -> Iterator[list[str]]:
    """Answer ``METHOD /path`` (query left out) on the socket ``path``; yields every request line that came."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            seen.append(unquote(f"{self.command} {self.path}"))
            if self.headers.get("Transfer-Encoding") == "chunked":
                self._read_chunks()
            status, body = answers.get(f"{self.command} {self.path.partition('?')[0]}", (404, b'{"message": "none"}'))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 (named by the standard library)

        def _read_chunks(self) -> None:
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            seen.append(content.decode())

        def address_string(self) -> str:
            return "socket"

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
            path.unlink()
