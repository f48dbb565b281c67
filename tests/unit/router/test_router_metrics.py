"""Names, types, labels and buckets as the specification has them, all there before anything happened."""

import gc
import math
import random
from pathlib import Path
from typing import Any

import orjson
import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from reference_router import instruments, process
from reference_router.exposition import Exposition
from reference_router.metrics import Metrics
from reference_router.models import CATALOGUE
from reference_router.process import LoopLag, ProcessCollector, resident_memory_bytes

SPECIFIED: dict[str, tuple[str, set[str], str]] = {
    "http_request_duration_seconds": ("histogram", {"method", "route", "status_code"}, ".01 .05 .1 .5 1 2 5 10 30"),
    "http_requests": ("counter", {"method", "route", "status_code"}, ""),
    "inference": ("counter", {"model", "strategy", "status", "cached"}, ""),
    "inference_duration_seconds": ("histogram", {"model", "strategy"}, ".1 .5 1 2 5 10 30 60 120"),
    "tokens_generated": ("counter", {"model", "strategy"}, ""),
    "tokens_per_second": ("histogram", {"model"}, "1 5 10 20 50 100 200 500"),
    "models_loaded": ("gauge", {"format", "size_category"}, ""),
    "model_load_duration_seconds": ("histogram", {"model", "format"}, "1 5 10 30 60 120 300 600"),
    "cache_hits": ("counter", {"cache_type"}, ""),
    "cache_misses": ("counter", {"cache_type"}, ""),
    "cache_size_bytes": ("gauge", {"cache_type"}, ""),
    "active_connections": ("gauge", {"type", "protocol"}, ""),
    "connection_duration_seconds": ("histogram", {"type", "protocol"}, "1 10 30 60 300 600 1800 3600"),
    "errors": ("counter", {"type", "component", "severity"}, ""),
    "queue_size": ("gauge", {"queue_type"}, ""),
    "queue_processing_seconds": ("histogram", {"queue_type"}, ".01 .1 .5 1 5 10 30"),
}


def _metrics() -> Metrics:
    return Metrics([CATALOGUE["ember-7b"], CATALOGUE["spark-1b"]])


def _families(metrics: Metrics) -> dict[str, Any]:
    text = Exposition(metrics.registry).text().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


@pytest.mark.parametrize("name", SPECIFIED)
def test_each_family_is_as_specified_and_exists_at_zero(name: str) -> None:
    kind, labels, buckets = SPECIFIED[name]
    family = _families(_metrics())[f"llm_router_{name}"]
    assert family.type == kind
    assert family.samples
    assert all(sample.value == 0 for sample in family.samples)
    assert all(sample.labels.keys() - {"le"} == labels for sample in family.samples)
    found = {float(sample.labels["le"]) for sample in family.samples if "le" in sample.labels}
    assert found == ({float(bound) for bound in buckets.split()} | {math.inf} if buckets else set())


def test_model_memory_has_series_only_while_a_model_is_loaded() -> None:
    metrics = _metrics()
    assert "llm_router_model_memory_bytes" in {family.name for family in metrics.registry.collect()}
    metrics.model_memory.labels("ember-7b", "safetensors").set(5)
    assert len(_families(metrics)["llm_router_model_memory_bytes"].samples) == 1


class _Moved:
    """The same instruments twice, prometheus_client's and ours, and the same moves for both."""

    def __init__(self, library: Any) -> None:
        prometheus_client.disable_created_metrics()
        self.registry = CollectorRegistry()
        self.counter = library.Counter("c", 'of\nmany "things" \\', ["z", "a"], registry=self.registry)
        self.gauge = library.Gauge("g", "plain", ["l"], registry=self.registry)
        self.histogram = library.Histogram("h", "h", ["l"], registry=self.registry, buckets=(0.1, 1))
        self.held = self.gauge.labels("held")

    def move(self, number: int) -> None:
        chance = random.Random(number)
        label = chance.choice(["ü", 'quo"te', "back\\slash\nnew", 7])
        chance.choice(
            [
                lambda: self.counter.labels(a=label, z="named").inc(chance.choice([1, 2.5, 1e18])),
                lambda: self.gauge.labels(label).set(chance.choice([float("inf"), float("nan"), -3, 1e-9])),
                lambda: self.gauge.labels(label).inc(),
                lambda: self.gauge.labels(str(label)).dec(0.5),
                lambda: self.gauge.remove(label),
                lambda: self.held.inc(),
                lambda: self.histogram.labels(label).observe(chance.random() * 2),
                lambda: None,
            ]
        )()


def test_the_text_is_that_of_the_reference_implementation_after_every_move() -> None:
    ours, theirs = _Moved(instruments), _Moved(prometheus_client)
    exposition = Exposition(ours.registry)
    for number in range(300):
        ours.move(number)
        theirs.move(number)
        assert exposition.text() == generate_latest(theirs.registry), number
    told = Exposition(theirs.registry)
    assert told.text() == generate_latest(theirs.registry), "instruments of others are rendered alike"
    assert orjson.dumps(exposition.json()) == orjson.dumps(told.json())


def test_what_did_not_move_is_not_told_anew() -> None:
    moved = _Moved(instruments)
    for number in range(50):
        moved.move(number)
    [before] = moved.gauge.collect()
    moved.held.set(5)
    [after] = moved.gauge.collect()
    told = [new is old for old, new in zip(before.samples, after.samples, strict=True)]
    assert told.count(False) == 1
    assert after.samples[told.index(False)].value == 5


def test_json_has_every_sample_and_filters_change_only_the_text() -> None:
    exposition = Exposition(_metrics().registry)
    exposition.filters.append(lambda text: text.replace(b"llm_", b"xxx_"))
    document = exposition.json()
    assert len(document) == exposition.family_count()
    assert {"name", "type", "help", "samples"} == document[0].keys()
    assert b"llm_" not in exposition.text()
    assert "llm_router_queue_size" in {family["name"] for family in document}


def test_the_process_is_described_under_the_same_prefix() -> None:
    values = {family.name: family.samples[0].value for family in ProcessCollector(LoopLag()).collect()}
    gc.callbacks.pop()
    wanted = {
        "process_cpu_seconds",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_heap_bytes",
        "process_start_time_seconds",
        "process_open_fds",
        "process_max_fds",
    }
    assert all(values[f"llm_router_{name}"] > 0 for name in wanted)
    assert values["llm_router_process_virtual_memory_bytes"] > values["llm_router_process_resident_memory_bytes"]
    assert abs(values["llm_router_process_open_fds"] - len(list(Path("/proc/self/fd").iterdir()))) <= 2
    assert {"llm_router_runtime_gc_collections", "llm_router_runtime_gc_collected"} <= values.keys()


def test_garbage_collection_pauses_add_up() -> None:
    collector = ProcessCollector(LoopLag())
    gc.collect()
    gc.callbacks.pop()
    pauses = next(family for family in collector.collect() if family.name == "llm_router_runtime_gc_pause_seconds")
    assert pauses.samples[0].value > 0


def test_without_proc_the_peak_stands_for_memory_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> object:
        raise OSError("no /proc here")

    real_bytes = resident_memory_bytes()
    monkeypatch.setattr(Path, "open", missing)
    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(process.os, "listdir", missing)
    values = {family.name: family.samples[0].value for family in ProcessCollector(LoopLag()).collect()}
    gc.callbacks.pop()
    assert values["llm_router_process_resident_memory_bytes"] >= 0.5 * real_bytes
    assert values["llm_router_process_heap_bytes"] == values["llm_router_process_open_fds"] == 0
