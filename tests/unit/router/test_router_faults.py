"""Every fault: it takes effect, says how often, heals without a trace; nonsense changes nothing."""

import asyncio
import mmap
from typing import Any

import orjson
import pytest

from reference_router.faults.admin import admin_application
from reference_router.faults.base import FAULTS, Portions
from reference_router.process import resident_memory_bytes


class Admin:
    def __init__(self, client: Any, app: Any) -> None:
        self.client = type(client)(app)

    async def inject(self, **faults: Any) -> dict[str, Any]:
        reply = await self.client.ask("POST", "/faults", orjson.dumps(faults))
        assert reply.status == 200, reply.body
        return reply.document["active"]

    async def refuse(self, body: Any) -> str:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        reply = await self.client.ask("POST", "/faults", raw)
        assert reply.status == 400
        return reply.document["error"]

    async def state(self, name: str) -> dict[str, Any]:
        return (await self.client.ask("GET", "/faults")).document["active"][name]

    async def heal(self, name: str = "") -> dict[str, Any]:
        reply = await self.client.ask("DELETE", f"/faults/{name}" if name else "/faults")
        assert reply.status == 200
        return reply.document["healed"]


async def _start(lab: Any, **settings: Any) -> tuple[Any, Any, Admin]:
    router, client = await lab.boot(**settings)
    return router, client, Admin(client, admin_application(router))


async def _statuses(client: Any, number: int, **options: Any) -> list[int]:
    return [(await client.generate(f"prompt {index}", cache=False, **options)).status for index in range(number)]


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.1, 1 / 3, 0.4, 0.99, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_portions_are_exact_and_evenly_spread(ratio: float, seed: int) -> None:
    portions = Portions({"a": ratio}, seed)
    due = [portions.next() is not None for _ in range(1000)]
    for start in range(0, 900, 50):
        for length in (1, 10, 100):
            assert abs(sum(due[start : start + length]) - ratio * length) <= 1.001


def test_the_seed_moves_the_pattern_and_repeats_it() -> None:
    def pattern(seed: int) -> list[str | None]:
        portions = Portions({"a": 0.2}, seed)
        return [portions.next() for _ in range(10)]

    assert pattern(3) == pattern(3)
    assert len({tuple(pattern(seed)) for seed in range(10)}) > 1


def test_several_kinds_each_get_their_share() -> None:
    portions = Portions({"a": 0.5, "b": 0.3, "c": 0.2}, 4)
    due = [portions.next() for _ in range(1000)]
    assert None not in due[5:]
    for kind, share in (("a", 500), ("b", 300), ("c", 200)):
        assert abs(due.count(kind) - share) <= 3


def test_inference_errors_fail_exactly_their_share_and_confirm_it(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab)
        active = await admin.inject(inference_errors=0.4)
        assert active["inference_errors"]["applied"] == 0
        assert active["inference_errors"]["first_applied"] is None
        statuses = await _statuses(client, 20)
        assert statuses.count(500) == 8
        state = await admin.state("inference_errors")
        assert (state["applied"], state["parameters"]["ratio"]) == (8, 0.4)
        assert state["since"] <= state["first_applied"]
        await client.ask("GET", "/health")
        assert (await admin.heal("inference_errors"))["inference_errors"]["applied"] == 8
        assert await _statuses(client, 3) == [200] * 3
        assert count(router, "errors_total", type="inference") == count(router, "errors_total") == 8

    lab.run(story())


def test_total_failure_reaches_health_and_half_of_it_does_not(lab: Any) -> None:
    async def story() -> None:
        _, client, admin = await _start(lab)
        await admin.inject(inference_errors={"ratio": 0.5})
        assert (await client.ask("GET", "/health")).document["status"] == "healthy"
        await admin.inject(inference_errors={"ratio": 1})
        document = (await client.ask("GET", "/health")).document
        assert document["status"] == "degraded"
        assert not document["checks"]["inference_capability"]["healthy"]
        assert (await admin.state("inference_errors"))["applied"] == 0  # probes do not count
        await admin.heal()
        assert (await client.ask("GET", "/health")).document["status"] == "healthy"

    lab.run(story())


def test_errors_come_in_kinds_and_after_a_time(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab)
        await admin.inject(inference_errors={"kinds": {"out_of_memory": 0.5, "timeout": 0.5}, "after_s": 7})
        assert await _statuses(client, 6) == [500] * 6
        assert count(router, "errors_total", type="out_of_memory") == 3
        assert count(router, "errors_total", type="timeout") == 3
        assert count(router, "inference_duration_seconds_sum") == 42

    lab.run(story())


def test_latency_is_added_and_multiplied(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab)
        await client.generate(cache=False)
        plain_s = count(router, "inference_duration_seconds_sum")
        await admin.inject(latency={"add_s": 35, "factor": 2})
        await client.generate(cache=False)
        slow_s = count(router, "inference_duration_seconds_sum") - plain_s
        assert slow_s == pytest.approx(35 + 2 * plain_s)
        assert (await admin.heal("latency"))["latency"]["applied"] == 1

    lab.run(story())


def test_a_hang_holds_until_it_is_healed_while_health_answers(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab, workers=1)
        await admin.inject(hang={})
        asking = [asyncio.create_task(client.generate(str(index))) for index in range(3)]
        while router.queue.size < 2:
            await asyncio.sleep(0.001)
        state = await admin.state("hang")
        assert (state["applied"], state["evidence"]) == (1, {"hanging": 1})
        health = (await client.ask("GET", "/health")).document
        assert not health["checks"]["inference_capability"]["healthy"]
        assert count(router, "http_requests_total") == 0
        await admin.heal()
        assert [(await task).status for task in asking] == [200] * 3
        assert count(router, "inference_duration_seconds_sum") > 250  # the hang was production time

    lab.run(story())


def test_a_failed_gpu_falls_back_to_the_cpu_and_counts_once(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab)
        await admin.inject(device_failure={"pool": "gpu"})
        reply = await client.generate(model="ember-7b", request_id="fell-back")
        assert (reply.status, reply.document["data"]["device"]) == (200, "cpu:0")
        assert count(router, "errors_total", type="device", component="engine", severity="warning") == 1
        assert count(router, "inference_total", status="success") == 1
        await admin.inject(device_failure={"pool": "cpu"})
        assert (await client.generate(model="spark-1b")).status == 500
        assert count(router, "errors_total", type="device") == count(router, "errors_total") == 2
        assert await admin.heal("device_failure")

    lab.run(story())
    assert [line["request_id"] for line in lab.lines("error")] == ["fell-back", "r-1"]


def test_both_pools_failing_is_one_failure(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, _ = await _start(lab)
        from reference_router.errors import DeviceFailed

        async def broken(_job: Any) -> None:
            raise DeviceFailed("gone")

        router.inferences.before.append(broken)
        assert (await client.generate(model="ember-7b")).status == 500
        assert count(router, "errors_total") == 1

    lab.run(story())


def test_unloaded_models_are_gone_and_come_back(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab)
        active = await admin.inject(unload_models={})
        assert (active["unload_models"]["applied"], active["unload_models"]["evidence"]) == (2, {"loaded": []})
        assert count(router, "models_loaded") == 0
        assert (await client.generate()).status == 503
        assert (await client.ask("GET", "/health")).document["status"] == "critical"
        await admin.inject(unload_models={"models": ["ember-7b"]})
        assert [model.name for model in router.models.loaded] == ["spark-1b"]
        await admin.heal()
        assert count(router, "models_loaded") == 2
        assert (await client.generate()).status == 200

    lab.run(story())


def test_a_bypassed_cache_misses_what_it_holds(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab)
        await client.generate()
        await admin.inject(cache_bypass={"ratio": 0.5})
        cached = [(await client.generate()).document["data"]["cached"] for _ in range(4)]
        assert sorted(cached) == [False, False, True, True]
        assert (await admin.heal())["cache_bypass"]["applied"] == 2
        assert (count(router, "cache_hits_total"), count(router, "cache_misses_total")) == (2, 3)

    lab.run(story())


def test_a_broken_cache_keeps_nothing_and_is_told_by_its_check(lab: Any, count: Any) -> None:
    async def story() -> None:
        _, client, admin = await _start(lab)
        await client.generate()
        assert (await admin.inject(cache_broken={}))["cache_broken"]["evidence"] == {"round_trip": False}
        assert (await client.generate()).document["data"]["cached"] is False
        health = (await client.ask("GET", "/health")).document
        assert (health["status"], health["checks"]["cache_functionality"]["healthy"]) == ("degraded", False)
        await admin.heal()
        assert (await client.generate()).document["data"]["cached"] is True
        assert (await client.ask("GET", "/health")).document["status"] == "healthy"

    lab.run(story())


def test_models_of_the_catalogue_are_loaded_beside_the_others_and_unloaded(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, _, admin = await _start(lab)
        await admin.inject(load_models={"models": ["forge-34b", "titan-110b", "spark-1b"]})
        loaded = {"size_category": "large", "format": "safetensors"}
        assert count(router, "models_loaded", **loaded) == 1
        assert count(router, "models_loaded", **{**loaded, "size_category": "xlarge"}) == 1
        await admin.heal()
        assert [model.name for model in router.models.loaded] == ["ember-7b", "spark-1b"]
        assert count(router, "models_loaded") == 2

    lab.run(story())


def test_queue_pressure_fills_the_queue_and_heals(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab, queue_capacity=600)
        await admin.inject(queue_pressure={"size": 600, "workers": 8})
        assert count(router, "queue_size") == 600
        assert (await client.generate()).status == 503
        assert (await admin.heal())["queue_pressure"]["evidence"] == {"queue_size": 600}
        assert count(router, "queue_size") == 0
        assert (await client.generate()).status == 200

    lab.run(story())


def test_memory_is_resident_for_real_and_released(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, _, admin = await _start(lab)
        before = count(router, "process_resident_memory_bytes")
        target = int(before) + 300_000_000
        active = await admin.inject(memory={"target_bytes": target})
        assert active["memory"]["evidence"]["resident_bytes"] >= target
        assert target <= count(router, "process_resident_memory_bytes") < target + 50_000_000
        await admin.heal()
        assert count(router, "process_resident_memory_bytes") < before + 50_000_000

    lab.run(story())


def test_memory_goes_from_one_target_to_another_without_a_dip(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        _, _, admin = await _start(lab)
        before = resident_memory_bytes()
        await admin.inject(memory={"target_bytes": before + 200_000_000})
        seen: list[int] = []
        yielding = asyncio.sleep

        async def watched(delay: float) -> None:
            seen.append(resident_memory_bytes())
            await yielding(delay)

        monkeypatch.setattr("reference_router.faults.service.asyncio.sleep", watched)
        await admin.inject(memory={"target_bytes": before + 500_000_000})
        assert min(seen) >= before + 190_000_000
        assert resident_memory_bytes() >= before + 500_000_000
        await admin.inject(memory={"target_bytes": before + 200_000_000})
        assert min(seen) >= before + 190_000_000
        assert resident_memory_bytes() < before + 350_000_000
        await admin.heal()
        assert resident_memory_bytes() < before + 50_000_000

    lab.run(story())


def test_a_stall_stops_the_loop_once(lab: Any) -> None:
    async def story() -> None:
        _, _, admin = await _start(lab)
        await admin.inject(stall={"lasts_s": 100})
        loop = asyncio.get_running_loop()
        worst_s = 0.0
        while not (await admin.state("stall"))["applied"]:
            before_s = loop.time()
            await asyncio.sleep(0.001)
            worst_s = max(worst_s, loop.time() - before_s)
        assert worst_s > 0.09
        await admin.inject(stall={"lasts_s": 100})
        assert (await admin.heal())["stall"]["applied"] == 0

    lab.run(story())


def test_health_can_be_made_to_fail(lab: Any) -> None:
    async def story() -> None:
        _, client, admin = await _start(lab)
        await admin.inject(health={"checks": ["disk_space"]})
        document = (await client.ask("GET", "/health")).document
        assert (document["status"], document["summary"]["unhealthy"]) == ("degraded", 1)
        assert (await admin.heal())["health"]["applied"] >= 1
        assert (await client.ask("GET", "/health")).document["status"] == "healthy"

    lab.run(story())


def test_log_faults_touch_their_stream_alone(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client, admin = await _start(lab)
        await admin.inject(
            log_mute={"streams": ["audit"]},
            log_corrupt={"streams": ["metrics"]},
            log_drop_field={"path": "request.method", "streams": ["access"]},
        )
        assert (await client.generate()).status == 200
        healed = await admin.heal()
        assert {name: report["applied"] for name, report in healed.items()} == {
            "log_drop_field": 1,
            "log_corrupt": 2,
            "log_mute": 2,
        }
        await admin.inject(log_drop_field={"path": "no.such.field"}, log_write_failure={"streams": ["application"]})
        assert (await client.generate()).status == 200
        healed = await admin.heal()
        assert (healed["log_drop_field"]["applied"], healed["log_write_failure"]["applied"]) == (0, 4)
        assert count(router, "errors_total", type="log_write", component="logs") == 4
        assert count(router, "errors_total") == 4

    lab.run(story())
    assert "method" not in lab.lines("access")[0]["request"]
    assert "method" in lab.lines("access")[1]["request"]
    assert [line["seq"] for line in lab.lines("audit")] == [1, 2, 5, 6]
    raw = (lab.folder / "metrics.log").read_bytes().splitlines()
    broken = [line for line in raw if not line.endswith(b"}")]
    assert (len(raw), len(broken)) == (6, 2)


def test_logs_rotate_on_demand_where_they_hold_a_line(lab: Any) -> None:
    async def story() -> None:
        _, client, admin = await _start(lab)
        assert (await client.generate()).status == 200
        await admin.inject(log_rotate={"streams": ["access", "error"]})
        assert (await client.generate()).status == 200
        assert (await admin.heal())["log_rotate"]["applied"] == 1  # nothing failed: the error log is empty

    lab.run(story())
    older = (lab.folder / "access.log.1").read_text()
    assert (older.count("\n"), len(lab.lines("access"))) == (1, 1)
    assert not (lab.folder / "error.log.1").exists()


def test_metric_faults_change_the_text_and_say_so(lab: Any) -> None:
    async def scrape(client: Any) -> str:
        reply = await client.ask("GET", "/metrics")
        return reply.body.decode() if reply.status == 200 else str(reply.status)

    async def story() -> None:
        _, client, admin = await _start(lab)
        await client.generate()
        await admin.inject(metric_rename={"metric": "llm_router_inference_total", "to": "llm_router_renamed_total"})
        text = await scrape(client)
        assert "\nllm_router_renamed_total{" in text
        assert "# TYPE llm_router_renamed_total counter" in text
        assert "llm_router_inference_total" not in text
        assert "llm_router_inference_duration_seconds_bucket" in text
        assert (await admin.heal())["metric_rename"]["applied"] == 1

        await admin.inject(metric_drop={"metric": "llm_router_inference_duration_seconds"})
        assert "llm_router_inference_duration_seconds" not in await scrape(client)
        await admin.heal()

        await admin.inject(metric_label={"metric": "llm_router_queue_size", "label": "queue_type", "to": "kind"})
        text = await scrape(client)
        assert 'llm_router_queue_size{kind="inference"}' in text
        assert 'llm_router_queue_processing_seconds_count{queue_type="inference"}' in text
        await admin.heal()

        await admin.inject(metric_scale={"metric": "llm_router_cache_misses_total"})
        assert 'llm_router_cache_misses_total{cache_type="response"} 2.0' in await scrape(client)
        await admin.heal()

        await admin.inject(metric_freeze={}, metric_drop={"metric": "llm_router_nothing"})
        frozen = await scrape(client)
        await client.generate("other")
        assert await scrape(client) == frozen
        healed = await admin.heal()
        assert (healed["metric_freeze"]["applied"], healed["metric_drop"]["applied"]) == (1, 0)
        assert await scrape(client) != frozen

    lab.run(story())


def test_the_metrics_endpoint_can_fail_dawdle_or_hang(lab: Any) -> None:
    async def story() -> None:
        _, client, admin = await _start(lab)
        await admin.inject(metrics_endpoint={"mode": "error"})
        assert (await client.ask("GET", "/metrics")).status == 500
        await admin.inject(metrics_endpoint={"mode": "slow", "wall_s": 0.05})
        begun_s = asyncio.get_running_loop().time()
        assert (await client.ask("GET", "/metrics")).status == 200
        assert asyncio.get_running_loop().time() - begun_s >= 0.04
        await admin.inject(metrics_endpoint={"mode": "hang"})
        held = asyncio.create_task(client.ask("GET", "/metrics"))
        while not (await admin.state("metrics_endpoint"))["applied"]:
            await asyncio.sleep(0)
        assert (await client.generate()).status == 200
        assert not held.done()
        await admin.heal()
        assert (await held).status == 200

    lab.run(story())


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        [],
        {"no_such_fault": {}},
        {"inference_errors": {"ratio": 1.5}},
        {"inference_errors": {"ratio": -0.1}},
        {"inference_errors": {"ratio": True}},
        {"inference_errors": {"ratio": "half"}},
        {"inference_errors": {"kind": "magic"}},
        {"inference_errors": {"kinds": {"engine": 0.7, "timeout": 0.7}}},
        {"inference_errors": {"kinds": {"engine": "x"}}},
        {"inference_errors": {"unknown": 1}},
        {"inference_errors": "all"},
        {"latency": {"add_s": -1}},
        {"latency": {"factor": 0}},
        {"hang": {"ratio": 2}},
        {"device_failure": {"pool": "tpu"}},
        {"unload_models": {"models": ["x"]}},
        {"unload_models": {"models": [1]}},
        {"queue_pressure": {"size": 10**6}},
        {"queue_pressure": {"size": 0.5}},
        {"memory": {}},
        {"memory": {"target_bytes": 10**15}},
        {"stall": {"lasts_s": 1e9}},
        {"health": {"checks": ["x"]}},
        {"health": None},
        {"log_mute": {"streams": ["x"]}},
        {"metric_rename": {"metric": 5, "to": "x"}},
        {"metrics_endpoint": {"mode": "x"}},
        {"cache_bypass": {}, "hang": {"ratio": 2}},
        {"load_models": {"models": []}},
        {"load_models": {"models": ["nobody-7b"]}},
    ],
)
def test_nonsense_is_refused_and_changes_nothing(lab: Any, body: Any) -> None:
    async def story() -> None:
        _, _, admin = await _start(lab)
        assert await admin.refuse(body)
        assert (await admin.client.ask("GET", "/faults")).document["active"] == {}

    lab.run(story())


def test_memory_needs_linux(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        _, _, admin = await _start(lab)
        monkeypatch.delattr("os.memfd_create")
        assert "only Linux" in await admin.refuse({"memory": {"target_bytes": 5}})

    lab.run(story())


def test_memory_that_the_kernel_refuses_is_given_back(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        _, _, admin = await _start(lab)
        resident = resident_memory_bytes()
        real, left = mmap.mmap, [2]

        def limited(*args: Any, **options: Any) -> mmap.mmap:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(12, "Cannot allocate memory")
            return real(*args, **options)

        monkeypatch.setattr(mmap, "mmap", limited)
        assert "the kernel refuses" in await admin.refuse({"memory": {"target_bytes": resident + 10**9}})
        assert resident_memory_bytes() < resident + 50_000_000

    lab.run(story())


def test_healing_twice_is_harmless_and_an_unknown_name_is_said(lab: Any) -> None:
    async def story() -> None:
        _, client, admin = await _start(lab)
        await admin.inject(cache_bypass=None)
        assert await admin.heal("cache_bypass")
        assert await admin.heal("cache_bypass") == {}
        assert await admin.heal() == {}
        assert (await admin.client.ask("DELETE", "/faults/magic")).status == 404
        assert (await admin.client.ask("GET", "/else")).status == 404
        available = (await admin.client.ask("GET", "/faults")).document["available"]
        assert available.keys() == FAULTS.keys()
        assert available["memory"] == {"target_bytes": "int"}
        assert (await client.ask("GET", "/faults")).status == 404

    lab.run(story())
