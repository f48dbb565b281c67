"""One method per thing that happens: each moves its metrics and writes its lines, together and once.

The rest of the router says *what* happened and never touches a counter or a log line, so that the two can
not drift apart. Nothing here may fail a request: whatever goes wrong while recording is counted as a
telemetry failure and swallowed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Concatenate, ParamSpec

from reference_router.errors import ClientGone, LogWriteFailed, RouterError, TelemetryFailed
from reference_router.log_fields import (
    ErrorLike,
    HttpEnd,
    InferenceRun,
    access_fields,
    error_fields,
    inference_fields,
    level_of,
    model_fields,
    utc_now,
)
from reference_router.logs import LogBook
from reference_router.metrics import CACHE_TYPE, HEALTH_STATES, QUEUE_TYPE, Metrics
from reference_router.models import ModelSpec
from reference_router.requests import GenerateRequest

__all__ = ["Recorder"]

P = ParamSpec("P")


def _guarded(
    record: Callable[Concatenate[Recorder, P], None],
) -> Callable[Concatenate[Recorder, P], None]:
    @functools.wraps(record)
    def safely(self: Recorder, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            record(self, *args, **kwargs)
        except Exception:
            with suppress(Exception):
                self.metrics.errors.labels(*_labels(TelemetryFailed)).inc()

    return safely


def _labels(kind: type[RouterError]) -> tuple[str, str, str]:
    return kind.type, kind.component, kind.severity


class Recorder:
    """All that one instance says about itself."""

    def __init__(self, metrics: Metrics, book: LogBook) -> None:
        self.metrics = metrics
        self._write = book.write
        self._health = ""

    # --- the instance -----------------------------------------------------------------------------

    @_guarded
    def started(self, port: int, environment: str) -> None:
        """The application serves; its version is on every line already."""
        self._write("application", "info", "application started", {"port": port, "environment": environment})

    @_guarded
    def start_failed(self, error: BaseException) -> None:
        """The instance ends before it served."""
        fields = {"error": error_fields(error)}
        self._write("application", "fatal", "failed to start", fields)
        self._write("error", "fatal", "failed to start", fields)

    @_guarded
    def stopping(self, signal: str) -> None:
        """A shutdown begins."""
        self._write("application", "info", "shutting down", {"signal": signal})

    @_guarded
    def stopped(self) -> None:
        """The shutdown is done; the last line of a clean life."""
        self._write("application", "info", "shutdown complete")

    @_guarded
    def failed(self, error: RouterError, request_id: str | None = None) -> None:
        """Something failed: one count, one line. Call once per failure."""
        self.metrics.errors.labels(*_labels(type(error))).inc()
        level = "fatal" if error.severity == "critical" else "error"
        fields = {"component": error.component, "error": error_fields(error)}
        self._write("error", level, "error", fields, request_id)

    def log_lost(self) -> None:
        """A line could not be written; counted only, since writing just failed."""
        self.metrics.errors.labels(*_labels(LogWriteFailed)).inc()

    # --- requests ---------------------------------------------------------------------------------

    @_guarded
    def http_ended(self, end: HttpEnd) -> None:
        """A response is about to send its last byte, or its client is gone."""
        labels = (end.method, end.route, str(end.status))
        self.metrics.http_requests.labels(*labels).inc()
        self.metrics.http_duration.labels(*labels).observe(end.duration_s)
        self._write("access", "info", "request", access_fields(end), end.request_id)

    @_guarded
    def generation_requested(self, request: GenerateRequest, request_id: str) -> None:
        """A valid request for a generation came in."""
        fields = {"prompt_length": len(request.prompt), "options": request.loggable_options}
        self._write("application", "info", "generation request", fields, request_id)

    @_guarded
    def generation_completed(self, run: InferenceRun, duration_s: float) -> None:
        """The whole answer is there."""
        fields = {
            "model": {"name": run.model},
            "tokens": run.tokens,
            "duration": duration_s,
            "cached": run.cached,
        }
        self._write("application", "info", "generation completed", fields, run.request_id)

    @_guarded
    def generation_failed(self, error: ErrorLike, request_id: str, duration_s: float) -> None:
        """There will be no answer, or no more of it."""
        fields = {"duration": duration_s, "error": error_fields(error)}
        self._write("application", level_of(error), "generation failed", fields, request_id)

    # --- inferences -------------------------------------------------------------------------------

    @_guarded
    def inference_started(self, run: InferenceRun) -> None:
        """An inference begins, be it served from the cache."""
        fields = {"inference": inference_fields(run, None)}
        self._write("application", "info", "inference started", fields, run.request_id)
        self._audit("inference_start", run, None)

    @_guarded
    def inference_completed(self, run: InferenceRun) -> None:
        """An inference has its whole answer."""
        self._count_inference(run, "success")
        fields = {"inference": inference_fields(run, True)}
        self._write("application", "info", "inference completed", fields, run.request_id)
        self._audit("inference_complete", run, True)

    @_guarded
    def inference_failed(self, run: InferenceRun, error: ErrorLike) -> None:
        """An inference ended without an answer, by its own failure or because the client left."""
        self._count_inference(run, "aborted" if isinstance(error, ClientGone) else "error")
        fields = {"inference": inference_fields(run, False), "error": error_fields(error)}
        self._write("application", level_of(error), "inference failed", fields, run.request_id)
        self._audit("inference_error", run, False)

    def _count_inference(self, run: InferenceRun, status: str) -> None:
        pair = (run.model, run.strategy)
        self.metrics.inferences.labels(*pair, status, "true" if run.cached else "false").inc()
        self.metrics.inference_duration.labels(*pair).observe(run.duration_s)
        generated = 0 if run.cached else run.tokens
        self.metrics.tokens.labels(*pair).inc(generated)
        if generated and status == "success" and run.duration_s > 0:
            self.metrics.token_rate.labels(run.model).observe(generated / run.duration_s)
        labels = {"model": run.model, "strategy": run.strategy}
        self._metric("inference_latency_seconds", run.duration_s, labels, run.request_id)
        self._metric("tokens_generated", generated, labels, run.request_id)

    def _audit(self, event: str, run: InferenceRun, success: bool | None) -> None:
        fields = {
            "event": event,
            "inference_id": run.id,
            "model": {"name": run.model},
            "strategy": run.strategy,
            "tokens": run.tokens,
            "latency": run.duration_s,
            "success": success,
        }
        self._write("audit", "info", "audit", fields, run.request_id)

    def _metric(self, name: str, value: float, labels: dict[str, str], request_id: str | None) -> None:
        fields = {"metric": {"name": name, "value": float(value), "labels": labels, "timestamp": utc_now()}}
        self._write("metrics", "info", "metric", fields, request_id)

    # --- models, cache, queue, connections, health ------------------------------------------------

    @_guarded
    def model_loaded(self, spec: ModelSpec, duration_s: float) -> None:
        """A model can serve from now on."""
        self.metrics.models_loaded.labels(spec.format, spec.size_category).inc()
        self.metrics.model_load_duration.labels(spec.name, spec.format).observe(duration_s)
        self.metrics.model_memory.labels(spec.name, spec.format).set(spec.size_bytes)
        fields = model_fields(spec)
        fields["load_duration"] = duration_s
        self._write("application", "info", "model loaded", {"model": fields})
        self._write("audit", "info", "audit", {"event": "model_load", "model": model_fields(spec), "success": True})
        labels = {"model": spec.name, "format": spec.format}
        self._metric("model_load_duration_seconds", duration_s, labels, None)

    @_guarded
    def model_unloaded(self, spec: ModelSpec) -> None:
        """A model is out of service."""
        self.metrics.models_loaded.labels(spec.format, spec.size_category).dec()
        self.metrics.model_memory.remove(spec.name, spec.format)
        self._write("application", "info", "model unloaded", {"model": model_fields(spec)})
        fields = {"event": "model_unload", "model": model_fields(spec), "success": True}
        self._write("audit", "info", "audit", fields)

    @_guarded
    def cache_looked_up(self, hit: bool) -> None:
        """The cache was asked for an answer."""
        family = self.metrics.cache_hits if hit else self.metrics.cache_misses
        family.labels(CACHE_TYPE).inc()

    @_guarded
    def cache_changed(self, size_bytes: int) -> None:
        """The cache holds ``size_bytes`` now."""
        self.metrics.cache_size.labels(CACHE_TYPE).set(size_bytes)

    @_guarded
    def queue_changed(self, size: int) -> None:
        """``size`` requests wait for a worker now."""
        self.metrics.queue_size.labels(QUEUE_TYPE).set(size)

    @_guarded
    def dequeued(self, waited_s: float) -> None:
        """A request got its worker."""
        self.metrics.queue_wait.labels(QUEUE_TYPE).observe(waited_s)

    @_guarded
    def connection_opened(self, kind: str, protocol: str) -> None:
        """A connection carries its first traffic."""
        self.metrics.connections.labels(kind, protocol).inc()

    @_guarded
    def connection_closed(self, kind: str, protocol: str, lived_s: float) -> None:
        """A connection that carried traffic is gone."""
        self.metrics.connections.labels(kind, protocol).dec()
        self.metrics.connection_duration.labels(kind, protocol).observe(lived_s)

    @_guarded
    def health_checked(self, checks: Mapping[str, bool], status: str) -> None:
        """A round of health checks is done."""
        for name, healthy in checks.items():
            self.metrics.health.labels(name).set(1 if healthy else 0)
        for state in HEALTH_STATES:
            self.metrics.health_overall.labels(state).set(1 if state == status else 0)
        if self._health not in {status, ""}:
            failed = [name for name, healthy in checks.items() if not healthy]
            told = {"status": status, "before": self._health, "failed": failed}
            self._write("application", "warn" if failed else "info", "health changed", {"health": told})
        self._health = status
