# ruff: noqa: N818 - these names say what happened, as the log lines do
"""Everything that can fail, with the status, code and ``errors_total`` labels that it has.

A failure is raised once, at the component that failed, and carries its own labels: whoever records it
need not guess. Messages never hold prompts, secrets or ids.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

__all__ = [
    "LEFT",
    "BadRequest",
    "ClientGone",
    "DeviceFailed",
    "InferenceFailed",
    "InferenceTimedOut",
    "InternalError",
    "LogWriteFailed",
    "MethodNotAllowed",
    "ModelLoadFailed",
    "NoModelAvailable",
    "NotFound",
    "OutOfMemory",
    "QueueFull",
    "RouterError",
    "ShuttingDown",
    "TelemetryFailed",
    "as_failure",
    "known_errors",
]

LEFT = "the client closed the request"


class RouterError(Exception):
    """A failure with its HTTP status, its code and the labels of ``errors_total``."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL"
    type: ClassVar[str] = "internal"
    component: ClassVar[str] = "http"
    severity: ClassVar[str] = "critical"
    headers: ClassVar[tuple[tuple[bytes, bytes], ...]] = ()


class InternalError(RouterError):
    """A defect of the router itself: an exception that nobody expected."""


class BadRequest(RouterError):
    """The client's body or options cannot be used."""

    status, code, type, component, severity = 400, "BAD_REQUEST", "validation", "http", "warning"


class NotFound(RouterError):
    """No route has this path."""

    status, code, type, component, severity = 404, "NOT_FOUND", "not_found", "http", "warning"


class MethodNotAllowed(RouterError):
    """The route exists, the method does not."""

    status, code, type, component, severity = 405, "METHOD_NOT_ALLOWED", "method_not_allowed", "http", "warning"
    headers = ((b"allow", b"POST"),)


class QueueFull(RouterError):
    """Every place in the queue is taken."""

    status, code, type, component, severity = 503, "QUEUE_FULL", "queue_full", "queue", "error"


class NoModelAvailable(RouterError):
    """No loaded model can serve the request."""

    status, code, type, component, severity = 503, "NO_MODEL", "no_model", "routing", "critical"


class ModelLoadFailed(RouterError):
    """A model could not be loaded."""

    status, code, type, component, severity = 500, "MODEL_LOAD_FAILED", "model_load", "models", "error"


class InferenceFailed(RouterError):
    """The engine gave up on a generation."""

    status, code, type, component, severity = 500, "INFERENCE_FAILED", "inference", "engine", "error"


class OutOfMemory(InferenceFailed):
    """A device had no memory left for the generation."""

    status, code, type, component, severity = 500, "OUT_OF_MEMORY", "out_of_memory", "engine", "error"


class InferenceTimedOut(InferenceFailed):
    """The engine did not answer in its own time."""

    status, code, type, component, severity = 500, "INFERENCE_TIMEOUT", "timeout", "engine", "error"


class DeviceFailed(InferenceFailed):
    """A device failed; the request may still succeed on another one."""

    status, code, type, component, severity = 500, "DEVICE_FAILED", "device", "engine", "warning"


class ShuttingDown(RouterError):
    """The instance ends, and its patience with this request is over."""

    status, code, type, component, severity = 503, "SHUTTING_DOWN", "shutdown", "http", "warning"


class LogWriteFailed(RouterError):
    """A log line could not be written; no request fails for it."""

    status, code, type, component, severity = 500, "LOG_WRITE_FAILED", "log_write", "logs", "warning"


class TelemetryFailed(RouterError):
    """A metric or a log line could not be made; no request fails for it."""

    status, code, type, component, severity = 500, "TELEMETRY_FAILED", "telemetry", "metrics", "warning"


class ClientGone(Exception):
    """The client hung up before it had its answer. Status 499; not an error of the router."""

    status: ClassVar[int] = 499
    code: ClassVar[str] = "CLIENT_CLOSED_REQUEST"


def known_errors() -> list[type[RouterError]]:
    """Every class of failure, base class left out; their labels exist at 0 from the start."""
    found: list[type[RouterError]] = []
    waiting = RouterError.__subclasses__()
    while waiting:
        kind = waiting.pop(0)
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return found


def as_failure(error: BaseException) -> RouterError | ClientGone:
    """``error`` as it is to be recorded.

    A cancellation is ``ClientGone`` if that was its reason, else the end of the instance; an exception that
    nobody expected becomes the cause of an ``InternalError`` that does not repeat its message.
    """
    if isinstance(error, (RouterError, ClientGone)):
        return error
    if isinstance(error, asyncio.CancelledError):
        return ClientGone(LEFT) if LEFT in error.args else ShuttingDown("the router ends before its answer was ready")
    failure = InternalError(f"unexpected {type(error).__name__}")
    failure.__cause__ = error
    return failure
