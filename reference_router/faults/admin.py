"""The fault interface: JSON over HTTP on a loopback port of its own.

``GET /faults`` what holds and how often it took effect; ``POST /faults`` injects ``{name: parameters}``;
``DELETE /faults/NAME`` and ``DELETE /faults`` heal and return the last counters.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from reference_router.faults.base import FAULTS, FaultError
from reference_router.faults.board import FaultBoard

if TYPE_CHECKING:
    from reference_router.instance import Router as Parts

__all__ = ["admin_application"]


def admin_application(parts: Parts) -> ASGIApp:
    """The admin server of one instance."""
    board = FaultBoard(parts)

    async def show(_: Request) -> Response:
        return _json(200, {"active": board.report(), "available": _available()})

    async def inject(request: Request) -> Response:
        try:
            wanted = orjson.loads(await request.body())
            if not isinstance(wanted, dict):
                raise FaultError("the body must be an object of faults by name")
            async with board.lock:
                return _json(200, {"active": await board.inject(wanted)})
        except (FaultError, orjson.JSONDecodeError) as error:
            return _json(400, {"error": str(error)})

    async def heal(request: Request) -> Response:
        try:
            async with board.lock:
                return _json(200, {"healed": await board.heal(request.path_params["name"])})
        except FaultError as error:
            return _json(404, {"error": str(error)})

    async def heal_all(_: Request) -> Response:
        async with board.lock:
            return _json(200, {"healed": await board.heal_all()})

    routes = [
        Route("/faults", show, methods=["GET"]),
        Route("/faults", inject, methods=["POST"]),
        Route("/faults", heal_all, methods=["DELETE"]),
        Route("/faults/{name}", heal, methods=["DELETE"]),
    ]
    return Router(routes, redirect_slashes=False)


def _json(status: int, document: Any) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")


def _available() -> dict[str, dict[str, str]]:
    return {
        name: {item.name: str(item.type) for item in dataclasses.fields(kind) if item.init}
        for name, kind in sorted(FAULTS.items())
    }
