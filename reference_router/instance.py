"""One instance: its parts, put together and run from start to drained end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable

from reference_router.cache import ResponseCache
from reference_router.checks import Checks
from reference_router.clock import Clock
from reference_router.config import Settings, SettingsError
from reference_router.engines import EngineUnavailable, make_engine
from reference_router.exposition import Exposition
from reference_router.health import HealthMonitor
from reference_router.http.app import application, metrics_application
from reference_router.http.connections import Connections, tracked_protocol
from reference_router.http.generate import GenerateEndpoint
from reference_router.http.listener import Listener, open_socket
from reference_router.http.operations import Operations
from reference_router.inference import Inferences
from reference_router.lifecycle import Lifecycle
from reference_router.logs import LogBook
from reference_router.metrics import Metrics
from reference_router.models import CATALOGUE, Models, ModelSpec
from reference_router.process import LoopLag, ProcessCollector
from reference_router.recorder import Recorder
from reference_router.routing import ModelRouter
from reference_router.work_queue import WorkQueue

__all__ = ["Instance", "Ready", "Router", "serve"]

LOOPBACK = "127.0.0.1"
Ready = Callable[[dict[str, int | None]], None]
"""Told the ports once the instance serves."""


class Router:
    """Every part of one instance, wired; nothing listens yet. Raises ``EngineUnavailable``, ``OSError``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock(settings.speed)
        self.lifecycle = Lifecycle()
        specs = _specs(settings)
        self.metrics = Metrics(specs)
        self.book = LogBook(
            settings.log_dir,
            service=settings.service_name,
            version=settings.version,
            environment=settings.environment,
            hostname=settings.hostname,
            max_bytes=settings.log_max_bytes,
            backups=settings.log_backups,
            on_failure=lambda: self.recorder.log_lost(),
        )
        self.recorder = Recorder(self.metrics, self.book)
        self.lag = LoopLag()
        self.metrics.registry.register(ProcessCollector(self.lag))
        self.exposition = Exposition(self.metrics.registry)
        self.engine = make_engine(settings, self.clock)
        self.models = Models(
            specs,
            self.engine.load,
            on_loaded=self.recorder.model_loaded,
            on_unloaded=self.recorder.model_unloaded,
        )
        self._wire_inference()
        self._wire_health()
        self._wire_http()

    def _wire_inference(self) -> None:
        settings, recorder = self.settings, self.recorder
        self.cache = ResponseCache(
            self.clock, settings.cache_capacity_bytes, settings.cache_ttl_s, recorder.cache_changed
        )
        self.queue = WorkQueue(settings.workers, settings.queue_capacity, recorder)
        self.inferences = Inferences(
            clock=self.clock,
            cache=self.cache,
            queue=self.queue,
            models=self.models,
            router=ModelRouter(self.models.in_flight, settings.seed),
            engine=self.engine,
            recorder=recorder,
        )

    def _wire_health(self) -> None:
        settings = self.settings
        checks = Checks(
            initialized=lambda: self.lifecycle.serving,
            models=self.models,
            inferences=self.inferences,
            cache=self.cache,
            memory_limit_bytes=settings.memory_limit_bytes,
            disk_path=settings.disk_path or settings.log_dir,
            disk_capacity_bytes=settings.disk_capacity_bytes,
        )
        self.health = HealthMonitor(
            checks.all(),
            self.clock,
            interval_s=settings.health_interval_s,
            timeout_s=settings.health_timeout_s,
            retries=settings.health_retries,
            on_round=self.recorder.health_checked,
        )
        self.operations = Operations(settings, self.clock, self.lifecycle, self.health, self.exposition)

    def _wire_http(self) -> None:
        self.connections = Connections(self.clock, self.recorder)
        generate = GenerateEndpoint(self.inferences, self.models, self.recorder, self.clock)
        self.app = application(generate, self.operations, self.clock, self.recorder, self.connections)
        self.metrics_app = metrics_application(self.operations)


def _specs(settings: Settings) -> list[ModelSpec]:
    unknown = [name for name in settings.models if name not in CATALOGUE]
    if unknown:
        raise SettingsError(f"unknown model {unknown[0]}: the catalogue has {', '.join(CATALOGUE)}")
    return [CATALOGUE[name] for name in settings.models]


class Instance:
    """A router with its listeners."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self._tasks: list[asyncio.Task[None]] = []
        self._admin: Listener | None = None

    async def start(self) -> dict[str, int | None]:
        """Metrics first, then models, then health, then traffic: whoever asks early waits, and hears no alarm.

        Returns the ports. Raises whatever prevented it.
        """
        router, settings = self.router, self.router.settings
        app_socket = open_socket(settings.host, settings.app_port)
        metrics_socket = open_socket(settings.host, settings.metrics_port)
        self._metrics = Listener(router.metrics_app, metrics_socket, drain_wall_s=1)
        await self._metrics.start()
        for name in settings.models:
            await router.models.load(name)
        protocol = tracked_protocol(router.connections)
        self._app = Listener(router.app, app_socket, drain_wall_s=settings.drain_wall_s, protocol=protocol)
        await self._start_admin()
        router.lifecycle.name = "serving"
        await router.health.fresh()
        await self._app.start()
        self._tasks = [asyncio.create_task(router.health.watch()), asyncio.create_task(router.lag.watch())]
        router.recorder.started(self._app.port, settings.environment)
        return self.ports

    @property
    def ports(self) -> dict[str, int | None]:
        """Ports by server; None where there is none."""
        admin = self._admin.port if self._admin else None
        return {"app": self._app.port, "metrics": self._metrics.port, "admin": admin}

    async def _start_admin(self) -> None:
        port = self.router.settings.admin_port
        if port is None:
            return
        from reference_router.faults.admin import admin_application

        self._admin = Listener(admin_application(self.router), open_socket(LOOPBACK, port), drain_wall_s=1)
        await self._admin.start()

    async def stop(self, reason: str) -> None:
        """Drain traffic, then let go of the rest; metrics are served until the last request is counted."""
        router = self.router
        router.lifecycle.name = "stopping"
        router.recorder.stopping(reason)
        await self._app.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await router.health.close()
        for listener in (self._metrics, self._admin):
            if listener is not None:
                await listener.stop()
        router.recorder.stopped()
        router.book.close()


async def serve(settings: Settings, on_ready: Ready, parent: socket.socket | None = None) -> int:
    """Run one instance until it is told to end; returns its exit code.

    It is told by SIGTERM, SIGINT, or, with ``parent``, by the other end of that socket closing.
    """
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    _listen_for_the_end(told, parent)
    try:
        router = Router(settings)
    except (SettingsError, EngineUnavailable, OSError) as error:
        print(f"reference_router: failed to start: {error}", file=sys.stderr)  # noqa: T201 - no log exists yet
        return 1
    instance = Instance(router)
    try:
        on_ready(await instance.start())
    except Exception as error:
        router.recorder.start_failed(error)
        print(f"reference_router: failed to start: {error}", file=sys.stderr)  # noqa: T201
        return 1
    await instance.stop(await told)
    return 0


def _listen_for_the_end(told: asyncio.Future[str], parent: socket.socket | None) -> None:
    loop = asyncio.get_running_loop()

    def tell(reason: str) -> None:
        if not told.done():
            told.set_result(reason)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tell, number.name)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    if parent is not None:
        loop.add_reader(parent, _when_readable, loop, parent, tell)


def _when_readable(loop: asyncio.AbstractEventLoop, parent: socket.socket, tell: Callable[[str], None]) -> None:
    loop.remove_reader(parent)
    tell("PARENT_EXIT")
