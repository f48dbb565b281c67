"""Requests of every kind through the application: status, counters, lines, each exactly once."""

import asyncio
import socket
from typing import Any

import orjson
import pytest

from reference_router.engines.base import Job, Piece
from reference_router.errors import InferenceFailed
from reference_router.http.instrument import Instrument
from reference_router.http.listener import open_socket
from reference_router.requests import MAX_BODY_BYTES

GENERATE = "/api/generate"


def test_a_generation_is_answered_counted_and_told_once(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        reply = await client.generate("hello", "req-7")
        data = reply.document["data"]
        assert reply.status == 200
        assert reply.headers[b"x-request-id"] == b"req-7"
        assert reply.document["metadata"]["request_id"] == "req-7"
        names = ["text", "tokens", "generated_tokens", "model", "device", "strategy", "cached", "finish_reason"]
        assert list(data) == names
        assert len(data["text"].split()) == data["tokens"] == count(router, "tokens_generated_total")
        assert data["generated_tokens"] == data["tokens"]
        assert count(router, "http_requests_total", status_code="200", route=GENERATE, method="POST") == 1
        assert count(router, "inference_total", status="success", cached="false") == 1
        assert count(router, "inference_duration_seconds_count") == count(router, "tokens_per_second_count") == 1
        assert count(router, "cache_misses_total") == count(router, "queue_processing_seconds_count") == 1
        assert count(router, "errors_total") == 0
        assert reply.document["metadata"]["duration"] >= count(router, "inference_duration_seconds_sum") > 2

    lab.run(story())
    for_request = [
        (stream, line["msg"])
        for stream in ("application", "access", "audit", "metrics", "error")
        for line in lab.lines(stream)
        if line.get("request_id") == "req-7"
    ]
    assert for_request == [
        ("application", "generation request"),
        ("application", "inference started"),
        ("application", "inference completed"),
        ("application", "generation completed"),
        ("access", "request"),
        ("audit", "audit"),
        ("audit", "audit"),
        ("metrics", "metric"),
        ("metrics", "metric"),
    ]


def test_the_planned_time_is_the_observed_time(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot(speed=60.0)
        await client.generate("hello", max_tokens=10)
        device = next(device for device in router.engine.devices.all if device.id == "gpu:0")
        from reference_router.clock import Stopwatch

        job = Job(
            model=router.models.known["ember-7b"],
            device=device,
            prompt="hello",
            max_tokens=10,
            seed=0,
            stream=False,
            watch=Stopwatch(router.clock),
        )
        assert count(router, "inference_duration_seconds_sum") == router.engine.plan(job).duration_s

    lab.run(story())


def test_the_second_time_the_cache_answers(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        first = (await client.generate()).document["data"]
        second = (await client.generate()).document["data"]
        assert second == first | {"cached": True, "device": "cache", "generated_tokens": 0}
        streamed = await client.generate(stream=True)
        assert orjson.loads(streamed.events[-2])["data"]["text"] == first["text"]
        await client.generate(cache=False)
        assert count(router, "cache_hits_total") == 2
        assert count(router, "cache_misses_total") == 1
        assert count(router, "inference_total", cached="true", status="success") == 2
        assert count(router, "tokens_generated_total") == 2 * first["tokens"]
        assert count(router, "cache_size_bytes") > 0

    lab.run(story())


def test_a_stream_tells_tokens_then_the_whole_then_done(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot(speed=20.0)
        open_streams: list[float] = []
        client.on_send = lambda _: open_streams.append(count(router, "active_connections", type="stream"))
        reply = await client.generate(stream=True, max_tokens=30)
        *tokens, last, done = reply.events
        documents = [orjson.loads(token) for token in tokens]
        answer = orjson.loads(last)
        assert done == "[DONE]"
        assert len(documents) > 1
        assert "".join(document["text"] for document in documents) == answer["data"]["text"]
        assert sum(document["tokens"] for document in documents) == answer["data"]["tokens"]
        assert answer["metadata"]["request_id"] == "r-1"
        assert reply.headers[b"content-type"] == b"text/event-stream"
        assert open_streams[:2] == [1, 1]
        assert open_streams[-1] == 0
        assert count(router, "connection_duration_seconds_count", type="stream") == 1

    lab.run(story())
    access = lab.lines("access")
    assert len(access) == 1
    assert access[0]["response"]["content_type"] == "text/event-stream"
    assert access[0]["response"]["content_length"] > 0


@pytest.mark.parametrize(
    ("method", "path", "status", "route", "kind"),
    [
        ("POST", GENERATE, 400, GENERATE, "validation"),
        ("GET", GENERATE, 405, GENERATE, "method_not_allowed"),
        ("GET", "/secret/path", 404, "unmatched", "not_found"),
        ("POST", GENERATE + "/", 404, "unmatched", "not_found"),
        ("BREW", "/tea", 404, "unmatched", "not_found"),
    ],
)
def test_what_cannot_be_served_counts_once(
    lab: Any, count: Any, method: str, path: str, status: int, route: str, kind: str
) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        reply = await client.ask(method, path, b"{", query=b"token=secret", headers=[(b"authorization", b"secret")])
        document = reply.document
        assert (reply.status, document["success"]) == (status, False)
        assert document["request_id"].encode() == reply.headers[b"x-request-id"]
        assert (b"allow" in reply.headers) == (status == 405)
        label = method if method != "BREW" else "OTHER"
        assert count(router, "http_requests_total", method=label, route=route, status_code=str(status)) == 1
        assert count(router, "http_requests_total") == count(router, "errors_total") == 1
        assert count(router, "errors_total", type=kind, component="http", severity="warning") == 1

    lab.run(story())
    [access], [error] = lab.lines("access"), lab.lines("error")
    assert access["request_id"] == error["request_id"]
    assert access["request"]["url"] == f"{path}?[redacted]"
    assert list(error["error"]) == ["name", "message", "stack", "code"]
    assert "secret" not in str([access["request"]["query"], access["request"]["headers"], error["error"]["message"]])


@pytest.mark.parametrize("complete", [True, False])
def test_an_answer_that_breaks_off_counts_once(lab: Any, count: Any, complete: bool) -> None:
    async def breaks(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": not complete})
        raise KeyError("late")

    async def story() -> None:
        router, client = await lab.boot()
        client.app = Instrument(
            breaks,
            clock=router.clock,
            recorder=router.recorder,
            connections=router.connections,
            routes={GENERATE},
            probes=set(),
        )
        assert (await client.ask("POST", GENERATE)).status == 200
        assert count(router, "http_requests_total", status_code="200") == count(router, "http_requests_total") == 1
        assert count(router, "errors_total", type="internal") == count(router, "errors_total") == 1

    lab.run(story())
    assert len(lab.lines("access")) == 1


def test_counters_move_before_the_last_byte(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        seen: list[float] = []
        client.on_send = lambda reply: seen.append(count(router, "http_requests_total")) if reply.finished else None
        await client.generate()
        await client.generate("other", stream=True)
        await client.ask("GET", "/nowhere")
        assert seen == [1, 2, 3]

    lab.run(story())


def test_probes_are_no_traffic(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        for path in ("/health", "/health/live", "/health/ready", "/metrics", "/debug"):
            assert (await client.ask("GET", path)).status == 200
        assert (await client.ask("POST", "/metrics")).status == 405
        assert count(router, "http_requests_total") == count(router, "errors_total") == 0
        debug = (await client.ask("GET", "/debug")).document
        assert (debug["status"], debug["health"]) == ("serving", "healthy")
        assert debug["metric_count"] > 25
        assert debug["environment"]["engine"] == "simulated"

    lab.run(story())
    assert lab.lines("access") == []


def test_the_metrics_server_serves_before_the_application_does(lab: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        client.app = router.metrics_app
        router.lifecycle.name = "initializing"
        assert (await client.ask("GET", "/health")).status == 503
        text = await client.ask("GET", "/metrics")
        assert b"# TYPE llm_router_queue_size gauge" in text.body
        assert text.headers[b"content-type"].startswith(b"text/plain")
        router.lifecycle.name = "serving"
        assert (await client.ask("GET", "/health")).status == 200
        assert (await client.ask("GET", "/metrics/json")).document["metrics"]
        assert (await client.ask("GET", "/else")).status == 404

    lab.run(story())


def test_a_body_over_ten_megabytes_is_refused_after_it_was_heard(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        megabyte = b"x" * 1024 * 1024
        whole = b'{"prompt":"' + b"x" * (MAX_BODY_BYTES - 13) + b'"}'
        assert (await client.ask("POST", GENERATE, [whole[: len(whole) // 2], whole[len(whole) // 2 :]])).status == 200
        assert (await client.ask("POST", GENERATE, [megabyte] * 11)).status == 400
        endless = await client.ask("POST", GENERATE, [megabyte] * 100)
        assert (endless.status, endless.document["error"]["code"]) == (400, "BAD_REQUEST")
        assert count(router, "http_requests_total") == 3

    lab.run(story())
    assert [line["prompt_length"] for line in lab.lines("application", "generation request")] == [MAX_BODY_BYTES - 13]


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_is_499_and_no_error(lab: Any, count: Any, stream: bool) -> None:
    async def story() -> None:
        router, client = await lab.boot(speed=1.0, models=("spark-1b",))
        gone = asyncio.Event()
        body = orjson.dumps({"prompt": "x", "options": {"stream": stream}})
        asking = asyncio.create_task(client.ask("POST", GENERATE, body, gone=gone))
        while not count(router, "cache_misses_total") or (stream and not lab.lines("application", "inference started")):
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.15)
        gone.set()
        reply = await asking
        assert (reply.status, reply.finished) == ((200, False) if stream else (None, False))
        assert count(router, "http_requests_total", status_code="499") == count(router, "http_requests_total") == 1
        assert count(router, "inference_total", status="aborted") == count(router, "inference_total") == 1
        assert 0.1 < count(router, "inference_duration_seconds_sum") < 3
        assert count(router, "errors_total") == 0
        assert (count(router, "tokens_generated_total") > 0) == stream
        assert count(router, "active_connections") == router.queue.busy == 0
        assert router.models.in_flight == {"spark-1b": 0}

    lab.run(story())
    assert lab.lines("error") == []
    [failed] = lab.lines("application", "generation failed")
    assert (failed["level"], failed["error"]["code"]) == ("warn", "CLIENT_CLOSED_REQUEST")
    assert [line["event"] for line in lab.lines("audit") if "request_id" in line] == [
        "inference_start",
        "inference_error",
    ]


def test_a_client_that_leaves_while_it_speaks_is_499(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        gone = asyncio.Event()
        gone.set()
        scope_body: list[bytes] = []
        await client.ask("POST", GENERATE, scope_body, gone=gone)
        assert count(router, "http_requests_total", status_code="499") == 1

    lab.run(story())


@pytest.mark.parametrize("stream", [False, True])
def test_a_shutdown_that_cuts_a_request_says_so_to_its_client(lab: Any, count: Any, stream: bool) -> None:
    async def story() -> None:
        router, client = await lab.boot(speed=1.0, models=("spark-1b",))
        asking = asyncio.create_task(client.generate(stream=stream))
        await asyncio.sleep(0.15)
        asking.cancel()
        reply = await asking
        assert reply.status == (200 if stream else 503)
        assert reply.finished == (not stream)
        assert count(router, "http_requests_total", status_code=str(reply.status)) == 1
        assert count(router, "inference_total", status="error") == 1
        assert count(router, "errors_total", type="shutdown") == count(router, "errors_total") == 1

    lab.run(story())


def _engine_that(router: Any, *, pieces: int, error: Exception) -> None:
    async def generate(_job: Job) -> Any:
        for _ in range(pieces):
            yield Piece("word", 1)
        raise error

    router.engine.generate = generate


def test_a_failed_generation_is_an_honest_500_also_for_a_stream(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        _engine_that(router, pieces=0, error=InferenceFailed("the engine gave up"))
        for stream in (False, True):
            reply = await client.generate(stream=stream)
            assert (reply.status, reply.document["error"]["code"]) == (500, "INFERENCE_FAILED")
        assert count(router, "errors_total", type="inference", component="engine", severity="error") == 2
        assert count(router, "errors_total") == count(router, "inference_total", status="error") == 2
        assert count(router, "tokens_per_second_count") == 0

    lab.run(story())
    assert len(lab.lines("error")) == 2
    assert [line["inference"]["success"] for line in lab.lines("application", "inference failed")] == [False, False]


def test_a_stream_that_fails_midway_says_so_in_its_last_event(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        _engine_that(router, pieces=3, error=ValueError("my secret"))
        reply = await client.generate(stream=True)
        *_, last, done = reply.events
        assert (reply.status, done) == (200, "[DONE]")
        assert orjson.loads(last)["error"]["code"] == "INFERENCE_FAILED"
        assert count(router, "http_requests_total", status_code="200") == count(router, "errors_total") == 1
        assert count(router, "tokens_generated_total") == 3
        assert "my secret" not in reply.body.decode()

    lab.run(story())


def test_a_defect_of_the_router_is_a_critical_500_that_tells_nothing(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()

        def defect(_key: object) -> object:
            raise KeyError("internals")

        router.cache.get = defect
        reply = await client.generate()
        assert (reply.status, reply.document["error"]["message"]) == (500, "unexpected KeyError")
        assert count(router, "errors_total", type="internal", severity="critical") == count(router, "errors_total") == 1

    lab.run(story())
    assert lab.lines("error")[0]["level"] == "fatal"
    assert len(lab.lines("application", "generation failed")) == 1


def test_a_full_queue_and_a_router_without_models_answer_503(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot(workers=1, queue_capacity=1)
        router.queue.withhold(1)
        waiting = asyncio.create_task(client.generate("first"))
        while router.queue.size == 0:
            await asyncio.sleep(0)
        assert count(router, "queue_size", queue_type="inference") == 1
        full = await client.generate("second")
        router.queue.withhold(-1)
        assert (await waiting).status == 200
        for name in ("ember-7b", "spark-1b"):
            router.models.unload(name)
        empty = await client.generate("third")
        assert (full.status, full.document["error"]["code"]) == (503, "QUEUE_FULL")
        assert (empty.status, empty.document["error"]["code"]) == (503, "NO_MODEL")
        assert count(router, "errors_total", type="queue_full", component="queue") == 1
        assert count(router, "errors_total", type="no_model", component="routing") == 1
        assert count(router, "models_loaded") == count(router, "queue_size") == 0
        assert count(router, "inference_total") == 1

    lab.run(story())


def test_a_failure_while_recording_never_fails_a_request(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()

        def broken(*_: object) -> None:
            raise RuntimeError("the metrics library is out of order")

        router.metrics.http_duration.labels = broken
        router.metrics.inferences.labels = broken
        assert (await client.generate()).status == 200
        assert count(router, "errors_total", type="telemetry") == count(router, "errors_total") == 2
        router.metrics.errors.labels = broken
        assert (await client.ask("GET", "/nowhere")).status == 404

    lab.run(story())


def test_connections_count_once_they_carry_traffic(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        connections = router.connections
        peer = ("127.0.0.1", 40000)
        connections.made(peer)
        await client.ask("GET", "/health/live")
        assert count(router, "active_connections") == 0
        await client.generate()
        await client.generate()
        assert count(router, "active_connections", type="client", protocol="http") == 1
        connections.lost(peer)
        connections.lost(peer)
        connections.made(("127.0.0.1", 40001))
        connections.lost(("127.0.0.1", 40001))
        assert count(router, "active_connections") == 0
        assert count(router, "connection_duration_seconds_count", type="client") == 1

    lab.run(story())


def test_loading_and_unloading_is_told_everywhere(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, _ = await lab.boot()
        assert count(router, "models_loaded", format="gguf", size_category="small") == 1
        assert count(router, "model_memory_bytes", model="ember-7b") == 4.2e9
        assert count(router, "model_load_duration_seconds_sum", model="ember-7b") == 1.05
        router.models.unload("ember-7b")
        assert count(router, "models_loaded", format="safetensors", size_category="medium") == 0
        assert count(router, "model_memory_bytes", model="ember-7b") == 0

    lab.run(story())
    [ember, _] = lab.lines("application", "model loaded")
    assert ember["model"] == {
        "id": "mdl-ember-7b",
        "name": "ember-7b",
        "format": "safetensors",
        "size": 4200000000,
        "load_duration": 1.05,
    }
    assert [line["event"] for line in lab.lines("audit")] == ["model_load", "model_load", "model_unload"]
    assert {line["metric"]["name"] for line in lab.lines("metrics")} == {"model_load_duration_seconds"}


def test_one_type_per_json_path_over_all_streams(lab: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        await client.generate()
        await client.generate(stream=True, model="spark-1b")
        await client.ask("POST", GENERATE, b"")
        _engine_that(router, pieces=1, error=InferenceFailed("no"))
        await client.generate("other")
        router.models.unload("ember-7b")
        router.recorder.start_failed(ValueError("x"))

    lab.run(story())
    types: dict[str, set[str]] = {}

    def walk(path: str, value: Any) -> None:
        kind = {True: "object", False: type(value).__name__}[isinstance(value, dict)]
        if value is not None:
            types.setdefault(path, set()).add(kind)
        for key, inner in value.items() if isinstance(value, dict) else ():
            walk(f"{path}.{key}".lstrip("."), inner)

    for stream in ("application", "access", "error", "audit", "metrics"):
        for line in lab.lines(stream):
            walk("", line)
    assert {path: kinds for path, kinds in types.items() if len(kinds) > 1} == {}
    assert types["model"] == types["error"] == types["options.model"] == {"object"}


def test_no_byte_of_an_answer_waits_for_the_one_before_to_be_acknowledged() -> None:
    """Head and body are written apart: on a kept connection the second would wait for 40 ms."""
    with open_socket("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
