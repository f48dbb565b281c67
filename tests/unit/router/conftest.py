"""A router without sockets: its parts, its ASGI applications, its metrics and log files, driven in-process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from reference_router.config import Settings
from reference_router.instance import Router

T = TypeVar("T")
PEER = ("127.0.0.1", 40000)


@dataclass(slots=True)
class Reply:
    """What an ASGI application sent; ``None`` as status where it sent nothing."""

    status: int | None = None
    headers: dict[bytes, bytes] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    finished: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def document(self) -> Any:
        return orjson.loads(self.body)

    @property
    def events(self) -> list[str]:
        return [event.removeprefix("data: ") for event in self.body.decode().split("\n\n") if event]


class Client:
    """Speaks ASGI to one application; ``on_send`` sees each message after it was taken down."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.on_send: Callable[[Reply], None] = lambda _: None

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | list[bytes] = b"",
        *,
        headers: list[tuple[bytes, bytes]] | None = None,
        query: bytes = b"",
        gone: asyncio.Event | None = None,
    ) -> Reply:
        reply = Reply()
        chunks = body if isinstance(body, list) else [body]
        incoming = [
            {"type": "http.request", "body": chunk, "more_body": index + 1 < len(chunks)}
            for index, chunk in enumerate(chunks)
        ]

        async def receive() -> dict[str, Any]:
            if incoming:
                return incoming.pop(0)
            await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                reply.status, reply.headers = message["status"], dict(message["headers"])
            else:
                reply.chunks.append(message.get("body", b""))
                reply.finished = not message.get("more_body", False)
            self.on_send(reply)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": headers or [],
            "client": PEER,
        }
        await self.app(scope, receive, send)
        return reply

    async def generate(self, prompt: str = "hello", request_id: str = "r-1", **options: Any) -> Reply:
        body = orjson.dumps({"prompt": prompt, "options": options})
        return await self.ask("POST", "/api/generate", body, headers=[(b"x-request-id", request_id.encode())])


class Lab:
    """Builds routers in a folder of their own and reads what they leave behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def router(self, **settings: Any) -> Router:
        defaults: dict[str, Any] = {"log_dir": self.folder, "speed": 1000.0, "disk_capacity_bytes": 10**9}
        return Router(Settings(**(defaults | settings)))

    async def boot(self, **settings: Any) -> tuple[Router, Client]:
        router = self.router(**settings)
        for name in router.settings.models:
            await router.models.load(name)
        router.lifecycle.name = "serving"
        return router, Client(router.app)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)

    def lines(self, stream: str, msg: str | None = None) -> list[dict[str, Any]]:
        documents = [orjson.loads(line) for line in (self.folder / f"{stream}.log").read_bytes().splitlines()]
        return [line for line in documents if msg is None or line["msg"] == msg]


def total(router: Router, sample: str, **labels: str) -> float:
    """Sum over all series of ``sample`` that have these labels."""
    return sum(
        found.value
        for family in router.metrics.registry.collect()
        for found in family.samples
        if found.name == f"llm_router_{sample}" and labels.items() <= found.labels.items()
    )


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "logs")


@pytest.fixture
def count() -> Callable[..., float]:
    return total
