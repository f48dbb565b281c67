"""A small HTTP server that can stall, stream and hang, and the driver as a real process."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.run.load.generator import Generator, PhaseReport
from harness.run.load.ledger import Request, read_ledger
from harness.run.load.plan import Ceiling, CellPlan, DriverPlan, Instance
from harness.run.load.requests import RequestKind
from harness.run.load.schedule import LoadPhase
from harness.run.stack.wait import eventually

_OK = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
_SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Server:
    """Answers by path: /ok, /status/N, /hang, /close, /stream/TOKENS/MILLISECONDS."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.ids: list[str] = []
        self.left_by_client = 0
        self.stalled_until = 0.0
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        assert self._listening.wait(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(5)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await server.wait_closed()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left_by_client += 1
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return False
        first, *lines = head.rstrip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = first.split()[1]
        self.requests[path] += 1
        self.ids.append(headers.get("x-request-id", ""))
        if (left := self.stalled_until - time.monotonic()) > 0:
            await asyncio.sleep(left)
        return await self._answer(path.split("/")[1:], headers, body, reader, writer)

    async def _answer(
        self,
        path: list[str],
        headers: dict[str, str],
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        if path[0] == "hang":
            await reader.readexactly(1)
        if path[0] == "close":
            return False
        if path[0] == "stream":
            writer.write(_SSE)
            for number in range(int(path[1])):
                await asyncio.sleep(int(path[2]) / 1000)
                event = b'data: {"token": %d}\n\n' % number
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await writer.drain()
            end = b'event: end\ndata: {"id": "from-stream", "units": %s}\n\ndata: [DONE]\n\n' % path[1].encode()
            writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(end), end))
            return True
        content = b'{"id": "%s", "units": 17, "model": "small"}' % headers.get("x-request-id", "").encode()
        status = int(path[1]) if path[0] == "status" else 200
        writer.write(_OK % (status, len(content), content))
        await writer.drain()
        return True


class Driver:
    """The driver process with one cell named ``cell``, and shorthands for what every test does."""

    def __init__(self, plan: DriverPlan, folder: Path) -> None:
        self.ledger = Path(plan.cells[0].ledger)
        self.generator = Generator(plan, folder)
        with self.generator.stdin.open("rb") as orders, self.generator.stdout.open("wb") as status:
            self.process = subprocess.Popen(self.generator.argv, stdin=orders, stdout=status)

    def wait_ready(self) -> None:
        self.wait(lambda: self.generator.ready, "the driver is ready")

    def wait(self, condition: Callable[[], object], what: str, within_s: float = 15.0) -> None:
        def probe() -> object:
            self.generator.poll()
            return condition() or None

        eventually(probe, what=what, within_s=within_s)

    @staticmethod
    def wait_for(condition: Callable[[], object], what: str, within_s: float = 15.0) -> None:
        """Wait for something that the driver says nothing of."""
        eventually(lambda: condition() or None, what=what, within_s=within_s)

    def run(self, load: LoadPhase, *, cut_after: Callable[[], object] | None = None) -> PhaseReport:
        """Run one phase to its end, or until a condition cuts it; its report."""
        self.generator.start_phase("cell", load)
        if cut_after is not None:
            self.wait(cut_after, "the moment to cut")
            self.generator.stop_phase("cell", load.name)
        self.wait(lambda: self.generator.report("cell", load.name), f"phase {load.name} has drained")
        report = self.generator.report("cell", load.name)
        assert report is not None
        return report

    def rows(self) -> list[Request]:
        return read_ledger(self.ledger)

    def close(self) -> None:
        self.generator.close()
        self.process.wait(5)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def make_driver(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    """Start a driver for one cell with these kinds and addresses."""
    started: list[Driver] = []

    def make(urls: list[str], *kinds: RequestKind, ceilings: tuple[Ceiling, ...] = (), **cell: object) -> Driver:
        instances = cell.pop("instances", None) or tuple(Instance(f"i{n}", url) for n, url in enumerate(urls))
        plan = CellPlan("cell", str(tmp_path / "ledger.ndjson"), instances, kinds, **cell)  # type: ignore[arg-type]
        started.append(Driver(DriverPlan((plan,), ceilings=ceilings), tmp_path))
        return started[-1]

    yield make
    for driver in started:
        driver.close()
