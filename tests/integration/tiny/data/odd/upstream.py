"""What the odd service asks for every request: it does its part until it is told to fail."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upstream(BaseHTTPRequestHandler):
    fails = False

    def do_GET(self) -> None:
        if self.path == "/fault":
            self.answer(200, {"fails": Upstream.fails})
        else:
            self.answer(503 if Upstream.fails else 200, {})

    def do_PUT(self) -> None:
        Upstream.fails = True
        self.answer(200, {})

    def do_DELETE(self) -> None:
        Upstream.fails = False
        self.answer(200, {})

    def answer(self, code: int, body: object) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Upstream).serve_forever()
