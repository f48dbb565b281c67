"""Facts as the log streams spell them; one type per JSON path over all streams.

``model`` is always an object, ``error`` always ``{name, message, stack, code}``.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reference_router.errors import ClientGone, RouterError
from reference_router.models import ModelSpec

__all__ = [
    "ErrorLike",
    "HttpEnd",
    "InferenceRun",
    "access_fields",
    "error_fields",
    "inference_fields",
    "level_of",
    "model_fields",
    "utc_now",
]

STACK_LIMIT = 4000
ErrorLike = RouterError | ClientGone


@dataclass(slots=True, kw_only=True)
class InferenceRun:
    """One inference from start to end; ``tokens`` and ``duration_s`` grow while it runs."""

    id: str
    request_id: str
    model: str
    strategy: str
    cached: bool = False
    tokens: int = 0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEnd:
    """What is known of a request when its response ends; texts are already fit to be logged."""

    request_id: str
    method: str
    route: str
    path: str
    query: str
    headers: dict[str, str]
    ip: str
    status: int
    content_length: int
    content_type: str
    duration_s: float


def utc_now() -> str:
    """Wall-clock time as ISO-8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def error_fields(error: BaseException) -> dict[str, str]:
    """``{name, message, stack, code}``. The stack holds frames alone: the message of an exception that
    nobody expected may quote what a client wrote, so its class name has to do."""
    if isinstance(error, (RouterError, ClientGone)):
        message, code = str(error), error.code
    else:
        message, code = f"unexpected {type(error).__name__}", "INTERNAL"
    return {"name": type(error).__name__, "message": message, "stack": _stack(error), "code": code}


def _stack(error: BaseException) -> str:
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return "".join(traceback.format_tb(cause.__traceback__))[-STACK_LIMIT:]


def level_of(error: ErrorLike) -> str:
    """Nobody has to act on a client that left."""
    return "warn" if isinstance(error, ClientGone) else "error"


def access_fields(end: HttpEnd) -> dict[str, Any]:
    """The access line of one request."""
    return {
        "request": {
            "method": end.method,
            "url": f"{end.path}?{end.query}" if end.query else end.path,
            "path": end.path,
            "query": end.query,
            "headers": end.headers,
            "ip": end.ip,
        },
        "response": {
            "status_code": end.status,
            "content_length": end.content_length,
            "content_type": end.content_type,
        },
        "duration": end.duration_s,
    }


def inference_fields(run: InferenceRun, success: bool | None) -> dict[str, Any]:
    """``success`` is None while the inference runs."""
    return {
        "id": run.id,
        "model": {"name": run.model},
        "strategy": run.strategy,
        "tokens": run.tokens,
        "latency": run.duration_s,
        "cached": run.cached,
        "success": success,
    }


def model_fields(spec: ModelSpec) -> dict[str, Any]:
    """A model as an object."""
    return {"id": spec.id, "name": spec.name, "format": spec.format, "size": spec.size_bytes}
