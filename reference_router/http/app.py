"""The two ASGI applications of an instance."""

from __future__ import annotations

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_router.clock import Clock
from reference_router.errors import NotFound
from reference_router.http.connections import Connections
from reference_router.http.generate import GenerateEndpoint
from reference_router.http.instrument import Instrument
from reference_router.http.operations import Operations
from reference_router.http.reply import reply_json
from reference_router.recorder import Recorder

__all__ = ["application", "metrics_application"]

GENERATE = "/api/generate"


def application(
    generate: GenerateEndpoint, operations: Operations, clock: Clock, recorder: Recorder, connections: Connections
) -> ASGIApp:
    """The application server: traffic is instrumented, probes are not."""
    probes = {
        "/health": operations.health,
        "/health/live": operations.live,
        "/health/ready": operations.ready,
        "/metrics": operations.metrics,
        "/debug": operations.debug,
    }
    routes = [Route(GENERATE, generate)]
    routes += [Route(path, operations.endpoint(answer)) for path, answer in probes.items()]
    return Instrument(
        Router(routes, redirect_slashes=False, default=_unmatched),
        clock=clock,
        recorder=recorder,
        connections=connections,
        routes=frozenset({GENERATE}),
        probes=frozenset(probes),
    )


def metrics_application(operations: Operations) -> ASGIApp:
    """The metrics server: it serves before the application does and after it stopped."""
    routes = [
        Route("/metrics", operations.endpoint(operations.metrics)),
        Route("/metrics/json", operations.endpoint(operations.metrics_json)),
        Route("/health", operations.endpoint(operations.metrics_health)),
    ]
    return Router(routes, redirect_slashes=False, default=_not_here)


async def _unmatched(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise NotFound("no route has this path")


async def _not_here(_scope: Scope, _receive: Receive, send: Send) -> None:
    await reply_json(send, 404, {"error": "no route has this path"})
