"""What operators ask: health, liveness, readiness, metrics, debug. Nothing here counts as traffic."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from reference_router import exposition
from reference_router.clock import Clock
from reference_router.config import Settings
from reference_router.exposition import Exposition
from reference_router.health import HealthMonitor
from reference_router.http.reply import Header, reply, reply_json
from reference_router.lifecycle import Lifecycle
from reference_router.log_fields import utc_now

__all__ = ["Endpoint", "Operations"]

Answer = tuple[int, Any]


class Endpoint:
    """ASGI endpoint that answers GET and HEAD with what ``answer`` returns; its failure is a plain 500."""

    def __init__(self, answer: Callable[[], Awaitable[Answer]], content_type: str | None = None) -> None:
        self._answer = answer
        self._content_type = content_type

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] not in ("GET", "HEAD"):
            allow: tuple[Header, ...] = ((b"allow", b"GET, HEAD"),)
            await reply_json(send, 405, {"error": "only GET is served here"}, allow)
            return
        try:
            status, document = await self._answer()
        except Exception as error:
            await reply_json(send, 500, {"error": type(error).__name__})
            return
        if self._content_type is None:
            await reply_json(send, status, document)
        else:
            await reply(send, status, document, self._content_type.encode())


class Operations:
    """The answers, shared by application and metrics server."""

    def __init__(
        self, settings: Settings, clock: Clock, lifecycle: Lifecycle, health: HealthMonitor, exposed: Exposition
    ) -> None:
        self.before_metrics: list[Callable[[], Awaitable[None]]] = []
        self._settings = settings
        self._clock = clock
        self._lifecycle = lifecycle
        self._health = health
        self._exposed = exposed

    async def health(self) -> Answer:
        """Full status; 503 when critical."""
        results = await self._health.fresh()
        healthy = sum(1 for result in results.values() if result.healthy)
        document = {
            "status": self._health.status,
            "timestamp": utc_now(),
            "uptime": self._clock.now_s(),
            "version": self._settings.version,
            "checks": results,
            "summary": {"total": len(results), "healthy": healthy, "unhealthy": len(results) - healthy},
        }
        return (503 if document["status"] == "critical" else 200), document

    async def live(self) -> Answer:
        """Whether the process runs its event loop and is not on its way out."""
        alive = not self._lifecycle.stopping
        return (200 if alive else 503), {"status": "alive" if alive else "stopping", "timestamp": utc_now()}

    async def ready(self) -> Answer:
        """Whether traffic may come: 200 when healthy or degraded."""
        await self._health.fresh()
        status = self._health.status
        ready = self._lifecycle.serving and status != "critical"
        return (200 if ready else 503), {"status": status, "ready": ready, "timestamp": utc_now()}

    async def metrics(self) -> Answer:
        """Prometheus text."""
        for hook in self.before_metrics:
            await hook()
        return 200, self._exposed.text()

    async def metrics_json(self) -> Answer:
        """The same in JSON."""
        return 200, {"timestamp": utc_now(), "metrics": self._exposed.json()}

    async def metrics_health(self) -> Answer:
        """Health of the metrics server: 503 until the application serves."""
        if self._lifecycle.initialized:
            return 200, {"status": "healthy", "timestamp": utc_now()}
        return 503, {"status": "initializing", "timestamp": utc_now()}

    async def debug(self) -> Answer:
        """State at a glance, without anything secret."""
        settings = self._settings
        return 200, {
            "status": self._lifecycle.name,
            "health": self._health.status,
            "metric_count": self._exposed.family_count(),
            "tasks": len(asyncio.all_tasks()),
            "environment": {
                "name": settings.environment,
                "instance": settings.instance_name,
                "service": settings.service_name,
                "version": settings.version,
                "engine": settings.engine,
                "speed": settings.speed,
                "python": platform.python_version(),
            },
        }

    def endpoint(self, answer: Callable[[], Awaitable[Answer]]) -> Endpoint:
        """An ASGI endpoint for one of the methods above."""
        return Endpoint(answer, exposition.CONTENT_TYPE if answer == self.metrics else None)
