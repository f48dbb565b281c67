"""The seventeen metric families of the specification, and the label sets that exist at 0 from the start.

A counter that is born at 1 has no increase, so every label set that can be named beforehand is made
here. Label values come from closed sets: route templates, catalogue names, classes of failure; never
from what a client wrote.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, disable_created_metrics

from reference_router.errors import known_errors
from reference_router.instruments import Counter, Gauge, Histogram
from reference_router.models import FORMATS, SIZE_CATEGORIES, ModelSpec
from reference_router.routing import STRATEGIES

__all__ = ["CACHE_TYPE", "CHECKS", "HEALTH_STATES", "METHODS", "QUEUE_TYPE", "UNMATCHED", "Metrics"]

PREFIX = "llm_router"
UNMATCHED = "unmatched"
CACHE_TYPE = "response"
QUEUE_TYPE = "inference"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CONNECTIONS = (("client", "http"), ("stream", "sse"))
OUTCOMES = (("success", "false"), ("success", "true"), ("error", "false"), ("aborted", "false"))
HTTP_OUTCOMES = (
    *(("POST", "/api/generate", status) for status in ("200", "400", "499", "500", "503")),
    ("GET", "/api/generate", "405"),
    ("GET", UNMATCHED, "404"),
    ("POST", UNMATCHED, "404"),
)
CHECKS = (
    "router_initialized",
    "models_available",
    "memory_usage",
    "inference_capability",
    "cache_functionality",
    "disk_space",
)
HEALTH_STATES = ("healthy", "degraded", "critical")

HTTP_BUCKETS_S = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30)
INFERENCE_BUCKETS_S = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120)
TOKEN_RATE_BUCKETS = (1, 5, 10, 20, 50, 100, 200, 500)
LOAD_BUCKETS_S = (1, 5, 10, 30, 60, 120, 300, 600)
CONNECTION_BUCKETS_S = (1, 10, 30, 60, 300, 600, 1800, 3600)
QUEUE_BUCKETS_S = (0.01, 0.1, 0.5, 1, 5, 10, 30)


class Metrics:
    """Every instrument of one instance, in its own registry."""

    def __init__(self, models: Iterable[ModelSpec]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._http()
        self._inference()
        self._models()
        self._resources()
        self._health()
        self._start_at_zero(tuple(models))

    def _counter(self, name: str, about: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, about, labels, namespace=PREFIX, registry=self.registry)

    def _gauge(self, name: str, about: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, about, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, about: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, about, labels, namespace=PREFIX, registry=self.registry, buckets=buckets)

    def _http(self) -> None:
        labels = ("method", "route", "status_code")
        self.http_requests = self._counter("http_requests", "Requests answered or aborted; probes excluded.", labels)
        self.http_duration = self._histogram(
            "http_request_duration_seconds", "Time from first byte in to last byte out.", labels, HTTP_BUCKETS_S
        )
        self.errors = self._counter(
            "errors", "Failures, each once, at the component that failed.", ("type", "component", "severity")
        )

    def _inference(self) -> None:
        self.inferences = self._counter(
            "inference", "Inferences that completed or failed.", ("model", "strategy", "status", "cached")
        )
        self.inference_duration = self._histogram(
            "inference_duration_seconds",
            "Time from the start of an inference to its end.",
            ("model", "strategy"),
            INFERENCE_BUCKETS_S,
        )
        self.tokens = self._counter(
            "tokens_generated", "Tokens that an engine generated; cached answers add none.", ("model", "strategy")
        )
        self.token_rate = self._histogram(
            "tokens_per_second", "Tokens per second of one real generation.", ("model",), TOKEN_RATE_BUCKETS
        )

    def _models(self) -> None:
        self.models_loaded = self._gauge("models_loaded", "Models loaded now.", ("format", "size_category"))
        self.model_load_duration = self._histogram(
            "model_load_duration_seconds", "Time that a model took to load.", ("model", "format"), LOAD_BUCKETS_S
        )
        self.model_memory = self._gauge("model_memory_bytes", "Memory of each loaded model.", ("model", "format"))

    def _resources(self) -> None:
        self.cache_hits = self._counter("cache_hits", "Cache look-ups that found an answer.", ("cache_type",))
        self.cache_misses = self._counter("cache_misses", "Cache look-ups that found none.", ("cache_type",))
        self.cache_size = self._gauge("cache_size_bytes", "Bytes that the cache holds.", ("cache_type",))
        self.connections = self._gauge("active_connections", "Connections that carry traffic.", ("type", "protocol"))
        self.connection_duration = self._histogram(
            "connection_duration_seconds", "Lifetime of a connection.", ("type", "protocol"), CONNECTION_BUCKETS_S
        )
        self.queue_size = self._gauge("queue_size", "Requests that wait for a worker.", ("queue_type",))
        self.queue_wait = self._histogram(
            "queue_processing_seconds", "Time from enqueue to dequeue.", ("queue_type",), QUEUE_BUCKETS_S
        )

    def _health(self) -> None:
        self.health = self._gauge("health_status", "1 where the check is healthy, else 0.", ("check",))
        self.health_overall = self._gauge("health_overall", "1 for the state that holds, else 0.", ("status",))

    def _start_at_zero(self, models: tuple[ModelSpec, ...]) -> None:
        for outcome in HTTP_OUTCOMES:
            self.http_requests.labels(*outcome)
            self.http_duration.labels(*outcome)
        for kind in known_errors():
            self.errors.labels(kind.type, kind.component, kind.severity)
        for model in models:
            self._model_at_zero(model)
        for model_format in FORMATS:
            for size in SIZE_CATEGORIES:
                self.models_loaded.labels(model_format, size)
        for connection in CONNECTIONS:
            self.connections.labels(*connection)
            self.connection_duration.labels(*connection)
        for family in (self.cache_hits, self.cache_misses, self.cache_size):
            family.labels(CACHE_TYPE)
        self.queue_size.labels(QUEUE_TYPE)
        self.queue_wait.labels(QUEUE_TYPE)
        for check in CHECKS:
            self.health.labels(check)
        for state in HEALTH_STATES:
            self.health_overall.labels(state)

    def _model_at_zero(self, model: ModelSpec) -> None:
        self.token_rate.labels(model.name)
        self.model_load_duration.labels(model.name, model.format)
        for strategy in STRATEGIES:
            self.inference_duration.labels(model.name, strategy)
            self.tokens.labels(model.name, strategy)
            for outcome in OUTCOMES:
                self.inferences.labels(model.name, strategy, *outcome)
